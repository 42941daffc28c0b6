//! fsvae-sim
