//! Tags in all combinations, against a slow and plain table of what the OSM wiki says (pages Key:access, Key:oneway, Key:barrier,
//! Key:maxheight and those of their values).
//!
//! The table knows nothing of how the reader works: it lists every tag that is about a vehicle from the general to the particular,
//! and lets the last one decide. What a trip may do is found by driving: through the street from west to east, through it from
//! east to west, and to a place on it.

mod support;

use fleetfold_roads::osm::{self, Profile};
use fleetfold_roads::{Network, UNREACHABLE_MILLIS};
use proptest::prelude::*;
use support::{Degrees, EAST, Tags, WEST, map, place};

/// What the wiki allows on a way in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum May {
    Nothing,
    EndThere,
    PassThrough,
}

const HIGHWAYS: [&str; 10] = [
    "primary",
    "residential",
    "service",
    "living_street",
    "trunk",
    "motorway",
    "track",
    "pedestrian",
    "footway",
    "busway",
];
const KEYS: [&str; 12] = [
    "access",
    "vehicle",
    "motor_vehicle",
    "motorcar",
    "goods",
    "hgv",
    "bicycle",
    "psv",
    "motor_vehicle:forward",
    "motor_vehicle:backward",
    "hgv:forward",
    "bicycle:backward",
];
const VALUES: [&str; 14] = [
    "yes",
    "no",
    "private",
    "permit",
    "destination",
    "delivery",
    "customers",
    "designated",
    "permissive",
    "agricultural;forestry",
    "agricultural;destination",
    "psv",
    "use_sidepath",
    "unheard_of",
];
const ONEWAYS: [&str; 8] = ["", "yes", "no", "-1", "reverse", "1", "reversible", "alternating"];
const LIMITS: [(&str, &str); 8] = [
    ("", ""),
    ("maxheight", "2.5"),
    ("maxheight", "4.0"),
    ("maxheight", "12'6\""),
    ("maxweight", "3.5"),
    ("maxweightrating", "7.5 t"),
    ("maxlength", "6"),
    ("maxaxleload", "2"),
];
const BARRIERS: [&str; 8] = ["", "gate", "lift_gate", "bollard", "block", "stile", "toll_booth", "cycle_barrier"];

/// The rows of the wiki's table of values.
fn means(value: &str) -> Option<May> {
    match value {
        "yes" | "designated" | "permissive" => Some(May::PassThrough),
        "destination" | "delivery" | "customers" | "agricultural;destination" => Some(May::EndThere),
        "no" | "private" | "permit" | "agricultural;forestry" | "psv" | "use_sidepath" => Some(May::Nothing),
        _ => None,
    }
}

/// Keys that are about a vehicle, the most general first, with those of one direction after those of both.
fn about(profile: Profile, direction: &str) -> Vec<String> {
    let plain: &[&str] = match profile {
        Profile::Car => &["access", "vehicle", "motor_vehicle", "motorcar"],
        Profile::Van => &["access", "vehicle", "motor_vehicle", "motorcar", "goods"],
        Profile::Truck => &["access", "vehicle", "motor_vehicle", "hgv"],
        Profile::Bike => &["access", "vehicle", "bicycle"],
    };
    plain.iter().flat_map(|key| [(*key).to_owned(), format!("{key}:{direction}")]).collect()
}

fn last_word(tags: &Tags, profile: Profile, direction: &str, without: May, general_opens: bool) -> May {
    let mut decided = without;
    for key in about(profile, direction) {
        for (_, value) in tags.iter().filter(|(known, _)| *known == key) {
            let Some(meaning) = means(value) else { continue };
            let general = key.starts_with("access");
            if without == May::Nothing && general && !general_opens {
                continue;
            }
            decided = meaning;
        }
    }
    decided
}

/// Limits, each with the profiles that are larger at their usual size.
const LARGER: [(&str, &str, &[Profile]); 6] = [
    ("maxheight", "2.5", &[Profile::Van, Profile::Truck]),
    ("maxheight", "12'6\"", &[Profile::Truck]),
    ("maxweight", "3.5", &[Profile::Truck]),
    ("maxweightrating", "7.5 t", &[Profile::Truck]),
    ("maxlength", "6", &[Profile::Truck]),
    ("maxaxleload", "2", &[Profile::Van, Profile::Truck]),
];

fn too_large(tags: &Tags, profile: Profile) -> bool {
    let larger = |key: &str, value: &str| {
        LARGER.iter().any(|&(limit, posted, all)| (limit, posted) == (key, value) && all.contains(&profile))
    };
    tags.iter().any(|(key, value)| larger(key, value))
}

/// What a vehicle may do on the street, in the direction of its line and against it.
fn wiki(way: &Tags, node: &Tags, profile: Profile) -> [May; 2] {
    let get = |key: &str| way.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    let highway = get("highway").unwrap();
    let bike = profile == Profile::Bike;
    let without = match highway {
        "motorway" | "trunk" | "primary" | "residential" | "service" | "living_street" if !bike => May::PassThrough,
        "trunk" | "primary" | "residential" | "service" | "living_street" | "track" if bike => May::PassThrough,
        _ => May::Nothing,
    };
    let allowed = |direction: &str| {
        if bike && highway == "motorway" {
            // Only the word for bicycles opens a motorway to them.
            let named: Tags = way.iter().filter(|(key, _)| key.starts_with("bicycle")).cloned().collect();
            return last_word(&named, profile, direction, May::Nothing, false);
        }
        last_word(way, profile, direction, without, false)
    };
    let (along, against) = match get("oneway") {
        Some("yes" | "1") => (true, false),
        Some("-1" | "reverse") => (false, true),
        Some("reversible") => (false, false),
        Some("no" | "alternating") => (true, true),
        _ => (true, highway != "motorway"),
    };
    // A bicycle that is named against a one-way street may go there.
    let named = |direction: &str| {
        let key = format!("bicycle:{direction}");
        bike && get("oneway") != Some("reversible") && matches!(get(&key), Some("yes" | "designated" | "permissive"))
    };
    let reverse = matches!(get("oneway"), Some("-1" | "reverse"));
    let contraflow = named(if reverse { "forward" } else { "backward" });
    let kind = node.iter().find(|(key, _)| key == "barrier").map_or("", |(_, value)| value.as_str());
    let gate = match kind {
        "" | "gate" | "lift_gate" | "toll_booth" => May::PassThrough,
        "bollard" | "block" | "cycle_barrier" if bike => May::PassThrough,
        _ => May::Nothing,
    };
    let barrier = if kind.is_empty() {
        May::PassThrough
    } else {
        // A barrier has no direction.
        last_word(node, profile, "none", gate, true)
    };
    ["forward", "backward"].map(|direction| {
        let open = if direction == "forward" { along } else { against } || contraflow;
        if !open || too_large(way, profile) || too_large(node, profile) {
            return May::Nothing;
        }
        allowed(direction).min(barrier)
    })
}

fn drives_over_test(network: &Network, from: Degrees, to: Degrees) -> bool {
    let (from, to) = (place(from), place(to));
    assert!(network.leg(from, to).millis < UNREACHABLE_MILLIS, "there is always a way round");
    network.streets_driven(from, to).iter().any(|street| street.name == "Test")
}

fn pick<T: Copy + std::fmt::Debug + 'static>(list: &'static [T]) -> impl Strategy<Value = T> {
    (0..list.len()).prop_map(move |at| list[at])
}

fn drawn() -> impl Strategy<Value = (Tags, Tags, Profile)> {
    let access = || proptest::collection::btree_map(pick(&KEYS), pick(&VALUES), 0..4);
    let all =
        (pick(&HIGHWAYS), access(), pick(&ONEWAYS), pick(&LIMITS), pick(&BARRIERS), access(), pick(&Profile::ALL));
    all.prop_map(|(highway, on_way, oneway, limit, barrier, on_node, profile)| {
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut way: Tags = vec![own(("highway", highway))];
        way.extend(on_way.into_iter().map(own));
        way.extend([("oneway", oneway), limit].into_iter().filter(|(_, value)| !value.is_empty()).map(own));
        let mut node: Tags = Vec::new();
        if !barrier.is_empty() {
            node.push(own(("barrier", barrier)));
            node.extend(on_node.into_iter().filter(|(key, _)| !key.contains(':')).map(own));
        }
        (way, node, profile)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn combinations_of_tags_allow_what_the_wiki_allows((way, node, profile) in drawn()) {
        let expected = wiki(&way, &node, profile);
        let (streets, _) = osm::build(map(&way, &node, 900).as_bytes(), profile, |_| {}).unwrap();
        let network = Network::from_streets(streets);
        // Faster than the way round, however slow it is: the way round is twenty kilometres long.
        prop_assert_eq!(drives_over_test(&network, WEST, EAST), expected[0] == May::PassThrough, "{:?}", expected);
        prop_assert_eq!(drives_over_test(&network, EAST, WEST), expected[1] == May::PassThrough, "{:?}", expected);
        // A place on it is served from it if both its ends can be got at: otherwise a part of the street may be a dead end.
        let both = expected.iter().all(|&may| may >= May::EndThere);
        if both {
            prop_assert!(drives_over_test(&network, WEST, (7.0015, 50.0)));
            prop_assert!(drives_over_test(&network, (7.0045, 50.0), EAST));
        }
    }
}
