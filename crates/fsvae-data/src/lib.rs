//! fsvae-data
