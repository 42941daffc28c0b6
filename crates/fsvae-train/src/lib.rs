//! fsvae-train
