//! How a broker keeps a log: one stream of facts for all zones or one for each, how many replicas, and where.

use fleetfold_journal::ZoneName;

use super::Stream;

/// How the ordered logs of the zones are laid out in streams. It is chosen when the log is made, and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// All zones share the stream `FLEET`.
    Shared,
    /// Each zone has a stream of its own.
    PerZone,
}

/// What the stream of a zone begins with.
const ZONE_STREAM: &str = "FLEET_";

impl Layout {
    /// The word for it on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::PerZone => "per-zone",
        }
    }

    /// The layout that a word means.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Shared, Self::PerZone].into_iter().find(|layout| layout.word() == word)
    }

    /// The name at the broker of the stream that holds what a zone says in `stream`. No zone is needed for a stream that is shared.
    pub(crate) fn name(self, stream: Stream, zone: Option<&ZoneName>) -> String {
        match (self, stream, zone) {
            (Self::PerZone, Stream::Fleet, Some(zone)) => zone_stream(zone),
            (Self::Shared | Self::PerZone, ..) => stream.name().to_owned(),
        }
    }

    /// The subjects of that stream.
    pub(crate) fn subjects(self, stream: Stream, zone: Option<&ZoneName>) -> Vec<String> {
        let of = |prefix: &str, tails: &[&str]| tails.iter().map(|tail| format!("{prefix}{tail}")).collect::<Vec<_>>();
        let all = "fleet.*.*.";
        match stream {
            Stream::Fleet => {
                let own = zone.filter(|_| self == Self::PerZone).map(ZoneName::prefix);
                of(own.as_deref().unwrap_or(all), &["event.>", "plan"])
            }
            Stream::Position => of(all, &["position.*"]),
            Stream::Assignment => of(all, &["assignment.*"]),
            Stream::Feature => of(all, &["feature.*"]),
            Stream::Alert => of(all, &["alert.*.*"]),
            Stream::Eta => of(all, &["eta.*"]),
            Stream::Warning => of(all, &["warning.*"]),
            Stream::Rejected => of(all, &["rejected.*"]),
        }
    }
}

/// The name of a zone's own stream: `FLEET_<tenant>__<zone>`, each `_` inside of a name written as `_u`. So `__` stands between the
/// two names and nowhere else, and no two zones have the same stream. (A broker takes no name of a stream above 255 characters:
/// it refuses two names that have more than 119 `_` together.)
pub(crate) fn zone_stream(zone: &ZoneName) -> String {
    let escaped = |name: &str| name.replace('_', "_u");
    format!("{ZONE_STREAM}{}__{}", escaped(zone.tenant()), escaped(zone.zone()))
}

/// The zone whose own stream has this name. `None`: it is no such name.
pub(crate) fn zone_of(name: &str) -> Option<ZoneName> {
    let (tenant, zone) = name.strip_prefix(ZONE_STREAM)?.split_once("__")?;
    let found = ZoneName::new(&tenant.replace("_u", "_"), &zone.replace("_u", "_"))?;
    // What our escape cannot have made is the name of somebody else's stream.
    (zone_stream(&found) == name).then_some(found)
}

/// How many replicas a stream may have: of an even number one more than half is no fewer brokers.
pub(crate) const REPLICAS: [u8; 3] = [1, 3, 5];

/// Which brokers keep the streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Only brokers of this cluster.
    pub cluster: Option<String>,
    /// Only brokers that have all of these tags.
    pub tags: Vec<String>,
}

/// How streams and buckets that are missing are made. Those that are there stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Storage {
    /// The layout that is asked for. `None`: the one that is there; in a new log [`Layout::Shared`].
    pub layout: Option<Layout>,
    /// Replicas of each stream and bucket: 1, 3 or 5. `None`: 3 where the broker is one of three or more, otherwise 1.
    pub replicas: Option<u8>,
    /// Where they are.
    pub placement: Placement,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ZoneName, zone_of, zone_stream};

    #[test]
    fn no_two_zones_have_the_same_stream_and_every_name_leads_back_to_its_zone() {
        let names = ["a", "_", "__", "a_", "_a", "u", "_u", "a_u", "u_", "a-b", "-", "ub", "a_ub", "b", "_u_", "__u"];
        let mut seen = BTreeSet::new();
        for tenant in names {
            for zone in names {
                let zone = ZoneName::new(tenant, zone).expect("a legal name");
                let stream = zone_stream(&zone);
                assert!(stream.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{stream}");
                assert_eq!(zone_of(&stream), Some(zone), "{stream}");
                assert!(seen.insert(stream.clone()), "{stream} twice");
            }
        }
        assert_eq!(zone_stream(&ZoneName::new("acme", "porto-north").expect("legal")), "FLEET_acme__porto-north");
    }

    #[test]
    fn streams_of_others_are_no_streams_of_zones() {
        for name in ["FLEET", "FLEET_", "FLEET_acme", "FLEET_acme_porto", "FLEET_a___b", "FLEET__b", "POSITION"] {
            assert_eq!(zone_of(name), None, "{name}");
        }
    }
}
