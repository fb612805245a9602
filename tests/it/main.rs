//! Drives both programs as their users do.

mod sandbox;
mod sandbox_control;
mod sandbox_faults;
mod sandbox_media;
mod sandbox_schema;
mod sandbox_texts;
