//! What an OpenStreetMap extract holds, as far as streets need it.

/// One item of an extract. The readers leave out items that no street needs.
pub(crate) enum Item {
    Node(Node),
    Way(Way),
    Restriction(Restriction),
    /// A way or a relation that is no street and no turn restriction in this version, or is deleted: it counts if the extract holds
    /// other versions of it.
    Nothing(Key),
}

/// What tells items apart: the kind, OpenStreetMap's id, and how often it was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) id: i64,
    /// Zero if the extract does not say.
    pub(crate) version: u32,
}

/// Kinds of items that can have several versions in an extract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    #[default]
    Way,
    Relation,
}

/// A point of the map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) id: i64,
    pub(crate) version: u32,
    /// Longitude and latitude in 1e-7 degrees; `None`: the point is deleted.
    pub(crate) place: Option<(i32, i32)>,
    /// Empty unless the point may bar the way.
    pub(crate) tags: Tags,
}

/// A way with a `highway` tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    pub(crate) id: i64,
    pub(crate) version: u32,
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

    /// The value of a key that is given in pieces.
    pub(crate) fn get_joined(&self, pieces: &[&str]) -> Option<&str> {
        let joined = |known: &str| pieces.iter().try_fold(known, |rest, piece| rest.strip_prefix(piece)) == Some("");
        self.0.iter().find(|(known, _)| joined(known)).map(|(_, value)| value.as_str())
    }

    /// All keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

/// A turn that is forbidden, or the only one allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restriction {
    pub(crate) id: i64,
    pub(crate) version: u32,
    pub(crate) from: Vec<i64>,
    pub(crate) to: Vec<i64>,
    pub(crate) via_nodes: Vec<i64>,
    /// In the order in which they are driven.
    pub(crate) via_ways: Vec<i64>,
    pub(crate) tags: Tags,
}

impl Restriction {
    /// Adds a member of the relation, if it has a role in a turn restriction.
    pub(crate) fn add(&mut self, role: &str, kind: &str, id: i64) {
        match (role, kind) {
            ("from", "way") => self.from.push(id),
            ("to", "way") => self.to.push(id),
            ("via", "node") => self.via_nodes.push(id),
            ("via", "way") => self.via_ways.push(id),
            _ => {}
        }
    }
}

/// True if a relation of this type is a turn restriction: `restriction`, and of old `restriction:hgv` and the like.
pub(crate) fn is_restriction(kind: &str) -> bool {
    kind == "restriction" || kind.starts_with("restriction:")
}

/// Which items a pass over the bytes wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nodes,
    WaysAndRestrictions,
}
