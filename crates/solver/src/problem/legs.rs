//! Legs: travel times and lengths between nodes, from a matrix or computed on the fly from coordinates.
//!
//! A matrix of n nodes takes 8 n² bytes; above some 3,000 nodes legs come from coordinates, which is as fast.

use super::hourly::{AskedLegs, TimeDependentLegs};
use super::units::UNREACHABLE;
use crate::index::NodeIx;

/// The length of a leg that does not exist and is as dear as a leg can be.
pub(super) const BRIDGE: i32 = i32::MAX;

/// How a length becomes an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Down (`DIMACS`: truncated to one decimal).
    Down,
    /// To the nearest (`TSPLIB`).
    Nearest,
    /// Up: what is feasible in integers is feasible in reals.
    Up,
}

impl Rounding {
    #[inline]
    fn apply(self, value: f64) -> i32 {
        // The tolerances of the benchmark conventions: exact distances must not fall to the other side by a last bit. Values
        // are not negative, so that truncation is the floor (and needs no call).
        match self {
            Self::Down => (value + 1e-9) as i32,
            Self::Nearest => (value + 0.5) as i32,
            Self::Up => {
                let below = (value - 1e-6) as i32;
                below.saturating_add(i32::from(f64::from(below) < value - 1e-6))
            }
        }
    }
}

/// Travel times (milliseconds) and lengths (metres) between nodes, row by row.
#[derive(Clone, Debug, Default)]
pub struct LegMatrix {
    n: usize,
    legs: Vec<(i32, i32)>,
    /// True lengths, where the second number of a leg is a price; otherwise empty.
    lengths: Vec<i32>,
}

impl LegMatrix {
    /// Fills an `n` by `n` matrix row by row; the function gives (milliseconds, metres).
    pub fn from_fn(n: usize, mut leg: impl FnMut(usize, usize) -> (i32, i32)) -> Self {
        let mut legs = Vec::with_capacity(n * n);
        for a in 0..n {
            for b in 0..n {
                legs.push(leg(a, b));
            }
        }
        Self { n, legs, lengths: Vec::new() }
    }

    /// The same legs with other true lengths: what was given as length before counts as a price only. One length for each pair, row
    /// by row.
    #[must_use]
    pub fn with_lengths(mut self, lengths: Vec<i32>) -> Self {
        self.lengths = lengths;
        self
    }

    /// The same legs, and where there is none one that takes no time and is as dear as a leg can be.
    pub(crate) fn with_bridges(&self) -> Self {
        let bridged = |&(time, metres): &(i32, i32)| if time >= UNREACHABLE { (0, BRIDGE) } else { (time, metres) };
        Self { n: self.n, legs: self.legs.iter().map(bridged).collect(), lengths: self.lengths.clone() }
    }

    /// At least one leg does not exist.
    pub(crate) fn has_gaps(&self) -> bool {
        self.legs.iter().any(|&(time, _)| time >= UNREACHABLE)
    }

    pub(crate) fn len(&self) -> usize {
        self.n
    }

    pub(crate) fn is_legal(&self) -> bool {
        self.legs.iter().all(|&(time, metres)| time >= 0 && metres >= 0)
            && self.lengths.iter().all(|&metres| metres >= 0)
            && (self.lengths.is_empty() || self.lengths.len() == self.legs.len())
    }

    pub(crate) fn get(&self, a: NodeIx, b: NodeIx) -> (i32, i32) {
        self.legs[a.index() * self.n + b.index()]
    }

    /// Legs from a node.
    pub(crate) fn row(&self, from: NodeIx) -> &[(i32, i32)] {
        &self.legs[from.index() * self.n..(from.index() + 1) * self.n]
    }
}

/// A place on the unit sphere.
#[derive(Clone, Copy, Debug)]
pub struct SpherePlace {
    sin: f64,
    cos: f64,
    x: f64,
    y: f64,
    /// Radians.
    lon: f64,
    lat: f64,
}

impl SpherePlace {
    /// From degrees.
    pub fn new(lon: f64, lat: f64) -> Self {
        let (lon, lat) = (lon.to_radians(), lat.to_radians());
        let (sin, cos) = (libm::sin(lat), libm::cos(lat));
        Self { sin, cos, x: cos * libm::cos(lon), y: cos * libm::sin(lon), lon, lat }
    }

    /// Longitude and latitude in radians, the longitude shortened as it is at this latitude: good for a drawing.
    pub fn flat(&self) -> (f64, f64) {
        (self.lon * self.cos, self.lat)
    }
}

/// Travel times and lengths between nodes.
#[derive(Clone, Debug)]
pub enum Legs {
    /// Given in full.
    Matrix(LegMatrix),
    /// Several tables over the same nodes: vehicles of one kind drive other ways than those of another, see [`super::TourSpec::table`].
    /// Where no vehicle is named, the first.
    Several(Vec<LegMatrix>),
    /// Straight lines on a plane: length = `scale` × distance, rounded; time = the same, rounded its own way.
    Plane {
        /// Coordinates of the nodes.
        places: Vec<(f64, f64)>,
        /// Units per coordinate unit.
        scale: f64,
        /// Of lengths.
        length: Rounding,
        /// Of times.
        time: Rounding,
    },
    /// Great circles, metres; times at a speed, in milliseconds or what unit the divisor gives.
    Sphere {
        /// The place of each node.
        places: Vec<SpherePlace>,
        /// Time = metres / this, rounded to the nearest.
        metres_per_time: f64,
    },
    /// Asked for one by one.
    Asked(AskedLegs),
    /// Other times at other hours. Where no departure is named, those of the first span.
    TimeDependent(TimeDependentLegs),
}

impl Default for Legs {
    fn default() -> Self {
        Self::Matrix(LegMatrix::default())
    }
}

impl From<LegMatrix> for Legs {
    fn from(matrix: LegMatrix) -> Self {
        Self::Matrix(matrix)
    }
}

impl Legs {
    /// How many nodes.
    pub fn nodes(&self) -> usize {
        match self {
            Self::Matrix(matrix) => matrix.n,
            Self::Several(tables) => tables.first().map_or(0, |table| table.n),
            Self::Asked(legs) => legs.nodes(),
            Self::TimeDependent(legs) => legs.nodes(),
            Self::Plane { places, .. } => places.len(),
            Self::Sphere { places, .. } => places.len(),
        }
    }

    /// Time and length of a leg, for a vehicle of factor 1000.
    #[inline]
    pub fn pair(&self, a: NodeIx, b: NodeIx) -> (i32, i32) {
        match self {
            Self::Matrix(matrix) => matrix.get(a, b),
            Self::Several(tables) => tables[0].get(a, b),
            Self::Asked(legs) => legs.get(a, b),
            Self::TimeDependent(legs) => legs.first(a, b),
            Self::Plane { places, scale, length, time } => {
                let ((ax, ay), (bx, by)) = (places[a.index()], places[b.index()]);
                let exact = ((ax - bx) * (ax - bx) + (ay - by) * (ay - by)).sqrt() * scale;
                let metres = length.apply(exact);
                (if length == time { metres } else { time.apply(exact) }, metres)
            }
            Self::Sphere { places, metres_per_time } => {
                let metres = great_circle(&places[a.index()], &places[b.index()]);
                (Rounding::Nearest.apply(metres / metres_per_time), Rounding::Nearest.apply(metres))
            }
        }
    }

    /// Time and priced length of a leg in one of several tables.
    #[inline]
    pub(crate) fn pair_in(&self, table: u16, a: NodeIx, b: NodeIx) -> (i32, i32) {
        match self {
            Self::Several(tables) => tables[usize::from(table)].get(a, b),
            Self::Matrix(_) | Self::Asked(_) | Self::TimeDependent(_) | Self::Plane { .. } | Self::Sphere { .. } => {
                self.pair(a, b)
            }
        }
    }

    /// The true length of a leg in one of several tables, metres: the priced one unless the table has prices of its own.
    pub fn length_in(&self, table: u16, a: NodeIx, b: NodeIx) -> i32 {
        let of = |matrix: &LegMatrix| matrix.lengths.get(a.index() * matrix.n + b.index()).copied();
        let other = match self {
            Self::Matrix(matrix) => of(matrix),
            Self::Several(tables) => of(&tables[usize::from(table)]),
            Self::Asked(_) | Self::TimeDependent(_) | Self::Plane { .. } | Self::Sphere { .. } => None,
        };
        other.unwrap_or_else(|| self.pair_in(table, a, b).1)
    }

    /// How many tables there are to choose from.
    pub(crate) fn tables(&self) -> usize {
        if let Self::Several(tables) = self { tables.len() } else { 1 }
    }

    /// Time and priced length of a leg that is begun at an instant, by a vehicle that drives this table in this factor (1000: as the
    /// legs say).
    pub fn leaving(&self, a: NodeIx, b: NodeIx, depart: i32, (table, time_factor): (u16, u16)) -> (i32, i32) {
        let own = |time: i32| {
            // No vehicle is quick enough for a way that there is not.
            if time >= UNREACHABLE {
                return UNREACHABLE;
            }
            let time = i64::from(time) * i64::from(time_factor) / 1000;
            time.min(i64::from(UNREACHABLE)) as i32
        };
        match self {
            Self::TimeDependent(legs) => legs.leaving(a, b, depart, own),
            Self::Matrix(_) | Self::Several(_) | Self::Asked(_) | Self::Plane { .. } | Self::Sphere { .. } => {
                let (time, metres) = self.pair_in(table, a, b);
                (own(time), metres)
            }
        }
    }

    /// Travel time, for a vehicle of factor 1000.
    pub fn time(&self, a: NodeIx, b: NodeIx) -> i32 {
        self.pair(a, b).0
    }

    /// Length.
    pub fn metres(&self, a: NodeIx, b: NodeIx) -> i32 {
        self.pair(a, b).1
    }

    /// Times from one node to others, in their order.
    pub(crate) fn times_from(&self, from: NodeIx, to: impl Iterator<Item = NodeIx>, times: &mut Vec<i32>) {
        times.clear();
        match self {
            Self::TimeDependent(legs) => times.extend(to.map(|node| legs.first(from, node).0)),
            Self::Matrix(matrix) => {
                let row = matrix.row(from);
                times.extend(to.map(|node| row[node.index()].0));
            }
            Self::Several(tables) => {
                let row = tables[0].row(from);
                times.extend(to.map(|node| row[node.index()].0));
            }
            Self::Plane { places, scale, time, .. } => {
                let ((x, y), scale, time) = (places[from.index()], *scale, *time);
                times.extend(to.map(|node| {
                    let (px, py) = places[node.index()];
                    time.apply(((x - px) * (x - px) + (y - py) * (y - py)).sqrt() * scale)
                }));
            }
            Self::Asked(_) | Self::Sphere { .. } => times.extend(to.map(|node| self.pair(from, node).0)),
        }
    }

    /// A leg and its way back are the same.
    pub(crate) fn is_symmetric(&self) -> bool {
        !matches!(self, Self::Matrix(_) | Self::Several(_) | Self::Asked(_) | Self::TimeDependent(_))
    }

    /// Coordinates on some plane, where there are any: for finding near places without asking for every leg.
    pub(crate) fn planar(&self, node: NodeIx) -> Option<(f64, f64)> {
        match self {
            Self::Matrix(_) | Self::Several(_) | Self::Asked(_) | Self::TimeDependent(_) => None,
            Self::Plane { places, .. } => Some(places[node.index()]),
            // Stretched so that both axes have one scale near the first place.
            Self::Sphere { places, .. } => {
                let place = &places[node.index()];
                Some((place.lon * places_cos(places), place.lat))
            }
        }
    }

    /// Travel time per unit of the plane that [`Legs::planar`] speaks of: as near as a drawing is.
    pub(crate) fn time_per_planar(&self) -> Option<f64> {
        match self {
            Self::Matrix(_) | Self::Several(_) | Self::Asked(_) | Self::TimeDependent(_) => None,
            Self::Plane { scale, .. } => Some(*scale),
            Self::Sphere { metres_per_time, .. } => Some(EARTH_RADIUS / metres_per_time),
        }
    }

    pub(crate) fn is_legal(&self) -> bool {
        match self {
            Self::Matrix(matrix) => matrix.is_legal(),
            Self::Several(tables) => {
                tables.iter().all(|table| table.is_legal() && table.n == tables[0].n) && !tables.is_empty()
            }
            // Legs are looked at when they come.
            Self::Asked(_) | Self::TimeDependent(_) => true,
            Self::Plane { places, scale, .. } => {
                scale.is_finite() && *scale > 0.0 && places.iter().all(|(x, y)| x.is_finite() && y.is_finite())
            }
            Self::Sphere { places, metres_per_time } => {
                metres_per_time.is_finite() && *metres_per_time > 0.0 && places.iter().all(|place| place.x.is_finite())
            }
        }
    }
}

/// Metres, mean.
const EARTH_RADIUS: f64 = 6_371_008.8;

fn places_cos(places: &[SpherePlace]) -> f64 {
    places.first().map_or(1.0, |place| place.cos)
}

/// Haversine with a radius by the difference of latitudes (WGS84 axes), the formula that open solvers fall back to. The
/// haversine is a quarter of the squared chord, so that neither sine nor cosine is needed per leg.
fn great_circle(a: &SpherePlace, b: &SpherePlace) -> f64 {
    const EQUATOR: f64 = 6_378_137.0;
    const POLE: f64 = 6_356_752.3;
    let (dx, dy, dz) = (a.x - b.x, a.y - b.y, a.sin - b.sin);
    let half = (dx * dx + dy * dy + dz * dz) / 4.0;
    let s = half.sqrt().min(1.0);
    // asin(s) by its series where that is exact to the last bit; 0.01 rad is 127 km.
    let angle = if s < 0.01 {
        let s2 = s * s;
        2.0 * s * (1.0 + s2 * (1.0 / 6.0 + s2 * (3.0 / 40.0 + s2 * (15.0 / 336.0))))
    } else {
        2.0 * libm::asin(s)
    };
    let sin = a.sin * b.cos - a.cos * b.sin;
    let t = sin * sin;
    if t < 1e-5 {
        // The radius by its series in t, within 1e-12 of it for latitudes less than 20 km apart.
        const K2: f64 = (POLE / EQUATOR) * (POLE / EQUATOR);
        return EQUATOR * (1.0 - t * ((K2 - K2 * K2) / 2.0)) * angle;
    }
    let cos = a.cos * b.cos + a.sin * b.sin;
    let (an, bn) = (EQUATOR * EQUATOR * cos, POLE * POLE * sin);
    let (ad, bd) = (EQUATOR * cos, POLE * sin);
    ((an * an + bn * bn) / (ad * ad + bd * bd)).sqrt() * angle
}

#[cfg(test)]
mod tests {
    use super::{LegMatrix, Legs, NodeIx, Rounding, SpherePlace, UNREACHABLE, great_circle};

    #[test]
    fn no_vehicle_is_quick_enough_for_a_way_that_there_is_not() {
        let legs = Legs::Matrix(LegMatrix::from_fn(2, |a, b| if a < b { (UNREACHABLE, 7) } else { (1000, 7) }));
        for (factor, back) in [(200, 200), (1000, 1000), (2000, 2000)] {
            let time = |a, b| legs.leaving(NodeIx(a), NodeIx(b), 0, (0, factor)).0;
            assert_eq!((time(0, 1), time(1, 0)), (UNREACHABLE, back));
        }
    }

    #[test]
    fn great_circles_agree_with_the_textbook_formula() {
        let textbook = |lon_a: f64, lat_a: f64, lon_b: f64, lat_b: f64| {
            let (la, lb) = (lat_a.to_radians(), lat_b.to_radians());
            let (dla, dln) = (la - lb, (lon_a - lon_b).to_radians());
            let a = (dla / 2.0).sin().powi(2) + (dln / 2.0).sin().powi(2) * la.cos() * lb.cos();
            let c = 2.0 * a.sqrt().atan2((1.0 - a).sqrt());
            let (big, small) = (6_378_137.0f64, 6_356_752.3f64);
            let (an, bn) = (big * big * dla.cos(), small * small * dla.sin());
            let (ad, bd) = (big * dla.cos(), small * dla.sin());
            ((an * an + bn * bn) / (ad * ad + bd * bd)).sqrt() * c
        };
        for (a, b) in [
            ((13.4, 52.52), (13.5, 52.6)),
            ((13.4, 52.52), (13.6, 52.67)),
            ((13.4, 52.52), (13.6, 52.5201)),
            ((13.4, 52.52), (13.4, 52.52)),
            ((-8.6, 41.1), (2.3, 48.8)),
        ] {
            let ours = great_circle(&SpherePlace::new(a.0, a.1), &SpherePlace::new(b.0, b.1));
            let theirs = textbook(a.0, a.1, b.0, b.1);
            assert!((ours - theirs).abs() < 1e-6 * theirs.max(1.0), "{ours} {theirs}");
        }
    }

    #[test]
    fn planes_round_as_the_conventions_say() {
        let legs =
            |length, time| Legs::Plane { places: vec![(0.0, 0.0), (1.0, 1.0), (3.0, 4.0)], scale: 10.0, length, time };
        let pair = |legs: &Legs, a: u32, b: u32| legs.pair(NodeIx(a), NodeIx(b));
        let dimacs = legs(Rounding::Down, Rounding::Down);
        assert_eq!((pair(&dimacs, 0, 1), pair(&dimacs, 0, 2)), ((14, 14), (50, 50)));
        let safe = legs(Rounding::Nearest, Rounding::Up);
        assert_eq!((pair(&safe, 0, 1), pair(&safe, 0, 2)), ((15, 14), (50, 50)));
        // Beyond what an integer holds: the largest there is, not a negative one.
        let far = Legs::Plane {
            places: vec![(0.0, 0.0), (1e9, 1e9)],
            scale: 1000.0,
            length: Rounding::Nearest,
            time: Rounding::Up,
        };
        assert_eq!(pair(&far, 0, 1), (i32::MAX, i32::MAX));
    }
}
