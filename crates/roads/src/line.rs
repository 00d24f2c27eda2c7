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
        Space::Geographic => haversine(a, b),
        Space::Planar => {
            let dx = f64::from(a.x) - f64::from(b.x);
            let dy = f64::from(a.y) - f64::from(b.y);
            (dx * dx + dy * dy).sqrt() / 1000.0
        }
    }
}

/// Half angles below this (radians) have their sine from its series: places less than 250 km apart.
const SMALL: f64 = 0.02;

/// The distance of [`Haversine`]. It is asked for millions of times a second, mostly within a city, where series take the place of three of
/// its five trigonometric functions: what they leave out is below the last bit.
fn haversine(a: Position, b: Position) -> f64 {
    const RADIANS: f64 = std::f64::consts::PI / 180.0 / 1e7;
    let half = |from: i32, to: i32| 0.5 * RADIANS * (f64::from(to) - f64::from(from));
    let (latitude, longitude) = (half(a.y, b.y), half(a.x, b.x));
    if latitude.abs().max(longitude.abs()) >= SMALL {
        return Haversine.distance(degrees(a), degrees(b));
    }
    let cosine = |at: i32| (RADIANS * f64::from(at)).cos();
    let (over, along) = (small_sine(latitude), small_sine(longitude));
    let h = over * over + cosine(a.y) * cosine(b.y) * along * along;
    2.0 * Haversine.radius() * small_arcsine(h.sqrt())
}

/// The sine of a small angle: its Taylor series.
fn small_sine(x: f64) -> f64 {
    let square = x * x;
    x * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0)))
}

/// The angle of a small sine: the Taylor series of the inverse sine.
fn small_arcsine(x: f64) -> f64 {
    let square = x * x;
    x * (1.0 + square * (1.0 / 6.0 + square * (3.0 / 40.0 + square * (15.0 / 336.0 + square * (105.0 / 3456.0)))))
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

#[cfg(test)]
mod tests {
    use fleetfold_model::Position;
    use geo::{Distance, Haversine};
    use proptest::prelude::*;

    use super::{degrees, haversine};

    proptest! {
        /// The series give the distance of the library to a billionth, near and far, at the poles and across the date line.
        #[test]
        fn the_quick_distance_is_that_of_the_library(
            (x, y) in (-1_800_000_000..=1_800_000_000i32, -900_000_000..=900_000_000i32),
            (dx, dy) in (-30_000_000..=30_000_000i32, -30_000_000..=30_000_000i32),
            shrink in 0..=24u32,
        ) {
            let b = Position { x: (x + (dx >> shrink)).clamp(-1_800_000_000, 1_800_000_000), y: (y + (dy >> shrink)).clamp(-900_000_000, 900_000_000) };
            let a = Position { x, y };
            let (ours, theirs) = (haversine(a, b), Haversine.distance(degrees(a), degrees(b)));
            prop_assert!((ours - theirs).abs() <= 1e-9 * theirs + 1e-6, "{ours} {theirs}");
        }
    }
}
