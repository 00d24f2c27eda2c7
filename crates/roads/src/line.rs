//! Straight lines at one speed, and distances between places.

use fleetfold_model::{Position, Space};
use geo::{Distance, Haversine, Point};

use crate::leg::{Leg, UNREACHABLE_MILLIS};

/// Pace between a place and the street it is served from, in metres per second: between a brisk walk and a slow drive (guess).
pub(crate) const ACCESS_METRES_PER_SECOND: f64 = 5.0;

/// Degrees of a place in the geographic space.
pub(crate) fn degrees(place: Position) -> Point<f64> {
    Point::new(f64::from(place.x) / 1e7, f64::from(place.y) / 1e7)
}

/// Metres as the crow flies: haversine on the mean sphere, or Euclid on the plane.
pub fn crow(space: Space, a: Position, b: Position) -> f64 {
    match space {
        Space::Geographic => Haversine.distance(degrees(a), degrees(b)),
        Space::Planar => {
            let dx = f64::from(a.x) - f64::from(b.x);
            let dy = f64::from(a.y) - f64::from(b.y);
            (dx * dx + dy * dy).sqrt() / 1000.0
        }
    }
}

/// Straight lines at one speed.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) space: Space,
    pub(crate) metres_per_minute: f64,
    /// Length of a leg in per cent of the straight line; at least 100.
    pub(crate) detour_percent: u32,
    /// Travel times are rounded up to a multiple of this; zero: to the millisecond.
    pub(crate) round_up_seconds: u32,
}

impl Line {
    /// Where nothing is known of the roads: 30 km/h with three tenths of detour, a city without a map (guess).
    pub(crate) fn unknown(space: Space) -> Self {
        Self { space, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 }
    }

    /// One leg: the straight line times the detour, its time rounded up to whole steps if the line says so.
    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let metres = crow(self.space, a, b) * f64::from(self.detour_percent) / 100.0;
        let minutes = metres / self.metres_per_minute;
        let millis = if self.round_up_seconds == 0 {
            (minutes * 60_000.0).round() as i64
        } else {
            // Places are whole millimetres: 3.0000000001 steps are three and a rounding error, not four.
            let step = f64::from(self.round_up_seconds);
            (((minutes * 60.0 / step) - 1e-9).ceil().max(0.0) * step * 1000.0) as i64
        };
        Leg { millis: millis.min(i64::from(UNREACHABLE_MILLIS)) as i32, metres: metres.round().min(2e9) as i32 }
    }
}
