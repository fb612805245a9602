//! docs/funnels.md.
