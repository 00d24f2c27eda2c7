//! What a vehicle makes of a leg: its own time and its own price.

use super::spec::TourSpec;
use super::units::UNREACHABLE;

/// What a class of vehicles makes of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class {
    time_factor: u16,
    per_hour: i64,
    per_km: i64,
}

impl TourSpec {
    pub(super) fn class(&self) -> Class {
        Class { time_factor: self.time_factor, per_hour: self.per_hour, per_km: self.per_km }
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

    /// Time and price, in millionths, of a leg of the matrix.
    #[inline]
    pub(crate) fn leg(self, (time, metres): (i32, i32)) -> (i32, i32) {
        self.priced((self.time(time), metres))
    }

    /// Price, in millionths, of a leg that takes such a vehicle so long; and the time.
    #[inline]
    pub(super) fn priced(self, (time, metres): (i32, i32)) -> (i32, i32) {
        // Millionths; an `i32` holds 107 hours at 20 an hour.
        let by_time = i64::from(time).saturating_mul(self.per_hour) / 3_600_000;
        let cost = by_time.saturating_add(i64::from(metres).saturating_mul(self.per_km) / 1000);
        (time, cost.clamp(0, i64::from(i32::MAX / 4)) as i32)
    }
}
