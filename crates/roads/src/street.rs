//! Streets as people see them: on the map, and as steps of a way.

use std::fmt;

use fleetfold_model::Position;

/// A street that is driven on a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driven {
    /// Its name; may be empty.
    pub name: String,
    /// Metres on it.
    pub metres: u64,
    /// Milliseconds on it.
    pub millis: u64,
}

/// A straight piece of street, as the map draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Street {
    /// One end.
    pub from: Position,
    /// The other end.
    pub to: Position,
    /// 0 bridge or motorway, 1 arterial, 2 street.
    pub class: u8,
    /// Its name; may be empty.
    pub name: String,
    /// The id by which events name the street.
    pub road: u64,
    /// It may only be driven from `from` to `to`.
    pub oneway: bool,
    /// It cannot be used now.
    pub closed: bool,
}

/// The street that serves a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    /// Its name; may be empty.
    pub name: String,
    /// The id by which events name it.
    pub road: u64,
    /// Metres to it.
    pub metres: f64,
}

/// Why no street serves a place.
#[derive(Clone, Debug, PartialEq)]
pub enum OffStreet {
    /// Every street is too far away.
    Far {
        /// Metres to the nearest one, or to one on which a vehicle may stop if that is not much further.
        metres: f64,
        /// The most metres that there may be.
        limit: u32,
    },
    /// The street that would serve the place has no connection with the others for the vehicle.
    Apart {
        /// Its name; may be empty.
        street: String,
        /// Metres to it.
        metres: f64,
    },
}

impl fmt::Display for OffStreet {
    /// What is said of the place: "is 612 m from the nearest street, 500 m are the most".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Far { metres, limit } => {
                write!(f, "is {metres:.0} m from the nearest street, {limit} m are the most")
            }
            Self::Apart { street, metres } => {
                let street = if street.is_empty() { "without a name" } else { street };
                write!(
                    f,
                    "is {metres:.0} m from its street ({street}), which no road connects with the others for this vehicle"
                )
            }
        }
    }
}
