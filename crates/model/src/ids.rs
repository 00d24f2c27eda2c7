//! Identities. Inside the core ids are dense integers in log order, so that every table is an array;
//! outside they are short strings chosen by the fleet's own systems.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Position of an entry in the zone's stream: the only order there is. The first entry is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogSeq(pub u64);

/// One vehicle inside the core: its index, given in log order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VehicleId(pub u32);

impl VehicleId {
    /// The index into tables of vehicles.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One order inside the core: its index, given in log order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderId(pub u32);

impl OrderId {
    /// The index into tables of orders.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An external id: 1 to 64 visible characters, as the fleet system wrote it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name(
    // Invariant: 1..=64 characters, none of them white space or control. Holds from `new` on.
    Arc<str>,
);

impl Name {
    /// The most characters an external id may have.
    pub const CHARS_MAX: usize = 64;

    /// `None` when the text is empty, longer than [`Name::CHARS_MAX`] characters, or has white space or
    /// control characters in it.
    pub fn new(text: &str) -> Option<Self> {
        // Most ids are plain ASCII, which is told byte by byte.
        let plain = text.len() <= Self::CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        let legal = !text.is_empty()
            && (plain
                || (text.chars().count() <= Self::CHARS_MAX
                    && text.chars().all(|c| !c.is_whitespace() && !c.is_control())));
        legal.then(|| Self(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_are_short_and_visible() {
        assert!(Name::new("veh-7/ä").is_some());
        assert!(Name::new(&"x".repeat(64)).is_some());
        for bad in ["", " ", "a b", "a\n", &"x".repeat(65)] {
            assert!(Name::new(bad).is_none(), "{bad:?} was taken");
        }
    }
}
