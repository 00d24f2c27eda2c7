//! Indices of things in a street network. Each kind has a type of its own, so that the index of a junction cannot be taken for
//! that of an edge.

use std::ops::{Index, IndexMut};

macro_rules! ids {
    ($($(#[$about:meta])* $seen:vis $name:ident;)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $seen struct $name($seen u32);

        impl $name {
            /// The id of the item at an index of a list.
            pub(crate) fn at(index: usize) -> Self {
                Self(index as u32)
            }

            /// The first `count` ids.
            pub(crate) fn first(count: usize) -> impl DoubleEndedIterator<Item = Self> + Clone {
                (0..count as u32).map(Self)
            }
        }

        impl<T> Index<$name> for [T] {
            type Output = T;

            fn index(&self, id: $name) -> &T {
                &self[id.0 as usize]
            }
        }

        impl<T> Index<$name> for Vec<T> {
            type Output = T;

            fn index(&self, id: $name) -> &T {
                &self[id.0 as usize]
            }
        }

        impl<T> IndexMut<$name> for Vec<T> {
            fn index_mut(&mut self, id: $name) -> &mut T {
                &mut self[id.0 as usize]
            }
        }
    )*};
}

ids! {
    /// A junction, by rank: 0 is contracted first. A junction with turn restrictions has an id for every way into it that is
    /// restricted.
    pub JunctionId;
    /// A directed edge between two junctions, as events name it (`road.closed` by edge).
    pub EdgeId;
    /// A stretch of street between two junctions, which both directions share.
    pub(crate) SegmentId;
}
