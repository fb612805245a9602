//! Drives both programs as their users do.

mod sandbox;
