//! What a vehicle makes of a leg: its own time and its own price.

use super::legs::{BRIDGE, Legs};
use super::spec::TourSpec;
use super::units::UNREACHABLE;
use crate::index::NodeIx;

/// What a class of vehicles makes of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class {
    table: u16,
    time_factor: u16,
    per_hour: i64,
    per_km: i64,
}

impl TourSpec {
    pub(super) fn class(&self) -> Class {
        Class { table: self.table, time_factor: self.time_factor, per_hour: self.per_hour, per_km: self.per_km }
    }
}

/// More than the units by which rounding can make the sum of two legs shorter than the third.
pub(super) const ROUNDINGS: i32 = 10;

impl Class {
    /// What a vehicle of this class makes of a time of the matrix.
    #[inline]
    pub(crate) fn time(self, time: i32) -> i32 {
        if time >= UNREACHABLE {
            UNREACHABLE
        } else if self.time_factor == 1000 {
            time
        } else {
            (i64::from(time) * i64::from(self.time_factor) / 1000).min(i64::from(UNREACHABLE)) as i32
        }
    }

    /// Time and price, in millionths, of a leg.
    #[inline]
    pub(crate) fn leg(self, legs: &Legs, a: NodeIx, b: NodeIx) -> (i32, i32) {
        let (time, metres) = legs.pair_in(self.table, a, b);
        self.priced((self.time(time), metres))
    }

    /// More than what rounding can change a price by, in millionths.
    pub(super) fn price_rounding(self) -> i64 {
        i64::from(self.priced((self.time(ROUNDINGS), ROUNDINGS)).1)
    }

    /// Price, in millionths, of a leg that takes such a vehicle so long; and the time.
    #[inline]
    pub(super) fn priced(self, (time, metres): (i32, i32)) -> (i32, i32) {
        if metres == BRIDGE {
            return (time, i32::MAX / 4);
        }
        // Millionths; an `i32` holds 107 hours at 20 an hour.
        let by_time = i64::from(time).saturating_mul(self.per_hour) / 3_600_000;
        let cost = by_time.saturating_add(i64::from(metres).saturating_mul(self.per_km) / 1000);
        (time, cost.clamp(0, i64::from(i32::MAX / 4)) as i32)
    }
}
