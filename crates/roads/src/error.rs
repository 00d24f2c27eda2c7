//! Why a description of travel times is no network.

/// Why a description of travel times is no network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// A table without places, or streets without a junction or an edge.
    #[error("the network has no places or no streets")]
    Empty,
    /// An edge begins or ends in a junction that is not in the list of junctions.
    #[error("street edge {edge} names junction {junction}; there are {junctions} junctions, from 0")]
    UnknownJunction {
        /// Index of the edge in the description.
        edge: usize,
        /// The junction that it names.
        junction: u32,
        /// Junctions in the description.
        junctions: usize,
    },
    /// A table that does not have one row and one column for each place.
    #[error(
        "the table must have one row and one column per place: {places} places, {seconds} seconds, {metres} metres"
    )]
    TableSize {
        /// Places of the table.
        places: usize,
        /// Cells with seconds.
        seconds: usize,
        /// Cells with metres.
        metres: usize,
    },
    /// A cell of a table is longer than the longest leg that can be driven.
    #[error("a travel time of {seconds} s in the table; {most} s are the most")]
    LegTooLong {
        /// The travel time in seconds.
        seconds: u32,
        /// The longest one that can be held.
        most: u32,
    },
    /// Straight lines at a speed that is not positive.
    #[error("the speed must be positive, not {metres_per_minute} metres a minute")]
    Speed {
        /// The speed of the description.
        metres_per_minute: f64,
    },
    /// Straight lines that are shorter than straight.
    #[error("the detour must be at least 100 per cent, not {percent}")]
    Detour {
        /// The detour of the description, in per cent of the straight line.
        percent: u32,
    },
}
