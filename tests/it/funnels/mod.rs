//! The funnels and sequences that come with the product, and the examples of their pages.

mod docs;
mod months;
mod sequences;
mod shipped;
