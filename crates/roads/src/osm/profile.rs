//! Which ways a vehicle may use, in which direction, how fast.

use super::item::Tags;

/// What drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A car.
    Car,
    /// A delivery van: a car, at most 110 km/h.
    Van,
    /// A lorry: at most 80 km/h, no ways closed to goods vehicles.
    Truck,
    /// A bicycle, 15 km/h.
    Bike,
}

/// How a way may be used. Speeds in km/h; `None`: not in that direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Use {
    pub(crate) forward: Option<f64>,
    pub(crate) backward: Option<f64>,
    pub(crate) class: u8,
}

/// Share of a posted limit that is driven in the mean: junctions, curves, others (the value OSRM's car profile uses).
const SHARE_OF_LIMIT: f64 = 0.8;

impl Profile {
    /// What restrictions and access tags call it, from general to particular.
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Car => &["access", "vehicle", "motor_vehicle", "motorcar"],
            Self::Van => &["access", "vehicle", "motor_vehicle", "goods"],
            Self::Truck => &["access", "vehicle", "motor_vehicle", "hgv"],
            Self::Bike => &["access", "vehicle", "bicycle"],
        }
    }

    fn speed_max(self) -> f64 {
        match self {
            Self::Car => 140.0,
            Self::Van => 110.0,
            Self::Truck => 80.0,
            Self::Bike => 15.0,
        }
    }

    /// True when a restriction counts for it.
    pub(crate) fn obeys(self, tags: &Tags) -> bool {
        let excepted = tags.get("except").unwrap_or_default();
        !excepted.split(';').any(|kind| self.kinds().contains(&kind.trim()))
    }

    /// The tag of a restriction relation that counts for it.
    pub(crate) fn restriction(self, tags: &Tags) -> Option<&str> {
        let own = self.kinds().iter().rev().find_map(|kind| tags.get(&format!("restriction:{kind}")));
        own.or_else(|| tags.get("restriction"))
    }

    /// How it may use a way; `None`: not at all.
    pub(crate) fn of(self, tags: &Tags) -> Option<Use> {
        let highway = tags.get("highway")?;
        let (usual, class) = usual_speed(highway)?;
        if tags.get("area") == Some("yes") {
            return None;
        }
        let bike = self == Self::Bike;
        let mut allowed = match highway {
            "motorway" | "motorway_link" | "trunk" | "trunk_link" => !bike,
            "cycleway" | "track" | "path" => bike,
            "footway" | "pedestrian" => false,
            _ => true,
        };
        for kind in self.kinds() {
            match tags.get(kind) {
                Some("no" | "private" | "agricultural" | "forestry" | "emergency" | "military") => allowed = false,
                Some("yes" | "designated" | "permissive" | "destination" | "delivery" | "customers") => {
                    // General permission opens no way that is not built for it.
                    allowed = allowed || *kind == "bicycle" || (!bike && *kind != "access" && usual > 10.0);
                }
                _ => {}
            }
        }
        if !allowed {
            return None;
        }
        let limit = |key: &str| tags.get(key).or_else(|| tags.get("maxspeed")).and_then(posted);
        let speed = |key: &str| {
            if bike {
                return self.speed_max();
            }
            limit(key).map_or(usual, |limit| limit * SHARE_OF_LIMIT).clamp(3.0, self.speed_max())
        };
        let oneway = match tags.get(if bike { "oneway:bicycle" } else { "oneway" }).or_else(|| tags.get("oneway")) {
            Some("yes" | "true" | "1") => 1,
            Some("-1" | "reverse") => -1,
            Some("no" | "false" | "0") => 0,
            _ if matches!(tags.get("junction"), Some("roundabout" | "circular")) => 1,
            _ if matches!(highway, "motorway" | "motorway_link") => 1,
            _ => 0,
        };
        let bridge = tags.get("bridge").is_some_and(|value| value != "no");
        Some(Use {
            forward: (oneway >= 0).then(|| speed("maxspeed:forward")),
            backward: (oneway <= 0).then(|| speed("maxspeed:backward")),
            class: if bridge && class < 2 { 0 } else { class },
        })
    }
}

/// Mean speed without a posted limit, km/h, and the class for the map (the values of OSRM's car profile where it has one).
fn usual_speed(highway: &str) -> Option<(f64, u8)> {
    Some(match highway {
        "motorway" => (90.0, 0),
        "motorway_link" => (45.0, 0),
        "trunk" => (85.0, 0),
        "trunk_link" => (40.0, 0),
        "primary" => (65.0, 1),
        "primary_link" => (30.0, 1),
        "secondary" => (55.0, 1),
        "secondary_link" => (25.0, 1),
        "tertiary" => (40.0, 1),
        "tertiary_link" => (20.0, 1),
        "unclassified" | "residential" | "road" => (25.0, 2),
        "service" => (15.0, 2),
        "living_street" | "track" | "cycleway" | "path" => (10.0, 2),
        "footway" | "pedestrian" => (5.0, 2),
        _ => return None,
    })
}

/// A posted limit in km/h.
fn posted(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(miles) = text.strip_suffix("mph") {
        return miles.trim().parse::<f64>().ok().filter(|limit| *limit > 0.0).map(|limit| limit * 1.609_344);
    }
    let number = text.strip_suffix("km/h").unwrap_or(text).trim();
    if let Ok(limit) = number.parse::<f64>() {
        return Some(limit).filter(|limit| limit.is_finite() && *limit > 0.0);
    }
    match text.rsplit(':').next() {
        Some("walk" | "living_street") => Some(10.0),
        Some("urban") => Some(50.0),
        Some("rural") => Some(90.0),
        Some("trunk") => Some(100.0),
        Some("motorway") => Some(120.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Profile, Tags, Use, posted};

    fn used(profile: Profile, tags: &[(&str, &str)]) -> Option<Use> {
        profile.of(&Tags(tags.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }

    #[test]
    fn ways_as_signposted() {
        let both = used(Profile::Car, &[("highway", "residential"), ("maxspeed", "30")]).expect("open");
        assert_eq!((both.forward, both.backward), (Some(24.0), Some(24.0)));
        let oneway = used(Profile::Car, &[("highway", "primary"), ("oneway", "-1")]).expect("open");
        assert_eq!((oneway.forward, oneway.backward), (None, Some(65.0)));
        let roundabout = used(Profile::Car, &[("highway", "tertiary"), ("junction", "roundabout")]).expect("open");
        assert_eq!(roundabout.backward, None);
        assert_eq!(used(Profile::Car, &[("highway", "footway")]), None);
        assert_eq!(used(Profile::Car, &[("highway", "residential"), ("access", "private")]), None);
        assert!(used(Profile::Car, &[("highway", "residential"), ("access", "no"), ("motorcar", "yes")]).is_some());
        assert_eq!(used(Profile::Truck, &[("highway", "residential"), ("hgv", "no")]), None);
        assert_eq!(used(Profile::Bike, &[("highway", "motorway")]), None);
        let contraflow = [("highway", "residential"), ("oneway", "yes"), ("oneway:bicycle", "no")];
        assert!(used(Profile::Bike, &contraflow).is_some_and(|way| way.backward.is_some()));
        assert!(used(Profile::Car, &contraflow).is_some_and(|way| way.backward.is_none()));
    }

    #[test]
    fn limits_in_all_spellings() {
        assert_eq!(posted("50"), Some(50.0));
        assert_eq!(posted("30 mph").map(f64::round), Some(48.0));
        assert_eq!(posted("PT:urban"), Some(50.0));
        assert_eq!(posted("-3"), None);
        assert_eq!(posted("signals"), None);
    }
}
