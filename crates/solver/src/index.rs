//! Index types: a stop is no tour and no node, a stop of a problem is no stop of a piece of it, and the compiler knows it.
//!
//! All are plain `u32` in memory: half the size of a pointer keeps the records of a search in a core's caches. The field is public
//! because every value is legal; whether there is such a stop, tour or node is checked where a problem is built.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Index, IndexMut};

/// What every index type can do, written once.
macro_rules! index_types {
    ($($(#[$doc:meta])* $vis:vis struct $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        $vis struct $name(pub u32);

        #[allow(dead_code, reason = "one list for all types: not each of them needs all of it")]
        impl $name {
            /// None at all.
            $vis const NONE: Self = Self(u32::MAX);

            /// For arrays that have one entry for each.
            #[inline]
            $vis const fn index(self) -> usize {
                self.0 as usize
            }

            /// `Some` unless this is `NONE`.
            $vis fn get(self) -> Option<Self> {
                (self != Self::NONE).then_some(self)
            }

            /// All in order, without end: to be zipped with what there is for each.
            $vis fn all() -> impl Iterator<Item = Self> + Clone {
                (0..u32::MAX).map(Self)
            }

            /// The first `count`, in order.
            $vis fn first(count: usize) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
                (0..count as u32).map(Self)
            }
        }

        impl Ix for $name {
            #[inline]
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index_types! {
    /// A stop: its index in the stops of a problem.
    pub struct StopIx;

    /// A tour: the index of its vehicle in the vehicles of a problem.
    pub struct TourIx;

    /// A node: a row and column of the leg matrix, or an index of the coordinates that legs are computed from. Several stops may be
    /// at one node.
    pub struct NodeIx;

    /// A stop of a piece: its index among the stops of that piece.
    pub(crate) struct LocalStop;

    /// A tour of a piece: its index among the tours of that piece.
    pub(crate) struct LocalTour;

    /// A member of the ring that a tour of a piece is, and a row and column of the piece's table of legs: a stop, or the sentinel of
    /// a tour, which stands for its start and for its end. Stops come first, under their own numbers, then the sentinels of the
    /// tours.
    pub(crate) struct LocalNode;
}

impl LocalStop {
    /// A stop of a piece that is the whole problem.
    #[inline]
    pub(crate) fn of_whole(stop: StopIx) -> Self {
        Self(stop.0)
    }
}

impl LocalTour {
    /// A tour of a piece that is the whole problem.
    #[inline]
    pub(crate) fn of_whole(tour: TourIx) -> Self {
        Self(tour.0)
    }
}

impl LocalNode {
    /// The stop at a node that is no sentinel.
    #[inline]
    pub(crate) fn stop(self) -> LocalStop {
        LocalStop(self.0)
    }
}

impl From<LocalStop> for LocalNode {
    #[inline]
    fn from(stop: LocalStop) -> Self {
        Self(stop.0)
    }
}

/// An index type.
pub(crate) trait Ix: Copy {
    /// For arrays that have one entry for each.
    fn index(self) -> usize;
}

/// A value for each stop, tour or node, looked up by nothing but such a one (a stop of a piece is also a node of it).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct By<I, T> {
    values: Vec<T>,
    by: PhantomData<I>,
}

impl<I, T: Clone> By<I, T> {
    /// The same value for each of `count`.
    pub(crate) fn each(value: T, count: usize) -> Self {
        vec![value; count].into()
    }

    /// Makes room for `count`, new ones with this value.
    pub(crate) fn resize(&mut self, count: usize, value: T) {
        self.values.resize(count, value);
    }
}

impl<I: Ix, T> By<I, T> {
    #[inline]
    pub(crate) fn get(&self, index: impl Into<I>) -> Option<&T> {
        self.values.get(index.into().index())
    }
}

impl<I, T> Default for By<I, T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<I, T> From<Vec<T>> for By<I, T> {
    fn from(values: Vec<T>) -> Self {
        Self { values, by: PhantomData }
    }
}

impl<I, T> FromIterator<T> for By<I, T> {
    fn from_iter<V: IntoIterator<Item = T>>(values: V) -> Self {
        values.into_iter().collect::<Vec<T>>().into()
    }
}

impl<'a, I, T> IntoIterator for &'a By<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter()
    }
}

impl<I, T> IntoIterator for By<I, T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl<I, T> Deref for By<I, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.values
    }
}

impl<I, T> DerefMut for By<I, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
}

impl<I: Ix, J: Into<I>, T> Index<J> for By<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, index: J) -> &T {
        &self.values[index.into().index()]
    }
}

impl<I: Ix, J: Into<I>, T> IndexMut<J> for By<I, T> {
    #[inline]
    fn index_mut(&mut self, index: J) -> &mut T {
        &mut self.values[index.into().index()]
    }
}
