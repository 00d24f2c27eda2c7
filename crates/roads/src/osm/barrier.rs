//! Barriers on points of ways: who may pass (OSM wiki, Key:barrier and the pages of its values).

use super::access::{Access, permission};
use super::item::Tags;
use super::limit::{is_limit, limited};
use crate::profile::{BuildSettings, Profile};

/// True if a key of a point can say that not everybody may pass.
pub(crate) fn is_barrier_key(key: &str) -> bool {
    key == "barrier" || is_limit(key)
}

/// Who may pass a point of a way.
pub(crate) fn passable(tags: &Tags, settings: &BuildSettings) -> Access {
    let barrier = tags.get("barrier").map_or(Access::Open, |kinds| {
        let bike = settings.profile == Profile::Bike;
        // Several barriers at one point are all to be passed.
        let usual = kinds.split(';').map(|kind| usually(kind.trim(), bike, tags)).min().unwrap_or(Access::Open);
        let locked = if tags.get("locked") == Some("yes") { Access::Closed } else { Access::Open };
        permission(tags, settings, None, usual.min(locked), |_| true).access
    });
    barrier.min(limited(tags, settings, None))
}

/// Who may pass a kind of barrier whose access is not tagged.
fn usually(kind: &str, bike: bool, tags: &Tags) -> Access {
    let open = match kind {
        // Doors of a street and things that one drives over or stops at.
        "gate" | "lift_gate" | "swing_gate" | "sliding_gate" | "sliding_beam" | "hampshire_gate" | "bump_gate"
        | "cattle_grid" | "toll_booth" | "border_control" | "checkpoint" | "entrance" | "sally_port"
        | "height_restrictor" | "arch" | "spikes" | "coupure" | "no" => true,
        "kerb" => {
            bike || tags.get("highway") == Some("crossing")
                || matches!(tags.get("kerb"), Some("lowered" | "flush" | "no"))
        }
        // Nothing on wheels passes.
        "stile"
        | "turnstile"
        | "full-height_turnstile"
        | "kissing_gate"
        | "horse_stile"
        | "wall"
        | "city_wall"
        | "retaining_wall"
        | "fence"
        | "hedge"
        | "guard_rail"
        | "cable_barrier"
        | "ditch"
        | "debris"
        | "yes" => false,
        // Bollards, blocks, jersey barriers, cycle barriers, chains, logs, bus traps and whatever else stands in the way of a motor
        // vehicle only.
        _ => bike,
    };
    if open { Access::Open } else { Access::Closed }
}

#[cfg(test)]
mod tests {
    use super::passable;
    use crate::osm::access::Access;
    use crate::osm::item::Tags;
    use crate::profile::Profile;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn barriers_are_passed_by_whom_they_are_open_to() {
        use Access::{Closed, Destination, Open};
        // The tags, then who passes: a car, a lorry, a bicycle.
        let cases: [(Pairs<'_>, [Access; 3]); 22] = [
            (&[("barrier", "bollard")], [Closed, Closed, Open]),
            (&[("barrier", "block")], [Closed, Closed, Open]),
            (&[("barrier", "jersey_barrier")], [Closed, Closed, Open]),
            (&[("barrier", "cycle_barrier")], [Closed, Closed, Open]),
            (&[("barrier", "bus_trap")], [Closed, Closed, Open]),
            (&[("barrier", "something_new")], [Closed, Closed, Open]),
            (&[("barrier", "stile")], [Closed; 3]),
            (&[("barrier", "gate")], [Open; 3]),
            (&[("barrier", "lift_gate")], [Open; 3]),
            (&[("barrier", "toll_booth")], [Open; 3]),
            (&[("barrier", "gate"), ("access", "private")], [Closed; 3]),
            (&[("barrier", "gate"), ("locked", "yes")], [Closed; 3]),
            (&[("barrier", "gate"), ("access", "destination")], [Destination; 3]),
            (&[("barrier", "lift_gate"), ("access", "no"), ("bicycle", "yes")], [Closed, Closed, Open]),
            (&[("barrier", "lift_gate"), ("motor_vehicle", "customers")], [Destination, Destination, Open]),
            (&[("barrier", "bollard"), ("motor_vehicle", "yes")], [Open; 3]),
            (&[("barrier", "bollard"), ("hgv", "yes")], [Closed, Open, Open]),
            (&[("barrier", "kerb"), ("kerb", "lowered")], [Open; 3]),
            (&[("barrier", "kerb")], [Closed, Closed, Open]),
            (&[("barrier", "height_restrictor"), ("maxheight", "2.1")], [Open, Closed, Open]),
            (&[("barrier", "gate"), ("maxwidth", "1.5")], [Closed, Closed, Open]),
            (&[("barrier", "gate;bollard")], [Closed, Closed, Open]),
        ];
        for (all, expected) in cases {
            let tags = Tags(all.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect());
            let found = [Profile::Car, Profile::Truck, Profile::Bike].map(|profile| passable(&tags, &profile.into()));
            assert_eq!(found, expected, "{all:?}");
        }
    }
}
