//! Which ways a vehicle may use, in which direction, how fast, and where along them it may stop.

use super::access::{Access, Direction, conditional, permission};
use super::condition::{Holds, clauses};
use super::item::Tags;
use super::limit::limited;
use super::speed::{Class, PUSHED_KMH, class_of, driven_kmh};
use crate::profile::{BuildSettings, Profile};
use crate::streets::Stopping;

/// How a way may be used. `None`: not in that direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Use {
    pub(crate) forward: Option<Drive>,
    pub(crate) backward: Option<Drive>,
    pub(crate) class: u8,
    pub(crate) stopping: Stopping,
}

/// How a way is driven in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drive {
    pub(crate) kmh: f64,
    /// Only trips that begin or end there may use it.
    pub(crate) destination: bool,
}

/// True when a turn restriction counts for a vehicle.
pub(crate) fn obeys(profile: Profile, tags: &Tags) -> bool {
    let excepted = tags.get("except").unwrap_or_default();
    !excepted.split(';').any(|kind| profile.kinds().contains(&kind.trim()))
}

/// The kind of a turn restriction that counts for a vehicle, such as `no_left_turn`; `None` if none of its tags is about the
/// vehicle. A restriction that holds at some hours counts at all hours. Whether one may turn on a red light is no ban to turn.
pub(crate) fn restriction<'t>(settings: &BuildSettings, tags: &'t Tags) -> Option<&'t str> {
    let kinds = settings.profile.kinds();
    let own = kinds.iter().rev().find_map(|kind| tags.get_joined(&["restriction:", kind]));
    // Relations of old say in their type whom they are about.
    let about = tags.get("type").and_then(|kind| kind.strip_prefix("restriction:"));
    let general = || tags.get("restriction").filter(|_| about.is_none_or(|about| kinds.contains(&about)));
    let conditional = || {
        let own = kinds.iter().rev().find_map(|kind| tags.get_joined(&["restriction:", kind, ":conditional"]));
        let text = own.or_else(|| tags.get("restriction:conditional"))?;
        let all = clauses(text, &settings.dimensions);
        all.into_iter().find(|(_, holds)| matches!(holds, Holds::Always | Holds::Sometimes)).map(|(kind, _)| kind)
    };
    let kind = own.or_else(general).or_else(conditional)?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let turns = kind.starts_with("no_") || kind.starts_with("only_");
    (turns && !kind.ends_with("_on_red")).then_some(kind)
}

/// True for a way that is made for vehicles of its kind, or a track, whoever may use it.
pub(crate) fn is_for_vehicles(profile: Profile, tags: &Tags) -> bool {
    let class = tags.get("highway").and_then(class_of);
    class.is_some_and(|class| {
        class.highway == "track" || if profile == Profile::Bike { class.bike } else { class.motor }
    })
}

/// How a vehicle may use a way; `None`: not at all.
pub(crate) fn usage(settings: &BuildSettings, tags: &Tags) -> Option<Use> {
    let class = class_of(tags.get("highway")?)?;
    if tags.get("area") == Some("yes") || is_out_of_use(tags) {
        return None;
    }
    let [along, against] = oneway(tags, class, settings);
    let drive = |direction, oneway_allows| drive(settings, tags, class, direction, oneway_allows);
    let (forward, backward) = (drive(Direction::Forward, along), drive(Direction::Backward, against));
    if forward.is_none() && backward.is_none() {
        return None;
    }
    let bridge = tags.get("bridge").is_some_and(|value| value != "no");
    let stopping = if tags.get("tunnel").is_some_and(|value| !matches!(value, "no" | "building_passage")) {
        Stopping::Under
    } else if bridge
        || class.highway == "motorway"
        || class.highway.ends_with("_link")
        || tags.get("motorroad") == Some("yes")
    {
        Stopping::Through
    } else {
        Stopping::Allowed
    };
    Some(Use { forward, backward, class: if bridge && class.importance < 2 { 0 } else { class.importance }, stopping })
}

/// True for a way that nobody can drive along, whatever its class: impassable, out of use, or being built.
fn is_out_of_use(tags: &Tags) -> bool {
    let impassable = ["smoothness", "status"].iter().any(|key| tags.get(key) == Some("impassable"));
    let yes = ["impassable", "disused", "abandoned"].iter().any(|key| tags.get(key) == Some("yes"));
    // Smaller works leave a road open (OSM wiki, Key:construction).
    let built = tags.get("construction").is_some_and(|works| !matches!(works, "no" | "minor" | "widening"));
    impassable || yes || built
}

/// How a vehicle may drive along a way in one direction.
fn drive(
    settings: &BuildSettings,
    tags: &Tags,
    class: &Class,
    direction: Direction,
    oneway_allows: bool,
) -> Option<Drive> {
    let bike = settings.profile == Profile::Bike;
    // A road for motor vehicles only, and one that no bicycle is let on by the word "vehicle".
    let fast = class.highway == "motorway" || class.highway == "motorway_link" || tags.get("motorroad") == Some("yes");
    // A stretch for buses or for the fire brigade is closed like a busway.
    // So is one for cars with several people in them.
    let shared = !bike && tags.get("hov") == Some("designated");
    let reserved = shared || matches!(tags.get("service"), Some("emergency_access" | "busway" | "bus"));
    let usual = if bike { class.bike && !fast } else { class.motor };
    let before = if usual && !reserved { Access::Open } else { Access::Closed };
    // General permission opens no way that is not built for the vehicle; a tag that names the vehicle does.
    let opens = |kind: &str| kind != "access" && (kind == "bicycle" || !(bike && fast));
    let permission = permission(tags, settings, Some(direction), before, opens);
    let access = permission.access.min(limited(tags, settings, Some(direction)));
    if access == Access::Closed || !(oneway_allows || permission.pushed) {
        return None;
    }
    let kmh = if permission.pushed { PUSHED_KMH } else { driven_kmh(tags, class, settings, direction) };
    Some(Drive { kmh, destination: access == Access::Destination })
}

/// In which directions a way may be driven as far as its one-way tags say: along its line, and against it (OSM wiki, Key:oneway). What
/// is one-way at some hours is not driven against these hours' direction at all, because a graph knows no hour.
fn oneway(tags: &Tags, class: &Class, settings: &BuildSettings) -> [bool; 2] {
    let kinds = &settings.profile.kinds()[1..];
    let mut now = posted_oneway(tags, class, settings.profile);
    // What is said of this kind of vehicle, or of contraflow lanes, holds in spite of a condition for all vehicles.
    let own = kinds.iter().any(|kind| tags.get_joined(&["oneway:", kind]).is_some())
        || settings.profile == Profile::Bike && contraflow(tags);
    let general = (!own).then(|| "oneway".to_owned());
    for key in general.into_iter().chain(kinds.iter().map(|kind| format!("oneway:{kind}"))) {
        for text in conditional(tags, &key, None) {
            for (text, holds) in clauses(text, &settings.dimensions) {
                match (holds, read_oneway(text)) {
                    (Holds::Always, Some(then)) => now = then,
                    (Holds::Sometimes, Some(then)) => now = [now[0] && then[0], now[1] && then[1]],
                    _ => {}
                }
            }
        }
    }
    now
}

/// The directions that the value of a one-way tag allows.
fn read_oneway(text: &str) -> Option<[bool; 2]> {
    match text {
        "yes" | "true" | "1" => Some([true, false]),
        "-1" | "reverse" => Some([false, true]),
        // Traffic alternates by the minute: one waits and goes.
        "no" | "false" | "0" | "alternating" => Some([true, true]),
        // Traffic changes its direction by the hour, and the hours are not known.
        "reversible" => Some([false, false]),
        _ => None,
    }
}

/// The same without conditions.
fn posted_oneway(tags: &Tags, class: &Class, profile: Profile) -> [bool; 2] {
    let kinds = profile.kinds();
    let own = kinds[1..].iter().rev().find_map(|kind| tags.get_joined(&["oneway:", kind]).and_then(read_oneway));
    if let Some(own) = own {
        return own;
    }
    let general = tags.get("oneway").and_then(read_oneway).unwrap_or_else(|| {
        let round = matches!(tags.get("junction"), Some("roundabout" | "circular"));
        let implied = round || matches!(class.highway, "motorway" | "motorway_link");
        [true, !implied]
    });
    if profile == Profile::Bike && general != [false, false] && contraflow(tags) { [true, true] } else { general }
}

/// True if bicycles may go against a one-way street (OSM wiki, Key:cycleway and Key:oneway:bicycle).
fn contraflow(tags: &Tags) -> bool {
    let opposite =
        |value: &str| matches!(value, "opposite" | "opposite_lane" | "opposite_track" | "opposite_share_busway");
    let sides = ["cycleway", "cycleway:left", "cycleway:right", "cycleway:both"];
    let against = match tags.get("oneway") {
        Some("-1" | "reverse") => Direction::Forward,
        _ => Direction::Backward,
    };
    let lane = |side: &str| {
        let both_ways = matches!(tags.get_joined(&[side, ":oneway"]), Some("no" | "-1"));
        let kind = tags.get(side).or_else(|| tags.get("cycleway:both"));
        tags.get(side).is_some_and(opposite)
            || both_ways && kind.is_some_and(|value| !matches!(value, "no" | "none" | "separate"))
    };
    let named = tags.get_joined(&["bicycle", against.suffix()]);
    sides.iter().any(|side| lane(side))
        || named.is_some_and(|value| matches!(value, "yes" | "designated" | "permissive"))
}

#[cfg(test)]
mod tests {
    use super::{Tags, Use, restriction, usage};
    use crate::profile::{BuildSettings, Profile};
    use crate::streets::Stopping;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn tags(all: Pairs<'_>) -> Tags {
        Tags(all.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn used(profile: Profile, all: Pairs<'_>) -> Option<Use> {
        usage(&profile.into(), &tags(all))
    }

    /// Speeds in km/h along and against a way's line; zero where it may not be driven.
    fn speeds(profile: Profile, all: Pairs<'_>) -> [f64; 2] {
        let way = used(profile, all);
        let kmh = |drive: Option<super::Drive>| drive.map_or(0.0, |drive| drive.kmh);
        way.map_or([0.0; 2], |way| [kmh(way.forward), kmh(way.backward)])
    }

    #[test]
    fn ways_are_driven_in_the_directions_and_at_the_speeds_that_are_posted() {
        use Profile::{Bike, Car, Truck, Van};
        let cases: [(Profile, Pairs<'_>, [f64; 2]); 34] = [
            (Car, &[("highway", "residential"), ("maxspeed", "30")], [24.0, 24.0]),
            (Car, &[("highway", "primary"), ("oneway", "-1")], [0.0, 65.0]),
            (Car, &[("highway", "tertiary"), ("junction", "roundabout")], [40.0, 0.0]),
            (Car, &[("highway", "motorway")], [90.0, 0.0]),
            (Car, &[("highway", "motorway"), ("oneway", "no")], [90.0, 90.0]),
            (Car, &[("highway", "primary"), ("oneway", "reversible")], [0.0, 0.0]),
            (Car, &[("highway", "primary"), ("oneway", "alternating")], [65.0, 65.0]),
            (Car, &[("highway", "primary"), ("maxspeed", "50"), ("maxspeed:backward", "100")], [40.0, 80.0]),
            (Car, &[("highway", "primary"), ("maxspeed", "signals")], [65.0, 65.0]),
            (Car, &[("highway", "primary"), ("source:maxspeed", "IT:urban")], [40.0, 40.0]),
            (Car, &[("highway", "primary"), ("source:maxspeed", "sign")], [65.0, 65.0]),
            (Car, &[("highway", "residential"), ("zone:maxspeed", "DE:20")], [16.0, 16.0]),
            (Car, &[("highway", "primary"), ("maxspeed", "none")], [65.0, 65.0]),
            (Van, &[("highway", "motorway"), ("maxspeed", "none"), ("oneway", "no")], [110.0, 110.0]),
            (Truck, &[("highway", "primary"), ("maxspeed", "100"), ("maxspeed:hgv:backward", "60")], [80.0, 48.0]),
            (Truck, &[("highway", "primary"), ("maxspeed:conditional", "50 @ (weight>7.5)")], [40.0, 40.0]),
            (
                Truck,
                &[("highway", "primary"), ("maxspeed", "80"), ("maxspeed:hgv:conditional", "60 @ (weight>7.5)")],
                [48.0, 48.0],
            ),
            (Car, &[("highway", "primary"), ("maxspeed:conditional", "50 @ (weight>7.5)")], [65.0, 65.0]),
            (Truck, &[("highway", "primary"), ("oneway:hgv", "yes")], [65.0, 0.0]),
            (Truck, &[("highway", "primary"), ("hgv:backward", "no")], [65.0, 0.0]),
            (Car, &[("highway", "primary"), ("hgv:backward", "no")], [65.0, 65.0]),
            (Bike, &[("highway", "motorway")], [0.0, 0.0]),
            (Bike, &[("highway", "trunk"), ("motorroad", "yes")], [0.0, 0.0]),
            (Bike, &[("highway", "residential"), ("oneway", "yes"), ("oneway:bicycle", "no")], [15.0, 15.0]),
            (Car, &[("highway", "residential"), ("oneway", "yes"), ("oneway:bicycle", "no")], [25.0, 0.0]),
            (Bike, &[("highway", "residential"), ("oneway", "yes"), ("cycleway:left", "opposite_lane")], [15.0, 15.0]),
            (
                Bike,
                &[("highway", "primary"), ("oneway", "yes"), ("cycleway:left", "lane"), ("cycleway:left:oneway", "no")],
                [15.0, 15.0],
            ),
            (Bike, &[("highway", "primary"), ("oneway", "yes"), ("cycleway:left", "lane")], [15.0, 0.0]),
            (Bike, &[("highway", "primary"), ("oneway", "yes"), ("bicycle:backward", "yes")], [15.0, 15.0]),
            (Bike, &[("highway", "footway"), ("bicycle", "dismount")], [4.0, 4.0]),
            (Bike, &[("highway", "residential"), ("maxspeed", "walk")], [7.0, 7.0]),
            (Bike, &[("highway", "primary"), ("oneway", "reversible"), ("cycleway", "opposite")], [0.0, 0.0]),
            (Car, &[("highway", "residential"), ("area", "yes")], [0.0, 0.0]),
            (Car, &[("highway", "steps")], [0.0, 0.0]),
        ];
        for (profile, all, expected) in cases {
            assert_eq!(speeds(profile, all), expected, "{profile:?} {all:?}");
        }
    }

    /// OSM wiki, Relation:restriction.
    #[test]
    fn turn_restrictions_are_read_for_whom_they_are() {
        use Profile::{Car, Truck};
        let cases: [(Profile, Pairs<'_>, Option<&str>); 12] = [
            (Car, &[("type", "restriction"), ("restriction", "no_left_turn")], Some("no_left_turn")),
            (Car, &[("type", "restriction"), ("restriction", "no_left_turn_on_red")], None),
            (Car, &[("type", "restriction"), ("restriction", "no_right_turn_on_red")], None),
            (Car, &[("type", "restriction"), ("restriction", "give_way")], None),
            (Car, &[("type", "restriction"), ("restriction:hgv", "no_left_turn")], None),
            (Truck, &[("type", "restriction"), ("restriction:hgv", "no_left_turn")], Some("no_left_turn")),
            (Car, &[("type", "restriction:hgv"), ("restriction", "no_left_turn")], None),
            (Truck, &[("type", "restriction:hgv"), ("restriction", "no_left_turn")], Some("no_left_turn")),
            (Truck, &[("restriction:conditional", "no_left_turn @ (weight>7.5)")], Some("no_left_turn")),
            (Car, &[("restriction:conditional", "no_left_turn @ (weight>7.5)")], None),
            (Car, &[("restriction:conditional", "no_left_turn @ (Mo-Fr 07:00-09:00)")], Some("no_left_turn")),
            (Car, &[("restriction", "no_left_turn;no_u_turn")], Some("no_left_turn")),
        ];
        for (profile, all, expected) in cases {
            assert_eq!(restriction(&BuildSettings::from(profile), &tags(all)), expected, "{profile:?} {all:?}");
        }
    }

    #[test]
    fn nobody_stops_on_a_motorway_a_ramp_a_bridge_or_in_a_tunnel() {
        let cases: [(Pairs<'_>, Stopping); 8] = [
            (&[("highway", "residential")], Stopping::Allowed),
            (&[("highway", "motorway")], Stopping::Through),
            (&[("highway", "motorway_link")], Stopping::Through),
            (&[("highway", "primary_link")], Stopping::Through),
            (&[("highway", "trunk"), ("motorroad", "yes")], Stopping::Through),
            (&[("highway", "primary"), ("bridge", "viaduct")], Stopping::Through),
            (&[("highway", "primary"), ("bridge", "no"), ("tunnel", "building_passage")], Stopping::Allowed),
            (&[("highway", "primary"), ("tunnel", "yes")], Stopping::Under),
        ];
        for (all, expected) in cases {
            assert_eq!(used(Profile::Car, all).map(|way| way.stopping), Some(expected), "{all:?}");
        }
    }
}
