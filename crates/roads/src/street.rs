//! Streets as people see them: on the map, and as steps of a way.

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
