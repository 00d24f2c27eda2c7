//! Posted limits of height, width, length and weight, against the size of a vehicle (OSM wiki, pages Key:maxheight, Key:maxwidth,
//! Key:maxlength, Key:maxweight, Key:maxweightrating, Key:maxgcweight and Key:maxaxleload).

use super::access::{Access, Direction, conditional, directed};
use super::condition::clauses;
use super::item::Tags;
use super::measure::{Unit, measure};
use crate::profile::{BuildSettings, Dimensions};

/// A kind of limit: its key, the size that it is compared with, and the unit of that.
type Kind = (&'static str, fn(&Dimensions) -> u32, Unit);

const KINDS: [Kind; 10] = [
    ("maxheight", |size| size.height_cm, Unit::Centimetres),
    ("maxheight:physical", |size| size.height_cm, Unit::Centimetres),
    ("maxwidth", |size| size.width_cm, Unit::Centimetres),
    ("maxwidth:physical", |size| size.width_cm, Unit::Centimetres),
    ("maxlength", |size| size.length_cm, Unit::Centimetres),
    ("maxweight", |size| size.weight_kg, Unit::Kilograms),
    ("maxweightrating", |size| size.weight_kg, Unit::Kilograms),
    // Of a vehicle with its trailer: without one it is the same.
    ("maxgcweight", |size| size.weight_kg, Unit::Kilograms),
    ("maxgcweightrating", |size| size.weight_kg, Unit::Kilograms),
    ("maxaxleload", |size| size.axle_load_kg, Unit::Kilograms),
];

/// A height below the general limit of a country, but not posted: just below 4 m, the lowest of them in Europe.
const BELOW_DEFAULT_CM: u32 = 399;

/// True if an item may have a limit: a key begins like one.
pub(crate) fn is_limit(key: &str) -> bool {
    key.starts_with("max") && KINDS.iter().any(|(kind, ..)| key.starts_with(kind))
}

/// What the limits of a way or of a point allow in one direction.
pub(crate) fn limited(tags: &Tags, settings: &BuildSettings, direction: Option<Direction>) -> Access {
    if !tags.keys().any(is_limit) {
        return Access::Open;
    }
    KINDS.iter().map(|kind| allowed(tags, settings, direction, kind)).min().unwrap_or(Access::Open)
}

fn allowed(tags: &Tags, settings: &BuildSettings, direction: Option<Direction>, kind: &Kind) -> Access {
    let &(key, size, unit) = kind;
    let mine = size(&settings.dimensions);
    let passes = |text: &str| {
        let limit = if text.trim() == "below_default" && unit == Unit::Centimetres {
            Some(BELOW_DEFAULT_CM)
        } else {
            // Of several values the least counts: one of them is for a lane or an arch that cannot be told.
            text.split([';', '|']).filter_map(|text| measure(text, unit)).min()
        };
        if limit.is_some_and(|limit| mine > limit) { Access::Closed } else { Access::Open }
    };
    // A limit for this kind of vehicle is said instead of the general one.
    let kinds = settings.profile.kinds();
    let own = kinds.iter().rev().find_map(|kind| directed(tags, &format!("{key}:{kind}"), direction));
    let mut now = own.or_else(|| directed(tags, key, direction)).map_or(Access::Open, passes);
    let keys = std::iter::once(key.to_owned()).chain(kinds.iter().map(|kind| format!("{key}:{kind}")));
    for key in keys {
        for text in conditional(tags, &key, direction) {
            for (text, holds) in clauses(text, &settings.dimensions) {
                now = holds.applied(now, passes(text));
            }
        }
    }
    now
}
