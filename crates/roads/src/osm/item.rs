//! What an OpenStreetMap extract holds, as far as streets need it.

/// One item of an extract. The readers leave out items that no street needs.
pub(crate) enum Item {
    /// A point of the map, in 1e-7 degrees of longitude and latitude.
    Node {
        id: i64,
        x: i32,
        y: i32,
    },
    Way(Way),
    Restriction(Restriction),
}

/// A way with a `highway` tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    pub(crate) id: i64,
    pub(crate) nodes: Vec<i64>,
    pub(crate) tags: Tags,
}

/// Keys and values of an item.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags(pub(crate) Vec<(String, String)>);

impl Tags {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

/// A turn that is forbidden, or the only one allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restriction {
    pub(crate) from: Vec<i64>,
    pub(crate) to: Vec<i64>,
    pub(crate) via_nodes: Vec<i64>,
    /// In the order in which they are driven.
    pub(crate) via_ways: Vec<i64>,
    pub(crate) tags: Tags,
}

/// Which items a pass over the bytes wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nodes,
    WaysAndRestrictions,
}
