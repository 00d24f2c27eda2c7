//! How fast ways are driven: by class, and by posted limits in all their spellings (OSM wiki, pages Key:maxspeed,
//! Key:zone:maxspeed and Default speed limits).

use super::access::{Direction, conditional, directed};
use super::condition::{Holds, clauses};
use super::item::Tags;
use crate::profile::{BuildSettings, Profile};

/// A class of roads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Class {
    /// The value of the `highway` tag.
    pub(crate) highway: &'static str,
    /// Mean speed without a posted limit, in km/h.
    pub(crate) kmh: f64,
    /// The class for the map and for the hours of the day: 0 motorway, 1 arterial, 2 street.
    pub(crate) importance: u8,
    /// Without access tags, motor vehicles may use it.
    pub(crate) motor: bool,
    /// Without access tags, bicycles may use it.
    pub(crate) bike: bool,
}

const fn class(highway: &'static str, kmh: f64, importance: u8, motor: bool, bike: bool) -> Class {
    Class { highway, kmh, importance, motor, bike }
}

/// All classes that are read; the speeds are those of OSRM's car profile where it has one.
pub(crate) const CLASSES: [Class; 23] = [
    class("motorway", 90.0, 0, true, false),
    class("motorway_link", 45.0, 0, true, false),
    class("trunk", 85.0, 0, true, true),
    class("trunk_link", 40.0, 0, true, true),
    class("primary", 65.0, 1, true, true),
    class("primary_link", 30.0, 1, true, true),
    class("secondary", 55.0, 1, true, true),
    class("secondary_link", 25.0, 1, true, true),
    class("tertiary", 40.0, 1, true, true),
    class("tertiary_link", 20.0, 1, true, true),
    class("unclassified", 25.0, 2, true, true),
    class("residential", 25.0, 2, true, true),
    class("road", 25.0, 2, true, true),
    class("service", 15.0, 2, true, true),
    class("living_street", 10.0, 2, true, true),
    class("busway", 25.0, 2, false, false),
    class("bus_guideway", 25.0, 2, false, false),
    class("track", 10.0, 2, false, true),
    class("cycleway", 10.0, 2, false, true),
    class("path", 10.0, 2, false, true),
    class("bridleway", 10.0, 2, false, false),
    class("footway", 5.0, 2, false, false),
    class("pedestrian", 5.0, 2, false, false),
];

/// The class of a way by its `highway` tag.
pub(crate) fn class_of(highway: &str) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.highway == highway)
}

/// Share of a posted limit that is driven in the mean: junctions, curves, others (the value OSRM's car profile uses).
pub(crate) const SHARE_OF_LIMIT: f64 = 0.8;
/// The slowest that anything drives, in km/h.
pub(crate) const SLOWEST_KMH: f64 = 3.0;
/// The speed of a bicycle that is pushed, in km/h.
pub(crate) const PUSHED_KMH: f64 = 4.0;
/// What "no limit" is taken for, in km/h: it stands on motorways and roads like them.
pub(crate) const UNLIMITED_KMH: f64 = 140.0;
/// Walking pace as a limit, in km/h.
pub(crate) const WALK_KMH: f64 = 7.0;
const MILE_KM: f64 = 1.609_344;
const KNOT_KMH: f64 = 1.852;

/// The speed in km/h that a vehicle drives along a way in one direction.
pub(crate) fn driven_kmh(tags: &Tags, class: &Class, settings: &BuildSettings, direction: Direction) -> f64 {
    let profile = settings.profile;
    let limit = limit_kmh(tags, class, settings, direction);
    if profile == Profile::Bike {
        return limit.unwrap_or(f64::INFINITY).clamp(SLOWEST_KMH, profile.speed_max());
    }
    limit.map_or(class.kmh, |limit| limit * SHARE_OF_LIMIT).clamp(SLOWEST_KMH, profile.speed_max())
}

/// The limit in km/h that counts for a vehicle: one for its kind, otherwise the general one, otherwise that of the zone or of the
/// kind of road that the way is said to have.
fn limit_kmh(tags: &Tags, class: &Class, settings: &BuildSettings, direction: Direction) -> Option<f64> {
    let profile = settings.profile;
    let own =
        profile.kinds()[1..].iter().rev().find_map(|kind| directed(tags, &format!("maxspeed:{kind}"), Some(direction)));
    let unlimited = matches!(class.highway, "motorway" | "motorway_link" | "trunk" | "trunk_link");
    let read = |text: &str| posted(text, unlimited);
    // A limit that always holds for a vehicle of this size, such as `60 @ (weight>7.5)`.
    let sized = profile.kinds()[1..].iter().rev().map(|kind| format!("maxspeed:{kind}")).chain(["maxspeed".to_owned()]);
    let sized = sized.filter_map(|key| {
        let all = conditional(tags, &key, Some(direction)).flat_map(|text| clauses(text, &settings.dimensions));
        all.filter(|&(_, holds)| holds == Holds::Always).filter_map(|(text, _)| read(text)).last()
    });
    let sized = sized.reduce(f64::min);
    sized
        .or_else(|| own.and_then(read))
        .or_else(|| directed(tags, "maxspeed", Some(direction)).and_then(read))
        .or_else(|| tags.get("zone:maxspeed").and_then(|zone| posted(zone, false)))
        .or_else(|| {
            let kinds = ["maxspeed:type", "source:maxspeed", "zone:traffic"];
            kinds.iter().find_map(|key| tags.get(key).filter(|kind| kind.contains(':')).and_then(read))
        })
}

/// A posted limit in km/h. Of several the least counts. `unlimited` says whether the road can be one without a limit.
pub(crate) fn posted(text: &str, unlimited: bool) -> Option<f64> {
    let all = text.split([';', '|', ',']).filter_map(|one| one_limit(one.trim(), unlimited));
    all.reduce(f64::min)
}

fn one_limit(text: &str, unlimited: bool) -> Option<f64> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "none" | "unlimited" | "no" => return unlimited.then_some(UNLIMITED_KMH),
        "walk" | "walking" | "walking_speed" => return Some(WALK_KMH),
        _ => {}
    }
    if let Some((country, kind)) = text.split_once(':') {
        return by_country(country, kind, unlimited);
    }
    with_unit(&text, 1.0).or_else(|| by_country("", &text, unlimited))
}

/// A number with a unit; `plain` are the km/h of a number without one.
fn with_unit(text: &str, plain: f64) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let value: f64 = text[..end].parse().ok()?;
    let unit = match text[end..].trim() {
        "" => plain,
        "km/h" | "km/hr" | "kmh" | "kph" | "kmph" | "km" | "km/u" => 1.0,
        "mph" | "mp/h" | "miles" => MILE_KM,
        "knots" | "knot" | "kn" | "kt" => KNOT_KMH,
        _ => return None,
    };
    Some(value * unit).filter(|kmh| kmh.is_finite() && *kmh > 0.0)
}

/// The limit of a kind of road in a country, by the country's code and the kind: `de`, `urban`; or of a zone, `de`, `zone30`.
fn by_country(country: &str, kind: &str, unlimited: bool) -> Option<f64> {
    let miles = matches!(country, "gb" | "uk" | "us") || country.starts_with("gb-") || country.starts_with("us-");
    let number = kind.trim_start_matches("zone").trim_start_matches(':').trim();
    if number.starts_with(|c: char| c.is_ascii_digit()) {
        return with_unit(number, if miles { MILE_KM } else { 1.0 });
    }
    let known = NATIONAL.iter().find(|&&(code, of, _)| code == country && of == kind);
    let usual = || NATIONAL.iter().find(|&&(code, of, _)| code.is_empty() && of == kind);
    match known.or_else(usual)?.2 {
        limit if limit == UNLIMITED_KMH && !unlimited => None,
        limit => Some(limit),
    }
}

/// Limits in km/h by country and kind of road, where a country differs from the most usual one, which stands first under no
/// country (OSM wiki, Default speed limits, and the page of each country).
#[rustfmt::skip]
pub(crate) const NATIONAL: [(&str, &str, f64); 115] = [
    ("", "urban", 50.0), ("", "rural", 90.0), ("", "trunk", 100.0), ("", "motorway", 120.0), ("", "expressway", 110.0),
    ("", "living_street", 20.0), ("", "walk", WALK_KMH), ("", "pedestrian_zone", WALK_KMH), ("", "bicycle_road", 30.0), ("", "none", UNLIMITED_KMH),
    ("at", "rural", 100.0), ("at", "trunk", 100.0), ("at", "motorway", 130.0), ("at", "living_street", WALK_KMH),
    ("au", "rural", 100.0), ("au", "motorway", 110.0),
    ("be", "rural", 70.0), ("be", "trunk", 120.0), ("be", "motorway", 120.0),
    ("be-bru", "urban", 30.0), ("be-bru", "rural", 70.0), ("be-vlg", "rural", 70.0), ("be-wal", "rural", 90.0),
    ("bg", "motorway", 140.0), ("by", "urban", 60.0), ("by", "motorway", 110.0),
    ("ch", "rural", 80.0), ("ch", "trunk", 100.0), ("ch", "motorway", 120.0),
    ("ca-on", "rural", 80.0), ("cz", "trunk", 110.0), ("cz", "motorway", 130.0), ("cz", "urban_trunk", 80.0), ("cz", "urban_motorway", 80.0),
    ("de", "living_street", WALK_KMH), ("de", "rural", 100.0), ("de", "trunk", UNLIMITED_KMH), ("de", "motorway", UNLIMITED_KMH),
    ("de", "bicycle_road", 30.0),
    ("dk", "rural", 80.0), ("dk", "motorway", 130.0), ("dk", "living_street", 15.0),
    ("ee", "trunk", 110.0), ("es", "urban", 50.0), ("es", "trunk", 90.0), ("es", "motorway", 120.0),
    ("fi", "rural", 80.0), ("fi", "motorway", 120.0),
    ("fr", "rural", 80.0), ("fr", "trunk", 110.0), ("fr", "motorway", 130.0), ("fr", "zone30", 30.0),
    ("gb", "urban", 48.280_32), ("gb", "nsl_restricted", 48.280_32), ("gb", "nsl_single", 96.560_64), ("gb", "nsl_dual", 112.654_08), ("gb", "motorway", 112.654_08),
    ("gr", "trunk", 110.0), ("gr", "motorway", 130.0), ("hr", "trunk", 110.0), ("hr", "motorway", 130.0),
    ("hu", "trunk", 110.0), ("hu", "motorway", 130.0), ("ie", "rural", 80.0), ("ie", "motorway", 120.0),
    ("il", "rural", 80.0), ("il", "motorway", 110.0), ("it", "trunk", 110.0), ("it", "motorway", 130.0), ("jp", "urban", 60.0), ("jp", "rural", 60.0), ("jp", "motorway", 100.0),
    ("kz", "urban", 60.0), ("lt", "motorway", 130.0), ("lu", "motorway", 130.0), ("lv", "motorway", 110.0),
    ("nl", "rural", 80.0), ("nl", "trunk", 100.0), ("nl", "motorway", 100.0), ("nl", "living_street", 15.0),
    ("no", "rural", 80.0), ("no", "motorway", 110.0), ("nz", "rural", 100.0), ("nz", "motorway", 100.0),
    ("ph", "urban", 40.0), ("ph", "rural", 80.0), ("ph", "motorway", 100.0),
    ("pl", "rural", 90.0), ("pl", "trunk", 100.0), ("pl", "expressway", 120.0), ("pl", "motorway", 140.0),
    ("pt", "trunk", 100.0), ("pt", "motorway", 120.0),
    ("ro", "trunk", 100.0), ("ro", "motorway", 130.0),
    ("ru", "living_street", 20.0), ("ru", "urban", 60.0), ("ru", "rural", 90.0), ("ru", "motorway", 110.0),
    ("se", "rural", 70.0), ("se", "motorway", 110.0), ("si", "trunk", 110.0), ("si", "motorway", 130.0), ("sk", "motorway", 130.0),
    ("tr", "trunk", 110.0), ("tr", "motorway", 130.0), ("ua", "motorway", 130.0),
    ("uk", "urban", 48.280_32), ("uk", "nsl_restricted", 48.280_32), ("uk", "nsl_single", 96.560_64), ("uk", "nsl_dual", 112.654_08), ("uk", "motorway", 112.654_08),
    ("za", "urban", 60.0), ("za", "rural", 100.0), ("za", "motorway", 120.0),
];

#[cfg(test)]
mod tests {
    use super::posted;

    #[test]
    fn limits_are_read_in_all_spellings() {
        let cases = [
            ("50", Some(50.0)),
            ("30 mph", Some(48.3)),
            ("30mph", Some(48.3)),
            ("10 knots", Some(18.5)),
            ("50 kmh", Some(50.0)),
            ("50 km/h", Some(50.0)),
            ("50kph", Some(50.0)),
            ("50;30", Some(30.0)),
            ("80|60", Some(60.0)),
            ("walk", Some(7.0)),
            ("DE:walk", Some(7.0)),
            ("PT:urban", Some(50.0)),
            ("RU:urban", Some(60.0)),
            ("urban", Some(50.0)),
            ("50,30", Some(30.0)),
            ("FR:rural", Some(80.0)),
            ("XX:rural", Some(90.0)),
            ("DE:living_street", Some(7.0)),
            ("DE:zone30", Some(30.0)),
            ("DE:zone:30", Some(30.0)),
            ("FR:30", Some(30.0)),
            ("GB:20", Some(32.2)),
            ("GB:20 mph", Some(32.2)),
            ("GB:nsl_single", Some(96.6)),
            ("-3", None),
            ("0", None),
            ("signals", None),
            ("variable", None),
            ("DE:signals", None),
            ("fast", None),
            ("none", None),
            ("DE:motorway", None),
        ];
        for (text, kmh) in cases {
            assert_eq!(posted(text, false).map(|kmh| (kmh * 10.0).round() / 10.0), kmh, "{text}");
        }
        assert_eq!(posted("none", true), Some(140.0));
        assert_eq!(posted("DE:motorway", true), Some(140.0));
    }
}
