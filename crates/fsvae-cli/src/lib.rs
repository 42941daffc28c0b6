//! fsvae-cli
