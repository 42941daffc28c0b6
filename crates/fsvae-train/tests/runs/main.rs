//! `fsvae-train` from outside.

mod baselines;
mod common;
mod data_sets;
mod fit;
mod misfortunes;
mod tensorboard;
