//! What a customer is told of when his order comes.

use crate::{Name, Timestamp};

/// In how many of a hundred cases the vehicle arrives within the interval that was told.
pub const ETA_COVERAGE_PERCENT: u8 = 80;

/// How things stand with an order, for its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtaState {
    /// A vehicle is expected.
    Expected {
        /// The likeliest time, as planned.
        arrival: Timestamp,
        /// The interval begins here: in [`ETA_COVERAGE_PERCENT`] of a hundred cases the vehicle arrives within it.
        earliest: Timestamp,
        /// It ends here.
        latest: Timestamp,
    },
    /// No vehicle brings it now, although one was expected.
    NoVehicle,
    /// The vehicle is there.
    Arrived {
        /// Since when.
        at: Timestamp,
    },
    /// The order is over: served, failed or cancelled.
    Ended,
}

/// What a customer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eta {
    /// Which order.
    pub order: Name,
    /// What of it.
    pub state: EtaState,
    /// When it was said (zone time).
    pub at: Timestamp,
    /// Of two messages about an order the one with the higher number counts.
    pub revision: u64,
}
