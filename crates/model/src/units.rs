//! Time in milliseconds, distance in metres, cost and load in integers: exact, ordered, and the same sum on
//! any thread. No `Timestamp + Timestamp`: the sum of two instants means nothing, so it does not compile.

use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// An instant: milliseconds of Unix time (since 1970 began, UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// A signed span of time in milliseconds. Negative means early, or overdue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub i64);

impl Millis {
    /// Whole seconds as a span.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;
    fn add(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}
impl Sub<Millis> for Timestamp {
    type Output = Self;
    fn sub(self, span: Millis) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}
impl Sub for Timestamp {
    type Output = Millis;
    fn sub(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}
impl Add for Millis {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sub for Millis {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl AddAssign for Millis {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Neg for Millis {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// A distance in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Metres(pub i64);

impl Add for Metres {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl AddAssign for Metres {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// A cost in millionths of the zone's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cost(pub i64);

/// How many load dimensions an order or a vehicle may use.
pub const LOAD_DIMENSIONS: usize = 4;

/// What goods take up, in thousandths of the fleet's own unit of each dimension (pieces, kg, litres, pallets).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Load(pub [i32; LOAD_DIMENSIONS]);

impl Load {
    /// True when every dimension is at most the other's.
    pub fn fits_in(self, capacity: Self) -> bool {
        self.0.iter().zip(capacity.0).all(|(&load, room)| load <= room)
    }
}

impl Add for Load {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let mut sum = self;
        sum += other;
        sum
    }
}
impl AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }
}
impl SubAssign for Load {
    fn sub_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_sub(theirs);
        }
    }
}

/// The period in which service may start, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeWindow {
    // Invariant: opens <= closes. Holds from `new` on, so nobody downstream checks it again.
    opens: Timestamp,
    closes: Timestamp,
}

impl TimeWindow {
    /// `None` when the window would close before it opens.
    pub fn new(opens: Timestamp, closes: Timestamp) -> Option<Self> {
        (opens <= closes).then_some(Self { opens, closes })
    }

    /// The earliest instant at which service may start.
    pub fn opens(self) -> Timestamp {
        self.opens
    }

    /// The latest instant at which service may start.
    pub fn closes(self) -> Timestamp {
        self.closes
    }
}
