//! The funnels that come with the product, and the examples of docs/funnels.md.

mod docs;
mod shipped;
