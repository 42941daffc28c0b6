//! fsvae-checkpoint
mod config;

pub use config::*;
