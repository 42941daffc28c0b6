//! fsvae-compile
