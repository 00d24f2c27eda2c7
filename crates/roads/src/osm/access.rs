//! Who may use a way or pass a barrier: the values of access tags, and how tags of general and of particular kinds of vehicle
//! add up.
//!
//! The rules are those of the OSM wiki, pages Key:access and Conditional restrictions. A tag of a particular kind of vehicle
//! overrides one of a general kind, and a tag of one direction overrides the tag of both.

use super::condition::{Holds, clauses};
use super::item::Tags;
use crate::profile::{BuildSettings, Profile};

/// What a vehicle may do on a way, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// It may not be there.
    Closed,
    /// It may be there if its trip begins or ends there, and may not drive through.
    Destination,
    /// It may drive through.
    Open,
}

/// A direction along a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    /// The ending of keys that are about it.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Forward => ":forward",
            Self::Backward => ":backward",
        }
    }
}

/// What a vehicle may do on a way in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(crate) access: Access,
    /// A bicycle has to be pushed.
    pub(crate) pushed: bool,
}

/// Values that keep others out because the owner of a street or of a gate wants it, and not because a vehicle is of some kind or size.
const PRIVATE: [&str; 8] = ["private", "permit", "residents", "resident", "employees", "staff", "members", "students"];

/// The tags as they are for a vehicle that the owner of a street or of a gate lets in. A track is as good as a driveway to it.
pub(crate) fn invited(tags: &Tags) -> Tags {
    let open = |(key, value): &(String, String)| {
        let value = match (key.as_str(), value.as_str()) {
            ("locked", "yes") => "no",
            ("highway", "track") => "service",
            (_, value) if PRIVATE.contains(&value) => "yes",
            (_, value) => value,
        };
        (key.clone(), value.to_owned())
    };
    Tags(tags.0.iter().map(open).collect())
}

/// What an access tag allows. Of a list the most generous value counts, because the traffic of each value is allowed. `None`:
/// nothing that is known.
pub(crate) fn value(text: &str, profile: Profile) -> Option<Permission> {
    let one = |word: &str| {
        let access =
            match word {
                "yes" | "designated" | "official" | "permissive" | "public" | "optional_sidepath" | "discouraged"
                | "true" => Access::Open,
                "dismount" if profile == Profile::Bike => {
                    return Some(Permission { access: Access::Open, pushed: true });
                }
                "destination" | "delivery" | "customers" | "local" => Access::Destination,
                "no" | "agricultural" | "forestry" | "emergency" | "military" | "use_sidepath" | "dismount"
                | "false" => Access::Closed,
                private if PRIVATE.contains(&private) => Access::Closed,
                // A list of the kinds of vehicles that may use the way.
                "psv" | "bus" | "taxi" | "tourist_bus" | "coach" | "minibus" | "hov" | "hgv" | "goods" | "motorcar"
                | "motorcycle" | "moped" | "mofa" | "bicycle" | "foot" | "horse" | "carriage" | "disabled"
                | "tractor" | "atv" | "snowmobile" | "ski" | "motor_vehicle" | "vehicle" => {
                    if profile.kinds().contains(&word) { Access::Open } else { Access::Closed }
                }
                _ => return None,
            };
        Some(Permission { access, pushed: false })
    };
    let words = text.split([';', ',', '|']).map(|word| word.trim().to_ascii_lowercase());
    words.filter_map(|word| one(&word)).max_by_key(|permission| (permission.access, !permission.pushed))
}

/// What the access tags of a way or of a barrier allow in one direction; `before` is what holds without tags. `opens` says which
/// kinds of tags can open what is closed without tags.
pub(crate) fn permission(
    tags: &Tags,
    settings: &BuildSettings,
    direction: Option<Direction>,
    before: Access,
    opens: impl Fn(&str) -> bool,
) -> Permission {
    let mut now = Permission { access: before, pushed: false };
    for &kind in settings.profile.kinds() {
        let plain = directed(tags, kind, direction).and_then(|text| value(text, settings.profile));
        if let Some(plain) = plain
            && (plain.access == Access::Closed || before != Access::Closed || opens(kind))
        {
            now = plain;
        }
        for text in conditional(tags, kind, direction) {
            for (text, holds) in clauses(text, &settings.dimensions) {
                if let Some(then) = value(text, settings.profile)
                    && (then.access < now.access || before != Access::Closed || opens(kind))
                {
                    now.access = holds.applied(now.access, then.access);
                }
            }
        }
    }
    now
}

/// The value of a key for one direction: the key with the direction's ending, otherwise the key alone.
pub(crate) fn directed<'t>(tags: &'t Tags, key: &str, direction: Option<Direction>) -> Option<&'t str> {
    direction.and_then(|direction| tags.get_joined(&[key, direction.suffix()])).or_else(|| tags.get(key))
}

/// The values of a key that hold under conditions: for both directions, then for this one.
pub(crate) fn conditional<'t>(
    tags: &'t Tags,
    key: &str,
    direction: Option<Direction>,
) -> impl Iterator<Item = &'t str> + use<'t> {
    let both = tags.get_joined(&[key, ":conditional"]);
    let one = direction.and_then(|direction| {
        tags.get_joined(&[key, direction.suffix(), ":conditional"])
            .or_else(|| tags.get_joined(&[key, ":conditional", direction.suffix()]))
    });
    both.into_iter().chain(one)
}

impl Holds {
    /// What may be done when something else holds under a condition. The hour and the day of a trip are not known when a graph is
    /// built: what is forbidden at some hours is not used, and what is allowed at some hours only is not used either.
    pub(crate) fn applied(self, now: Access, then: Access) -> Access {
        match self {
            Self::Always => then,
            Self::Sometimes => now.min(then),
            Self::ForDestinations if then > now => then.min(Access::Destination),
            Self::ForDestinations | Self::Never => now,
        }
    }
}
