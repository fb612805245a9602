//! Backups: what is in one (`archive`), how it is locked (`seal`), and which are kept (`rotation`).

pub mod archive;
pub mod put_back;
pub mod rotation;
pub mod seal;
pub mod shelf;
pub mod take;
