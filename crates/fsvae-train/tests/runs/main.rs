//! `fsvae-train` from outside: what else a run writes and meets.

mod baselines;
mod common;
mod misfortunes;
mod tensorboard;
