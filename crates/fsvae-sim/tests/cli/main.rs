//! The program as a user runs it.

mod arithmetic;
mod errors;
mod folder;
mod generate;
mod network;
mod paper;
mod reconstruct;
mod stream;
