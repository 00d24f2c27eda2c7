//! Small extracts of one rule each, with the source of the rule. In most of them a short street `Test` competes with a long way `Round`.
//!
//! `tests/cases` are rebuilt from public reports about routing engines; the others are written here, by the tags of `Test`.

mod support;

use std::fmt::Write as _;

use fleetfold_roads::osm::{self, BuildSettings, Dimensions, OsmError, Profile};
use fleetfold_roads::{Network, OffStreet, UNREACHABLE_MILLIS};
use support::{Degrees, EAST, Tags, WEST, place, xml};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// The way leads over this street.
    Uses(&'static str),
    /// There is a way, and it does not lead over this street.
    Avoids(&'static str),
    /// The way leads over `Round` and not over `Test`.
    Round,
    /// It takes so many seconds.
    Seconds(f64, f64),
    /// 0.005 degrees of the parallel of 50° are driven at this pace, give or take 7 %.
    Kmh(f64, f64),
    /// There is no way.
    Unreachable,
    /// The extract is refused.
    Refused,
}

const MIDDLE: Degrees = (7.004, 50.0);

/// File, what drives, from, to, the rule, what is right and its source.
#[rustfmt::skip]
const FILES: [(&str, Profile, Degrees, Degrees, Rule, &str); 44] = [
    ("access-agricultural-forestry.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to cars: go round: OSM wiki Key:access; osmandapp/OsmAnd#23805"),
    ("access-psv.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to cars: OSM wiki Key:access"),
    ("access-permit.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed without a permit: OSM wiki Tag:access=permit"),
    ("access-motor-vehicle-forward-no.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed in that direction: OSM wiki Key:access#Direction"),
    ("service-emergency-access.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "not for ordinary traffic: OSM wiki Tag:service=emergency_access"),
    ("access-destination-is-no-through-road.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "for destinations on it only: OSM wiki Tag:access=destination; Project-OSRM/osrm-backend#6397"),
    ("access-destination-place-on-it.osm", Profile::Car, (6.9985, 50.0), (7.004, 50.0), Rule::Uses("Test"), "must stay: OSM wiki Tag:access=destination"),
    ("living-street-access-no-motor-vehicle-yes.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Uses("Test"), "open: the narrower key wins: OSM wiki Key:access#Transport_mode_restrictions"),
    ("pedestrian-street-delivery-van.osm", Profile::Van, (6.9985, 50.0), (7.003, 50.0), Rule::Uses("Test"), "a van may deliver on it: OSM wiki Tag:highway=pedestrian"),
    ("motor-vehicle-no-motorcar-yes.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Uses("Test"), "must stay: OSM wiki Key:access"),
    ("barrier-gate-private.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed: OSM wiki Key:barrier; Project-OSRM/osrm-backend#432"),
    ("barrier-gate-locked.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed: OSM wiki Key:barrier; Project-OSRM/osrm-backend#581"),
    ("barrier-bollard.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to motor vehicles by default: OSM wiki Tag:barrier=bollard"),
    ("barrier-jersey.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed: OSM wiki Tag:barrier=jersey_barrier"),
    ("barrier-cycle-barrier.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to motor vehicles by default: OSM wiki Tag:barrier=cycle_barrier"),
    ("barrier-gate-untagged.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Uses("Test"), "open, must stay: OSM wiki Tag:barrier=gate"),
    ("barrier-bollard-motor-vehicle-yes.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Uses("Test"), "must stay: OSM wiki Key:barrier"),
    ("oneway-reversible.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "not usable without knowing the hour: OSM wiki Tag:oneway=reversible"),
    ("bicycle-cycleway-opposite.osm", Profile::Bike, (6.9985, 50.0), (7.0075, 50.0), Rule::Uses("Test"), "open against the one-way: OSM wiki Tag:cycleway=opposite"),
    ("bicycle-trunk.osm", Profile::Bike, (6.9985, 50.0), (7.0075, 50.0), Rule::Uses("Test"), "open unless motorroad=yes or a ban: OSM wiki Tag:highway=trunk"),
    ("bicycle-use-sidepath.osm", Profile::Bike, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to bicycles: OSM wiki Tag:bicycle=use_sidepath"),
    ("maxspeed-two-values.osm", Profile::Car, (7.0005, 50.0), (7.0055, 50.0), Rule::Kmh(24.0, 40.0), "24 to 40 km/h: OSM wiki Key:maxspeed"),
    ("maxspeed-ru-urban.osm", Profile::Car, (7.0005, 50.0), (7.0055, 50.0), Rule::Kmh(48.0, 48.0), "limit 60: 48 km/h: OSM wiki Default speed limits"),
    ("maxspeed-none-motorway.osm", Profile::Car, (7.0005, 50.0), (7.0055, 50.0), Rule::Kmh(112.0, 112.0), "no limit, taken as 140: 112 km/h: Project-OSRM/osrm-backend#2145"),
    ("maxspeed-de-zone30.osm", Profile::Car, (7.0005, 50.0), (7.0055, 50.0), Rule::Kmh(24.0, 24.0), "limit 30: 24 km/h: OSM wiki Key:zone:maxspeed"),
    ("maxspeed-50-kmh-written-out.osm", Profile::Car, (7.0005, 50.0), (7.0055, 50.0), Rule::Kmh(40.0, 40.0), "limit 50: 40 km/h: OSM wiki Key:maxspeed"),
    ("maxspeed-hgv.osm", Profile::Truck, (7.0005, 50.0), (7.0055, 50.0), Rule::Kmh(32.0, 32.0), "limit 40: 32 km/h: OSM wiki Key:maxspeed:hgv; valhalla/valhalla#4472"),
    ("maxspeed-mph-control.osm", Profile::Car, (7.0005, 50.0), (7.0055, 50.0), Rule::Kmh(38.6, 38.6), "must stay: OSM wiki Key:maxspeed"),
    ("truck-maxheight.osm", Profile::Truck, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to a truck of the profile: OSM wiki Key:maxheight; valhalla/valhalla#4257"),
    ("truck-maxweight.osm", Profile::Truck, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to a truck of the profile: OSM wiki Key:maxweight; valhalla/valhalla#4257"),
    ("truck-maxlength.osm", Profile::Truck, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to a truck of the profile: OSM wiki Key:maxlength; valhalla/valhalla#4257"),
    ("truck-hgv-conditional.osm", Profile::Truck, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "closed to a truck of the profile: OSM wiki Key:conditional restrictions; valhalla/valhalla#4257"),
    ("truck-hgv-no.osm", Profile::Truck, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "must stay: OSM wiki Key:hgv"),
    ("ferry-is-the-only-link.osm", Profile::Car, (7.0005, 50.0), (7.0825, 50.0), Rule::Unreachable, "by the ferry, or unreachable; no swim (check.py takes unreachable; by ferry: uses:Ferry): OSM wiki Tag:route=ferry"),
    ("smoothness-impassable.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "not for wheels: OSM wiki Key:smoothness"),
    ("no-left-turn-on-red-is-no-ban.osm", Profile::Car, (6.9985, 50.0), (7.0, 50.0015), Rule::Seconds(0.0, 60.0), "turn allowed: OSM wiki Relation:restriction; Project-OSRM/osrm-backend#4804"),
    ("no-left-turn.osm", Profile::Car, (6.9985, 50.0), (7.0, 50.0015), Rule::Seconds(60.0, f64::INFINITY), "must stay: OSM wiki Relation:restriction"),
    ("no-left-turn-hgv-car.osm", Profile::Car, (6.9985, 50.0), (7.0, 50.0015), Rule::Seconds(0.0, 60.0), "must stay: OSM wiki Relation:restriction"),
    ("josm-deleted-way.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "left out: OSM wiki JOSM file format"),
    ("two-versions-of-a-way.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Round, "the newer counts (or an error): OSM wiki OSM XML"),
    ("latin-1-file.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Uses("Teststra"), "name kept: XML 1.0, 4.3.3"),
    ("latitude-91.osm", Profile::Car, (6.9985, 50.0), (7.0075, 50.0), Rule::Refused, "ignored, or an error at build: OSM wiki Node"),
    ("stop-beside-a-motorway.osm", Profile::Car, (7.0005, 50.0), (7.01, 50.00023), Rule::Avoids("A1"), "from its street: Project-OSRM/osrm-backend#3616"),
    ("stop-across-the-antimeridian.osm", Profile::Car, (179.9965, -16.8), (-179.9999, -16.8003), Rule::Seconds(0.0, 150.0), "snaps to Test: OSM wiki 180th meridian"),
];

/// What is wrong if the rule does not hold.
fn broken(bytes: &[u8], settings: BuildSettings, from: Degrees, to: Degrees, rule: Rule) -> Option<String> {
    let streets = match osm::build(bytes, settings, |_| {}) {
        Ok((streets, _)) => streets,
        Err(error) => return (rule != Rule::Refused).then(|| error.to_string()),
    };
    let network = Network::from_streets(streets);
    let (from, to) = (place(from), place(to));
    let leg = network.leg(from, to);
    let names: Vec<String> = network.streets_driven(from, to).into_iter().map(|street| street.name).collect();
    let has = |name: &str| names.iter().any(|driven| driven.contains(name));
    let reached = leg.millis < UNREACHABLE_MILLIS;
    let seconds = f64::from(leg.millis) / 1000.0;
    let kmh = 50f64.to_radians().cos() * 0.005f64.to_radians() * 6_371_008.8 / seconds * 3.6;
    let holds = match rule {
        Rule::Uses(name) => reached && has(name),
        Rule::Avoids(name) => reached && !has(name),
        Rule::Round => reached && has("Round") && !has("Test"),
        Rule::Seconds(least, most) => reached && (least..most).contains(&seconds),
        Rule::Kmh(least, most) => reached && (least * 0.93..=most * 1.07).contains(&kmh),
        Rule::Unreachable => !reached,
        Rule::Refused => false,
    };
    (!holds).then(|| format!("{leg:?} over {names:?}, {kmh:.1} km/h"))
}

#[test]
fn extracts_of_one_rule_each_are_read_as_their_sources_say() {
    let mut wrong = String::new();
    for (file, profile, from, to, rule, source) in FILES {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/");
        let bytes = std::fs::read(format!("{folder}{file}")).unwrap();
        if let Some(what) = broken(&bytes, profile.into(), from, to, rule) {
            writeln!(wrong, "{file}: {rule:?} is right ({source}), not {what}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Tags that are written as `k=v, k=v`.
fn tags(list: &str) -> Tags {
    let pairs = list.split(", ").filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The map with these tags on `Test`, which is a residential street if they do not say otherwise, and on the point in its middle.
fn map(way: &str, node: &str) -> String {
    let highway = if way.contains("highway=") { "" } else { "highway=residential, " };
    support::map(&tags(&format!("{highway}{way}")), &tags(node), 60)
}

const DIRECT: Rule = Rule::Uses("Test");

/// Tags of the way, tags of the point in its middle, what drives through from west to east, the rule and its source.
#[rustfmt::skip]
const THROUGH: [(&str, &str, Profile, Rule, &str); 91] = [
    ("access=yes;no, vehicle=yes", "", Profile::Car, DIRECT, "OSM wiki Key:access"),
    ("motor_vehicle=agricultural;destination", "", Profile::Car, Rule::Round, "OSM wiki Key:access: destinations only"),
    ("access=private", "", Profile::Car, Rule::Round, "OSM wiki Tag:access=private"),
    ("access=customers", "", Profile::Car, Rule::Round, "OSM wiki Tag:access=customers"),
    ("access=delivery", "", Profile::Van, Rule::Round, "OSM wiki Tag:access=delivery"),
    ("vehicle=no", "", Profile::Car, Rule::Round, "OSM wiki Key:vehicle"),
    ("vehicle=no, bicycle=yes", "", Profile::Bike, DIRECT, "OSM wiki Key:access: the narrower key wins"),
    ("motor_vehicle=no", "", Profile::Bike, DIRECT, "OSM wiki Key:motor_vehicle"),
    ("motor_vehicle=no, hgv=yes", "", Profile::Truck, DIRECT, "OSM wiki Key:access"),
    ("motor_vehicle=no, hgv=yes", "", Profile::Car, Rule::Round, "OSM wiki Key:access"),
    ("motor_vehicle=no, psv=yes", "", Profile::Car, Rule::Round, "OSM wiki Key:psv"),
    ("motor_vehicle=no, goods=yes", "", Profile::Van, DIRECT, "OSM wiki Key:goods"),
    ("access=no, emergency=yes", "", Profile::Car, Rule::Round, "OSM wiki Key:emergency"),
    ("access=no, motor_vehicle:forward=yes", "", Profile::Car, DIRECT, "OSM wiki Key:access#Direction"),
    ("access=no, motor_vehicle:backward=yes", "", Profile::Car, Rule::Round, "OSM wiki Key:access#Direction"),
    ("motor_vehicle=no, motorcar:forward=yes", "", Profile::Car, DIRECT, "OSM wiki Key:access"),
    ("access=designated", "", Profile::Car, DIRECT, "OSM wiki Key:access"),
    ("access=something", "", Profile::Car, DIRECT, "OSM wiki Key:access: a value that nobody knows says nothing"),
    ("motor_vehicle:conditional=no @ (Mo-Su 00:00-24:00)", "", Profile::Car, Rule::Round, "OSM wiki Conditional restrictions"),
    ("access=no, motor_vehicle:conditional=yes @ (Mo-Fr 05:00-11:00)", "", Profile::Car, Rule::Round, "OSM wiki Conditional restrictions"),
    ("motor_vehicle:conditional=no @ snow", "", Profile::Car, DIRECT, "OSM wiki Conditional restrictions: weather is not known"),
    ("highway=busway", "", Profile::Car, Rule::Round, "OSM wiki Tag:highway=busway"),
    ("highway=service, service=busway", "", Profile::Car, Rule::Round, "OSM wiki Tag:highway=busway"),
    ("highway=track, maxspeed=100", "", Profile::Car, Rule::Round, "OSM wiki Tag:highway=track"),
    ("highway=track, motor_vehicle=yes, maxspeed=100", "", Profile::Car, DIRECT, "OSM wiki Key:access: opened by name"),
    ("highway=pedestrian, access=yes, maxspeed=100", "", Profile::Car, Rule::Round, "OSM wiki Tag:highway=pedestrian"),
    ("highway=pedestrian, motor_vehicle=yes, maxspeed=100", "", Profile::Van, DIRECT, "OSM wiki Tag:highway=pedestrian"),
    ("highway=service, service=emergency_access, motor_vehicle=yes", "", Profile::Car, DIRECT, "OSM wiki Key:access"),
    ("highway=living_street, maxspeed=100", "", Profile::Car, DIRECT, "OSM wiki Tag:highway=living_street"),
    ("oneway=-1", "", Profile::Car, Rule::Round, "OSM wiki Key:oneway"),
    ("oneway=reverse", "", Profile::Car, Rule::Round, "OSM wiki Key:oneway"),
    ("oneway=alternating", "", Profile::Car, DIRECT, "OSM wiki Tag:oneway=alternating"),
    ("oneway=reversible", "", Profile::Bike, Rule::Round, "OSM wiki Tag:oneway=reversible"),
    ("oneway=-1, oneway:motor_vehicle=no", "", Profile::Car, DIRECT, "OSM wiki Key:oneway"),
    ("smoothness=impassable", "", Profile::Bike, Rule::Round, "OSM wiki Key:smoothness"),
    ("smoothness=bad", "", Profile::Car, DIRECT, "OSM wiki Key:smoothness"),
    ("oneway=-1, oneway:bicycle=no", "", Profile::Bike, DIRECT, "OSM wiki Key:oneway:bicycle"),
    ("oneway=-1, cycleway:right=opposite_track", "", Profile::Bike, DIRECT, "OSM wiki Key:cycleway"),
    ("oneway=-1, cycleway=lane", "", Profile::Bike, Rule::Round, "OSM wiki Key:cycleway: with the traffic"),
    ("highway=trunk, motorroad=yes", "", Profile::Bike, Rule::Round, "OSM wiki Key:motorroad"),
    ("highway=trunk, bicycle=no", "", Profile::Bike, Rule::Round, "OSM wiki Key:bicycle"),
    ("", "barrier=gate, motor_vehicle=private", Profile::Car, Rule::Round, "OSM wiki Key:barrier"),
    ("", "barrier=lift_gate", Profile::Car, DIRECT, "OSM wiki Tag:barrier=lift_gate"),
    ("", "barrier=lift_gate, access=private", Profile::Car, Rule::Round, "OSM wiki Tag:barrier=lift_gate"),
    ("", "barrier=gate, access=customers", Profile::Car, Rule::Round, "OSM wiki Tag:access=customers"),
    ("", "barrier=block", Profile::Car, Rule::Round, "OSM wiki Tag:barrier=block"),
    ("", "barrier=block", Profile::Bike, DIRECT, "OSM wiki Tag:barrier=block"),
    ("", "barrier=bollard", Profile::Bike, DIRECT, "OSM wiki Tag:barrier=bollard"),
    ("", "barrier=bollard, bicycle=no", Profile::Bike, Rule::Round, "OSM wiki Tag:barrier=bollard"),
    ("", "barrier=cycle_barrier", Profile::Bike, DIRECT, "OSM wiki Tag:barrier=cycle_barrier"),
    ("", "barrier=gate, hgv=no", Profile::Truck, Rule::Round, "OSM wiki Key:barrier"),
    ("", "barrier=gate, hgv=no", Profile::Car, DIRECT, "OSM wiki Key:barrier"),
    ("", "barrier=height_restrictor, maxheight=2.1", Profile::Van, Rule::Round, "OSM wiki Tag:barrier=height_restrictor"),
    ("", "barrier=height_restrictor, maxheight=2.1", Profile::Car, DIRECT, "OSM wiki Tag:barrier=height_restrictor"),
    ("maxheight=4.2", "", Profile::Truck, DIRECT, "OSM wiki Key:maxheight"),
    ("maxheight=12'6\"", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxheight"),
    ("maxheight=default", "", Profile::Truck, DIRECT, "OSM wiki Key:maxheight"),
    ("maxheight=2.5", "", Profile::Car, DIRECT, "OSM wiki Key:maxheight"),
    ("maxheight=2.5", "", Profile::Bike, DIRECT, "OSM wiki Key:maxheight"),
    ("maxweight=16000 lbs", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxweight"),
    ("maxweight=7.5", "", Profile::Van, DIRECT, "OSM wiki Key:maxweight"),
    ("maxweightrating=7.5", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxweightrating"),
    ("maxweightrating:hgv=7.5, maxweightrating:hgv:conditional=none @ destination", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxweightrating: destinations only"),
    ("maxwidth=2", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxwidth"),
    ("maxaxleload=6", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxaxleload"),
    ("maxlength:backward=6", "", Profile::Truck, DIRECT, "OSM wiki Key:maxlength"),
    ("hgv=destination", "", Profile::Truck, Rule::Round, "OSM wiki Key:hgv"),
    ("hgv=delivery", "", Profile::Truck, Rule::Round, "OSM wiki Key:hgv"),
    ("hgv=no", "", Profile::Van, DIRECT, "OSM wiki Key:hgv"),
    ("hgv:conditional=no @ (weight>7.5)", "", Profile::Truck, Rule::Round, "OSM wiki Conditional restrictions"),
    ("hgv:conditional=no @ (weight>40)", "", Profile::Truck, DIRECT, "OSM wiki Conditional restrictions"),
    ("hgv:conditional=no @ (Mo-Fr 07:00-19:00)", "", Profile::Truck, Rule::Round, "OSM wiki Conditional restrictions: the hour is not known"),
    ("hgv:conditional=no @ (Mo-Fr 07:00-19:00)", "", Profile::Car, DIRECT, "OSM wiki Conditional restrictions"),
    ("hgv:forward=no", "", Profile::Truck, Rule::Round, "OSM wiki Key:hgv"),
    ("access=resident", "", Profile::Car, Rule::Round, "OSM wiki Key:access"),
    ("maxgcweight=12", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxgcweight"),
    ("maxgcweightrating=12", "", Profile::Truck, Rule::Round, "OSM wiki Key:maxgcweightrating"),
    ("hgv:conditional=no @ (weight>7.5; 22:00-06:00)", "", Profile::Truck, Rule::Round, "OSM wiki Conditional restrictions"),
    ("oneway:conditional=-1 @ (Mo-Fr 07:00-09:00)", "", Profile::Car, Rule::Round, "OSM wiki Key:oneway: the hour is not known"),
    ("oneway=-1, oneway:conditional=no @ (22:00-06:00)", "", Profile::Car, Rule::Round, "OSM wiki Key:oneway: the hour is not known"),
    ("oneway=-1, oneway:conditional=no @ (weight<3.5)", "", Profile::Car, DIRECT, "OSM wiki Conditional restrictions"),
    ("oneway=-1, cycleway:both=track, cycleway:left:oneway=-1", "", Profile::Bike, DIRECT, "OSM wiki Key:cycleway"),
    ("oneway=-1, oneway:bicycle=no, oneway:conditional=-1 @ (07:00-09:00)", "", Profile::Bike, DIRECT, "OSM wiki Key:oneway:bicycle"),
    ("oneway:conditional=-1 @ (weight>7.5), oneway:hgv:conditional=no @ (weight<40)", "", Profile::Truck, DIRECT, "OSM wiki Conditional restrictions: the narrower key wins"),
    ("oneway:conditional=-1 @ (weight>7.5)", "", Profile::Truck, Rule::Round, "OSM wiki Conditional restrictions"),
    ("hov=designated", "", Profile::Van, Rule::Round, "OSM wiki Key:hov; car profile of OSRM"),
    ("hov=designated", "", Profile::Bike, DIRECT, "OSM wiki Key:hov"),
    ("abandoned=yes", "", Profile::Car, Rule::Round, "OSM wiki Key:abandoned"),
    ("construction=yes", "", Profile::Car, Rule::Round, "OSM wiki Key:construction; car profile of OSRM"),
    ("construction=minor", "", Profile::Car, DIRECT, "OSM wiki Key:construction"),
    ("status=impassable", "", Profile::Car, Rule::Round, "car profile of OSRM"),
];

#[test]
fn tags_of_a_street_open_or_close_it_for_through_traffic() {
    let mut wrong = String::new();
    for (way, node, profile, rule, source) in THROUGH {
        if let Some(what) = broken(map(way, node).as_bytes(), profile.into(), WEST, EAST, rule) {
            writeln!(wrong, "{way} / {node} for {profile:?}: {rule:?} is right ({source}), not {what}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A place on a street for destinations is served from it, and one beyond a closed barrier from the other side.
#[test]
fn places_on_streets_for_destinations_are_served_there() {
    for way in
        ["access=destination", "motor_vehicle=delivery", "access=customers", "highway=pedestrian, vehicle=delivery"]
    {
        for profile in [Profile::Car, Profile::Van, Profile::Truck] {
            for (from, to) in [(WEST, MIDDLE), (MIDDLE, WEST), (EAST, MIDDLE), ((7.001, 50.0), MIDDLE)] {
                assert_eq!(broken(map(way, "").as_bytes(), profile.into(), from, to, DIRECT), None, "{way}");
            }
        }
    }
    let gate = map("", "barrier=gate, access=private");
    assert_eq!(broken(gate.as_bytes(), Profile::Car.into(), WEST, (7.002, 50.0), Rule::Avoids("Round")), None);
    assert_eq!(broken(gate.as_bytes(), Profile::Car.into(), WEST, MIDDLE, Rule::Uses("Round")), None);
}

/// A street for destinations has several edges in each direction: closing one by its number closes the others with it.
#[test]
fn an_edge_is_closed_with_its_copies() {
    use fleetfold_model::RoadTarget;
    use fleetfold_roads::ActiveChange;
    let (streets, _) = osm::build(map("access=destination", "").as_bytes(), Profile::Car, |_| {}).unwrap();
    let network = Network::from_streets(streets);
    let (west, middle) = (place(WEST), place(MIDDLE));
    let edge = network.edges_driven(west, middle)[1].0;
    let target = RoadTarget::Edges(vec![edge]);
    assert!(network.edges_named(&target).len() > 1);
    let closed = network.with_changes(&[ActiveChange { target, time_percent: None }]).unwrap();
    let names: Vec<String> = closed.streets_driven(west, middle).into_iter().map(|street| street.name).collect();
    assert!(names.iter().any(|name| name == "Round"), "{names:?}");
}

/// The same street for lorries of several sizes.
#[test]
fn limits_are_for_the_size_that_the_graph_is_built_for() {
    let usual = BuildSettings::from(Profile::Truck);
    let low = Dimensions { height_cm: 240, weight_kg: 3_000, length_cm: 550, ..usual.dimensions };
    let small = BuildSettings { dimensions: low, ..usual };
    for way in ["maxheight=2.5", "maxweight=3.5", "maxlength=6"] {
        assert_eq!(broken(map(way, "").as_bytes(), usual, WEST, EAST, Rule::Round), None, "{way}");
        assert_eq!(broken(map(way, "").as_bytes(), small, WEST, EAST, DIRECT), None, "{way}");
    }
    let (streets, _) = osm::build(map("", "").as_bytes(), small, |_| {}).unwrap();
    let read = fleetfold_roads::Streets::from_bytes(&streets.to_bytes()).unwrap();
    assert_eq!(read.vehicle(), Some((Profile::Truck, low)));
    assert_eq!(read, streets);
}
/// `map` with a motorway, a bridge and so on 17 m north of the middle of `Test`, joined to both its ends.
fn beside(road: &str) -> String {
    let tags = xml(&tags(road));
    let road = format!(
        "<node id='11' lon='7.001' lat='50.0004'/><node id='12' lon='7.005' lat='50.0004'/>\
         <way id='40'><nd ref='11'/><nd ref='12'/>{tags}<tag k='oneway' v='no'/><tag k='name' v='Fast'/></way>\
         <way id='41'><nd ref='1'/><nd ref='11'/><tag k='highway' v='tertiary'/><tag k='name' v='On'/></way>\
         <way id='42'><nd ref='12'/><nd ref='2'/><tag k='highway' v='tertiary'/><tag k='name' v='Off'/></way></osm>"
    );
    map("", "").replace("</osm>", &road)
}

#[test]
fn a_place_is_served_from_a_street_that_one_may_stop_on() {
    let stop = (7.003, 50.00025);
    let car = BuildSettings::from(Profile::Car);
    for road in [
        "highway=motorway",
        "highway=motorway_link",
        "highway=trunk, motorroad=yes",
        "highway=primary, bridge=yes",
        "highway=primary, tunnel=yes",
    ] {
        let bytes = beside(road);
        assert_eq!(broken(bytes.as_bytes(), car, WEST, stop, Rule::Avoids("Fast")), None, "{road}");
    }
    // Where one may stop, the nearest street serves.
    assert_eq!(broken(beside("highway=primary").as_bytes(), car, WEST, stop, Rule::Uses("Fast")), None);
    // Whoever is on the motorway is a vehicle that is passing; whoever seems to be in a tunnel is above it.
    let on = (7.003, 50.00041);
    assert_eq!(broken(beside("highway=motorway").as_bytes(), car, on, EAST, Rule::Uses("Fast")), None);
    assert_eq!(broken(beside("highway=primary, tunnel=yes").as_bytes(), car, WEST, on, Rule::Avoids("Fast")), None);
    // Nothing else is near: 400 m north of everything but the motorway.
    let far = beside("highway=motorway").replace("lat='50.0004'", "lat='50.0036'");
    let far_place = (7.003, 50.0034);
    assert_eq!(broken(far.as_bytes(), car, WEST, far_place, Rule::Uses("Fast")), None);
}

#[test]
fn a_place_too_far_from_every_street_is_unreachable_with_the_distance() {
    let car = BuildSettings::from(Profile::Car);
    let bytes = map("", "");
    // 450 m and 550 m south of Test.
    let (near, far) = ((7.003, 49.995_953), (7.003, 49.995_054));
    assert_eq!(broken(bytes.as_bytes(), car, WEST, near, DIRECT), None);
    assert_eq!(broken(bytes.as_bytes(), car, WEST, far, Rule::Unreachable), None);
    let wide = BuildSettings { snap_metres: 600, ..car };
    assert_eq!(broken(bytes.as_bytes(), wide, WEST, far, DIRECT), None);
    let (streets, _) = osm::build(bytes.as_bytes(), car, |_| {}).unwrap();
    let network = Network::from_streets(streets.clone());
    assert_eq!(network.off_street(place(near)), None);
    let why = network.off_street(place(far)).unwrap();
    assert!(matches!(why, OffStreet::Far { metres: 549.0..551.0, limit: 500 }), "{why:?}");
    assert_eq!(why.to_string(), "is 550 m from the nearest street, 500 m are the most");
    let network = Network::from_streets(streets.with_snap_metres(100));
    assert!(network.off_street(place(near)).is_some());
}

/// Streets over the antimeridian are as long as elsewhere, and places on both sides are served from them.
#[test]
fn streets_over_the_antimeridian_are_like_others() {
    // The map of most cases, moved so that the antimeridian goes through `Test`.
    let moved = |shift: f64| {
        let mut text = String::new();
        for (at, piece) in map("", "").split("lon='").enumerate() {
            if at == 0 {
                text.push_str(piece);
                continue;
            }
            let (lon, rest) = piece.split_once('\'').unwrap();
            let lon = lon.parse::<f64>().unwrap() + shift;
            let lon = if lon > 180.0 { lon - 360.0 } else { lon };
            write!(text, "lon='{lon:.7}'{rest}").unwrap();
        }
        text
    };
    let shift = 180.0 - 7.0021;
    let here = Network::from_streets(osm::build(moved(0.0).as_bytes(), Profile::Car, |_| {}).unwrap().0);
    let there = Network::from_streets(osm::build(moved(shift).as_bytes(), Profile::Car, |_| {}).unwrap().0);
    let places = [WEST, EAST, MIDDLE, (7.0005, 50.0002), (7.0022, 49.9995), (7.002, 50.004), (7.003, 50.0061)];
    let turned =
        |(lon, lat): Degrees| if lon + shift > 180.0 { (lon + shift - 360.0, lat) } else { (lon + shift, lat) };
    for from in places {
        for to in places {
            let (a, b) = (here.leg(place(from), place(to)), there.leg(place(turned(from)), place(turned(to))));
            assert!(
                (a.millis - b.millis).abs() <= 10 && (a.metres - b.metres).abs() <= 1,
                "{from:?} {to:?} {a:?} {b:?}"
            );
            assert_eq!(
                there.path(place(turned(from)), place(turned(to))).len(),
                here.path(place(from), place(to)).len()
            );
        }
    }
}

/// A file as people have it, and how it is read.
#[test]
fn files_are_read_as_people_have_them() {
    let plain = map("", "");
    let car = BuildSettings::from(Profile::Car);
    let round = |text: &str| assert_eq!(broken(text.as_bytes(), car, WEST, EAST, Rule::Round), None, "{text}");
    let direct = |text: &str| assert_eq!(broken(text.as_bytes(), car, WEST, EAST, DIRECT), None, "{text}");
    direct(&plain);
    // OSM wiki, OSM XML and JOSM file format.
    round(&plain.replace("<way id='10'>", "<way id='10' visible='false'>"));
    round(&plain.replace("<way id='10'>", "<way id='10' action='delete'>"));
    round(&plain.replace(
        "<node id='7' lon='7.003' lat='50.0'></node>",
        "<node id='7' action='delete' lon='7.003' lat='50.0'/>",
    ));
    direct(&plain.replace("<way id='10'>", "<way id='10' action='modify' visible='true'>"));
    direct(&plain.replace("<way id='10'>", "<way id='9' visible='false'/><way id='10'>"));
    direct(&format!("\n\n  \r\n<?xml version='1.0' encoding='utf-8'?>{plain}"));
    // The newest version counts, wherever it stands and whatever it is.
    let test = plain.split("<way id='10'>").nth(1).unwrap().split("</way>").next().unwrap();
    let old = format!("<way id='10' version='2'>{test}</way>");
    for newer in [
        format!("<way id='10' version='3'>{}</way>", test.replace("residential", "footway")),
        "<way id='10' version='3' visible='false'/>".to_owned(),
        "<way id='10' version='3'><nd ref='1'/><nd ref='2'/><tag k='building' v='yes'/></way>".to_owned(),
    ] {
        let without = plain.replace(&format!("<way id='10'>{test}</way>"), "");
        round(&without.replace("</osm>", &format!("{old}{newer}</osm>")));
        round(&without.replace("</osm>", &format!("{newer}{old}</osm>")));
        direct(&without.replace("</osm>", &format!("{}{old}</osm>", newer.replace("version='3'", "version='1'"))));
    }
    // The same holds for a point: here its newest version has no bollard.
    let point =
        |version: u8, tags: &str| format!("<node id='7' version='{version}' lon='7.003' lat='50.0'>{tags}</node>");
    let bollard = "<tag k='barrier' v='bollard'/>";
    let bare = "<node id='7' lon='7.003' lat='50.0'></node>";
    direct(&plain.replace(bare, &(point(2, "") + &point(1, bollard))));
    round(&plain.replace(bare, &(point(1, "") + &point(2, bollard))));
    // Ids of an editor that has not uploaded yet are negative; such a way can be closed.
    let negative = plain.replace("ref='", "ref='-").replace("id='", "id='-");
    direct(&negative);
    let network = Network::from_streets(osm::build(negative.as_bytes(), car, |_| {}).unwrap().0);
    let road = -10i64 as u64;
    assert_eq!(network.edges_named(&fleetfold_model::RoadTarget::Roads(vec![road])).len(), 2);
    // Points outside of the globe are refused with their id.
    let error = osm::build(plain.replace("lat='50.0060000'", "lat='91'").as_bytes(), car, |_| {}).unwrap_err();
    assert!(matches!(error, OsmError::OutOfRange { node: 3, .. }), "{error}");
    assert!(error.to_string().contains("latitude 91"), "{error}");
    let error = osm::build(plain.replace("lat='50.0'", "lat='50,0'").as_bytes(), car, |_| {}).unwrap_err();
    assert!(matches!(error, OsmError::OutOfRange { node: 7, .. }) && error.to_string().contains("50,0"), "{error}");
    // A point without coordinates is one that the extract does not hold.
    round(&plain.replace("<node id='7' lon='7.003' lat='50.0'>", "<node id='7'>"));
    // Changes of a map are no map.
    let changes = plain.replace("<osm ", "<osmChange ").replace("</osm>", "</osmChange>");
    let error = osm::build(changes.as_bytes(), car, |_| {}).unwrap_err();
    assert!(error.to_string().contains("a file of changes (.osc)"), "{error}");
    let bad = plain.replace("'utf-8'", "'cp437'");
    let bad = format!("<?xml version='1.0' encoding='cp437'?>{bad}");
    assert!(matches!(osm::build(bad.as_bytes(), car, |_| {}), Err(OsmError::Encoding(_))));
    let bytes = plain.replace("Test", "Rua S\u{e3}o").chars().map(|letter| letter as u8).collect::<Vec<u8>>();
    assert!(
        matches!(osm::build(&bytes, car, |_| {}), Err(OsmError::Damaged(_))),
        "no UTF-8, and no other encoding is named"
    );
}

#[test]
fn compressed_extracts_are_read_in_one_stream_or_several() {
    use std::io::Write;
    let plain = map("access=destination", "");
    let (streets, _) = osm::build(plain.as_bytes(), Profile::Car, |_| {}).unwrap();
    let pack = |bytes: &[u8]| {
        let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let (first, second) = plain.as_bytes().split_at(500);
    let whole = pack(plain.as_bytes());
    for bytes in [whole.clone(), [pack(first), pack(second)].concat()] {
        assert_eq!(osm::build(&bytes, Profile::Car, |_| {}).unwrap().0, streets);
    }
    assert!(osm::build(&whole[..whole.len() / 2], Profile::Car, |_| {}).is_err());
}

/// `map` with a street `Island` from north to south, 290 m long, that begins so many metres south of `Test`. A way with these tags
/// leads to it over a point with these tags, unless there are none.
fn island(metres: f64, way: &str, node: &str) -> String {
    let pairs = |list: &str| xml(&tags(list));
    let north = 50.0 - metres / 111_195.0;
    let bridge = if way.is_empty() {
        String::new()
    } else {
        format!("<way id='51'><nd ref='7'/><nd ref='53'/><nd ref='51'/>{}<tag k='name' v='Bridge'/></way>", pairs(way))
    };
    let middle = f64::midpoint(north, 50.0);
    let text = format!(
        "<node id='51' lon='7.003' lat='{north:.7}'/><node id='52' lon='7.003' lat='{:.7}'/>\
         <node id='53' lon='7.003' lat='{middle:.7}'>{}</node>{bridge}\
         <way id='50'><nd ref='51'/><nd ref='52'/><tag k='highway' v='residential'/><tag k='name' v='Island'/></way></osm>",
        north - 0.0026,
        pairs(node),
    );
    map("", "").replace("</osm>", &text)
}

/// A place on an island is not served over the water, unless the map only seems to have an island there.
#[test]
fn a_place_whose_street_is_apart_from_the_others_is_unreachable() {
    use Profile::{Bike, Car, Truck, Van};
    let (served, over, cut) = (Rule::Avoids("Island"), Rule::Uses("Island"), Rule::Unreachable);
    // Metres to the island, tags of the way to it and of a point of that way, what drives, and how the place is reached.
    let cases = [
        (150.0, "", "", Car, cut),
        (150.0, "route=ferry, motor_vehicle=yes, duration=00:05", "", Car, cut),
        (150.0, "highway=footway", "", Car, cut),
        (150.0, "highway=unclassified", "", Car, over),
        (150.0, "highway=unclassified, maxweight=3.5", "", Van, over),
        (150.0, "highway=unclassified, maxweight=3.5", "", Truck, cut),
        (150.0, "highway=unclassified", "barrier=height_restrictor, maxheight=2", Van, cut),
        (150.0, "highway=unclassified, motor_vehicle=no", "", Car, cut),
        (150.0, "highway=unclassified", "barrier=bollard", Car, cut),
        (150.0, "highway=unclassified", "barrier=bollard", Bike, over),
        // A delivery to what is private stops in front, and who goes there by a track does so as well.
        (150.0, "highway=unclassified, access=private", "", Car, served),
        (150.0, "highway=unclassified", "barrier=gate, access=private", Car, served),
        (150.0, "highway=unclassified", "barrier=gate, locked=yes", Car, served),
        (150.0, "highway=track", "", Car, served),
        (150.0, "highway=track, motor_vehicle=agricultural", "", Car, cut),
        // So near to `Test` that the map lacks a connection, unless it says what is forbidden.
        (20.0, "", "", Car, served),
        (20.0, "highway=footway", "", Car, served),
        (20.0, "highway=service, hgv=no", "", Truck, cut),
        (20.0, "highway=service, hgv=no", "", Car, over),
    ];
    for (metres, way, node, profile, rule) in cases {
        let text = island(metres, way, node);
        // 14 m beside the street, 145 m from its northern end.
        let stop = (7.0032, 50.0 - metres / 111_195.0 - 0.0013);
        assert_eq!(
            broken(text.as_bytes(), profile.into(), WEST, stop, rule),
            None,
            "{metres} {way} {node} {profile:?}"
        );
        assert_eq!(
            broken(text.as_bytes(), profile.into(), stop, WEST, rule),
            None,
            "{metres} {way} {node} {profile:?}"
        );
    }
    let (streets, report) = osm::build(island(150.0, "", "").as_bytes(), Car, |_| {}).unwrap();
    assert_eq!(report.apart, 1);
    let main = osm::build(map("", "").as_bytes(), Car, |_| {}).unwrap().0;
    assert_eq!(streets.bounds(), main.bounds(), "the streets that are driven are as before");
    assert_eq!(streets.stretches(), main.stretches());
    let read = fleetfold_roads::Streets::from_bytes(&streets.to_bytes()).unwrap();
    assert_eq!(read, streets, "a graph file has the streets that are apart");
    let network = Network::from_streets(read);
    let why = network.off_street(place((7.0032, 49.997))).unwrap();
    assert!(matches!(&why, OffStreet::Apart { street, metres: 13.0..16.0 } if street == "Island"), "{why:?}");
    let words = "is 14 m from its street (Island), which no road connects with the others for this vehicle";
    assert_eq!(why.to_string(), words);
    assert!(network.streets().iter().all(|street| street.name != "Island"), "it is not drawn as a street to drive on");
    // Between the two an open street is preferred up to 30 m further.
    assert_eq!(network.off_street(place((7.003, 49.9992))), None);
    assert!(network.off_street(place((7.003, 49.9990))).is_some());
    // A street of 90 m alone is an error of the map.
    let short = island(150.0, "", "").replace("lat='49.9960510'", "lat='49.9978'");
    assert_eq!(broken(short.as_bytes(), Car.into(), WEST, (7.0032, 49.9982), served), None);
}

/// Straight on from `West` to `East` is forbidden over the ways between, whatever else the relation names and in whatever order.
#[test]
fn turns_over_ways_are_forbidden_however_the_relation_lists_them() {
    let split = map("", "").replace("<nd ref='1'/><nd ref='7'/><nd ref='2'/>", "<nd ref='1'/><nd ref='7'/>").replace(
        "</osm>",
        "<way id='11'><nd ref='7'/><nd ref='2'/><tag k='highway' v='residential'/><tag k='name' v='Test'/></way></osm>",
    );
    // Whoever turns round twice may go on: that takes longer, too.
    let (forbidden, allowed) = (Rule::Seconds(180.0, f64::INFINITY), Rule::Seconds(0.0, 100.0));
    for (between, rule) in [
        ("way 10, way 11", forbidden),
        ("way 11, way 10", forbidden),
        ("way 10, node 7, way 11", forbidden),
        ("node 7", allowed),
        ("way 20", allowed),
        ("way 99", allowed),
    ] {
        let mut members = String::from("<member type='way' ref='30' role='from'/>");
        for (kind, id) in between.split(", ").filter_map(|member| member.split_once(' ')) {
            write!(members, "<member type='{kind}' ref='{id}' role='via'/>").unwrap();
        }
        let relation = format!(
            "<relation id='1'>{members}<member type='way' ref='31' role='to'/><tag k='type' v='restriction'/>\
             <tag k='restriction' v='no_straight_on'/></relation></osm>"
        );
        let text = split.replace("</osm>", &relation);
        assert_eq!(broken(text.as_bytes(), Profile::Car.into(), WEST, EAST, rule), None, "{between}");
    }
}
