//! Index types: a stop is no tour and no node, and the compiler knows it.
//!
//! All are plain `u32` in memory: half the size of a pointer keeps the records of a search in a core's caches. The field is public
//! because every value is legal; whether there is such a stop, tour or node is checked where a problem is built.

/// A stop: its index in the stops of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StopIx(pub u32);

impl StopIx {
    /// No stop.
    pub const NONE: Self = Self(u32::MAX);

    /// For arrays that have one entry per stop.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// `Some` unless this is [`StopIx::NONE`].
    pub fn get(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }

    /// Stops in order, without end: to be zipped with what there is for each.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..u32::MAX).map(Self)
    }

    /// The first `count` stops.
    pub fn first(count: usize) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
        (0..count as u32).map(Self)
    }
}

/// A tour: the index of its vehicle in the vehicles of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TourIx(pub u32);

impl TourIx {
    /// No tour.
    pub const NONE: Self = Self(u32::MAX);

    /// For arrays that have one entry per tour.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// `Some` unless this is [`TourIx::NONE`].
    pub fn get(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }

    /// Tours in order, without end: to be zipped with what there is for each.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..u32::MAX).map(Self)
    }

    /// The first `count` tours.
    pub fn first(count: usize) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
        (0..count as u32).map(Self)
    }
}

/// A node: a row and column of the leg matrix, or an index of the coordinates that legs are computed from. Several stops may be at
/// one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub u32);

impl NodeIx {
    /// No node.
    pub const NONE: Self = Self(u32::MAX);

    /// For arrays that have one entry per node.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// `Some` unless this is [`NodeIx::NONE`].
    pub fn get(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}
