//! fsvae-model
