//! The program as a user runs it.

mod errors;
mod folder;
mod generate;
mod network;
mod stream;
