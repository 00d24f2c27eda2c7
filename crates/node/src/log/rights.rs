//! What each user of a broker needs, and no more: one table, from which `fleetfold permissions` prints the broker's settings and by which
//! an engine and `doctor` find out what is missing ([`mod@lacking`]).

mod lacking;

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use fleetfold_journal::ZoneName;
use fleetfold_journal::address::{kind_token, token};
use fleetfold_wire::{About, EventType, Writer};

pub(super) use lacking::watch;
pub(crate) use lacking::{Denied, MEND, demand, lacking, words};

use super::{Layout, Stream};

/// How a right to subscribe begins in words.
const SUBSCRIBE: &str = "subscribe to";

/// What stands in the printed settings instead of a secret. Nobody can log in with it.
pub(crate) const PLACEHOLDER: &str = "PUT A BCRYPT HASH HERE (nats server passwd)";

/// Users of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BrokerRole {
    /// An engine, or a node of several zones (with --nodes).
    Engine,
    /// A system that sends orders, vehicles and roads.
    Producer,
    /// The phone of one vehicle's driver.
    Driver,
    /// Whoever reads logs: explain, what-if, audit, verify, record, zones.
    Reader,
    /// Whoever makes and changes streams, hands vehicles over and drains nodes.
    Admin,
}

impl BrokerRole {
    pub(crate) const ALL: [Self; 5] = [Self::Engine, Self::Producer, Self::Driver, Self::Reader, Self::Admin];

    fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Producer => "producer",
            Self::Driver => "driver",
            Self::Reader => "reader",
            Self::Admin => "admin",
        }
    }
}

/// Of which zone, and how its log is laid out.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// `None`: of all tenants.
    pub(crate) tenant: Option<String>,
    /// `None`: all of the tenant.
    pub(crate) zone: Option<String>,
    /// Whose phone.
    pub(crate) vehicle: Option<String>,
    /// As the log is laid out.
    pub(crate) layout: Layout,
    /// It runs several zones beside other nodes.
    pub(crate) is_node: bool,
    /// What its inboxes begin with.
    pub(crate) inbox: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    Publish,
    Subscribe,
}

/// Requests that have an effect whatever stands in them.
const NEVER_TRIED: &str = "$JS.API.STREAM.PURGE.";

/// One right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    verb: Verb,
    subject: String,
    /// What it is for.
    pub(crate) what_for: &'static str,
    /// It is needed only where this stream is not there.
    to_make: Option<String>,
}

impl Right {
    fn can_be_tried(&self) -> bool {
        !self.subject.starts_with(NEVER_TRIED)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Publish => "publish on",
            Verb::Subscribe => SUBSCRIBE,
        };
        write!(f, "{verb} {}", self.subject)
    }
}

/// The rights of a role.
#[derive(Default)]
struct Rights(BTreeSet<Right>);

impl Rights {
    fn add(&mut self, verb: Verb, what_for: &'static str, subject: String) {
        self.0.insert(Right { verb, subject, what_for, to_make: None });
    }

    fn publish(&mut self, what_for: &'static str, subject: impl Into<String>) {
        self.add(Verb::Publish, what_for, subject.into());
    }

    /// Reads a stream with consumers of its own.
    fn follow(&mut self, name: &str) {
        self.publish("to read it", format!("$JS.API.CONSUMER.CREATE.{name}"));
        for verb in ["INFO", "MSG.NEXT", "DELETE"] {
            self.publish("to read it", format!("$JS.API.CONSUMER.{verb}.{name}.*"));
        }
    }

    /// Asks for single messages of a stream.
    fn look_up(&mut self, name: &str) {
        self.publish("to look at it", format!("$JS.API.STREAM.INFO.{name}"));
        self.publish("to look up a message", format!("$JS.API.STREAM.MSG.GET.{name}"));
    }

    /// Looks up values of a bucket or an object store, where that is allowed without its leader.
    fn look_up_values(&mut self, name: &str) {
        self.look_up(name);
        self.publish("to look up a value", format!("$JS.API.DIRECT.GET.{name}.>"));
    }

    fn make(&mut self, name: &str) {
        let right = Right {
            verb: Verb::Publish,
            subject: format!("$JS.API.STREAM.CREATE.{name}"),
            what_for: "to make it where it is missing",
            to_make: Some(name.to_owned()),
        };
        self.0.insert(right);
    }
}

impl Scope {
    fn tenant_token(&self) -> &str {
        self.tenant.as_deref().unwrap_or("*")
    }

    fn zone_token(&self) -> &str {
        self.zone.as_deref().unwrap_or("*")
    }

    /// What subjects of the zone begin with.
    fn prefix(&self) -> String {
        format!("fleet.{}.{}", self.tenant_token(), self.zone_token())
    }

    /// The streams of facts, as they stand in a right.
    fn fleet(&self) -> String {
        let zone = self.tenant.as_ref().zip(self.zone.as_ref()).and_then(|(tenant, zone)| ZoneName::new(tenant, zone));
        match (self.layout, zone) {
            (Layout::Shared, _) => Stream::Fleet.name().to_owned(),
            (Layout::PerZone, Some(zone)) => self.layout.name(Stream::Fleet, Some(&zone)),
            // A part of a stream's name cannot be left open in a right.
            (Layout::PerZone, None) => "*".to_owned(),
        }
    }
}

/// What a role needs.
pub(crate) fn rights(role: BrokerRole, scope: &Scope) -> Vec<Right> {
    let mut all = Rights::default();
    let prefix = scope.prefix();
    let (tenant, zone) = (scope.tenant_token(), scope.zone_token());
    all.add(Verb::Subscribe, "to hear answers", format!("{}.>", scope.inbox));
    // Alone, `_` stands for any vehicle.
    let named = |vehicle: &str| if vehicle == "_" { "%5F".to_owned() } else { token(vehicle) };
    let vehicle = scope.vehicle.as_deref().map_or_else(|| "*".to_owned(), named);
    match role {
        BrokerRole::Driver => {
            for kind in EventType::ALL {
                let of_driver = kind.writer() == Writer::Producer && kind.about() == About::Vehicle;
                if of_driver && !matches!(kind, EventType::VehicleRegistered | EventType::Position) {
                    all.publish("to report", format!("{prefix}.event.{}.{vehicle}", kind_token(kind.name())));
                }
            }
            all.publish("to report", format!("{prefix}.position.{vehicle}"));
            all.add(Verb::Subscribe, "to be told the route", format!("{prefix}.assignment.{vehicle}"));
            let last = format!("$JS.API.DIRECT.GET.ASSIGNMENT.{prefix}.assignment.{vehicle}");
            all.publish("to look up the route", last);
        }
        BrokerRole::Producer => {
            for kind in EventType::ALL {
                let is_fact = kind.writer() == Writer::Producer && kind.about() != About::Zone;
                if is_fact && *kind != EventType::Position {
                    all.publish("to report", format!("{prefix}.event.{}.*", kind_token(kind.name())));
                }
            }
            all.publish("to report", format!("{prefix}.position.*"));
        }
        BrokerRole::Reader => {
            all.publish("to find streams", "$JS.API.STREAM.NAMES");
            for name in [
                scope.fleet().as_str(),
                "POSITION",
                "ASSIGNMENT",
                "ALERT",
                "ETA",
                "REJECTED",
                "WARNING",
                "KV_SKIPPED",
                "OBJ_BASES",
            ] {
                all.look_up(name);
                all.follow(name);
            }
            all.publish("to look at it", "$JS.API.STREAM.INFO.FEATURE");
            all.publish("to read registered schemas", "$JS.API.STREAM.MSG.GET.KV_SCHEMAS");
            for name in ["KV_OWNERS", "KV_NODES", "KV_ZONES", "OBJ_BASES"] {
                all.look_up_values(name);
            }
            for name in ["KV_NODES", "KV_ZONES"] {
                all.publish("to list it", format!("$JS.API.CONSUMER.CREATE.{name}"));
            }
            all.publish("to read much at once", "$JS.FC.>");
        }
        BrokerRole::Admin => {
            all.publish("to make, change and read streams", "$JS.API.>");
            all.publish("to read much at once", "$JS.FC.>");
            all.publish("to hand over", format!("fleet.{tenant}.*.event.>"));
            all.publish("to try whether an append works", format!("fleet.{DOCTOR}.rejected.probe"));
            all.publish("to drain nodes", "$KV.NODES.drain.*");
            all.publish("to forget a person", format!("$KV.KEYS.{tenant}.*.>"));
            all.publish("to register schemas", "$KV.SCHEMAS.>");
        }
        BrokerRole::Engine => {
            all.publish("to look at the broker", "$JS.API.INFO");
            all.publish("to find streams", "$JS.API.STREAM.NAMES");
            all.publish("to store events that come over HTTP", format!("{prefix}.event.>"));
            all.publish("to decide", format!("{prefix}.plan"));
            for tail in ["position", "assignment", "feature", "eta", "rejected", "warning"] {
                all.publish("to tell", format!("{prefix}.{tail}.*"));
            }
            all.publish("to tell", format!("{prefix}.alert.*.*"));
            all.publish("to try whether an append works", format!("fleet.{DOCTOR}.rejected.probe"));
            all.publish("to own the zone", format!("$KV.OWNERS.{tenant}.{zone}"));
            all.publish("to pass over what is rejected", format!("$KV.SKIPPED.{tenant}.{zone}.*"));
            all.publish("to store bases", "$O.BASES.>");
            let fleet = scope.fleet();
            for name in [&fleet, "POSITION", "ASSIGNMENT", "FEATURE", "ALERT", "ETA", "REJECTED"] {
                all.look_up(name);
                all.make(name);
            }
            all.look_up("WARNING");
            all.make("WARNING");
            all.publish("to compare registered schemas", "$JS.API.STREAM.MSG.GET.KV_SCHEMAS");
            for name in ["KV_OWNERS", "KV_SKIPPED", "OBJ_BASES"] {
                all.look_up_values(name);
                all.make(name);
            }
            all.look_up("KV_KEYS");
            all.make("KV_KEYS");
            all.publish("to keep the words about persons under keys", format!("$KV.KEYS.{tenant}.{zone}.>"));
            for name in ["KV_KEYS", "REJECTED", "WARNING", "POSITION", "ETA"] {
                all.publish("to forget a person", format!("$JS.API.STREAM.MSG.DELETE.{name}"));
            }
            for name in ["REJECTED", "WARNING"] {
                all.follow(name);
            }
            for name in [&fleet, "POSITION", "ASSIGNMENT", "ALERT", "ETA", "KV_SKIPPED", "OBJ_BASES"] {
                all.follow(name);
            }
            for name in ["KV_SKIPPED", "OBJ_BASES"] {
                all.publish("to remove what has expired", format!("$JS.API.STREAM.PURGE.{name}"));
            }
            all.publish("to read much at once", "$JS.FC.>");
            if scope.is_node {
                for name in ["KV_NODES", "KV_ZONES"] {
                    all.look_up_values(name);
                    all.follow(name);
                    all.make(name);
                }
                all.publish("to be known to other nodes", "$KV.NODES.*");
                all.publish("to begin undrained", "$KV.NODES.drain.*");
                all.publish("to say which zones run here", format!("$KV.ZONES.{tenant}.{zone}.*"));
                all.add(Verb::Subscribe, "to hear other nodes", "$KV.NODES.>".to_owned());
            }
        }
    }
    all.0.into_iter().collect()
}

/// The zone in whose name `doctor` tries an append.
const DOCTOR: &str = "fleetfold-doctor.probe";

/// The users of an account, as they stand in a broker's settings.
pub(crate) fn settings(roles: &[BrokerRole], scope: &Scope, nkey: Option<&str>) -> String {
    let mut text = String::from(
        "# Users of the account of a tenant: put them into `users` of its account. A password stands as its bcrypt hash\n\
         # (`nats server passwd`), or use an NKey or a JWT with the same permissions.\n\
         # Programs say what their inboxes begin with: --nats-inbox-prefix, inbox_prefix of a context.\nusers = [\n",
    );
    for &role in roles {
        let inbox = match (&scope.vehicle, role) {
            (Some(vehicle), BrokerRole::Driver) => format!("_INBOX_driver_{}", token(vehicle)),
            _ => format!("_INBOX_{}", role.name()),
        };
        let scope = Scope { inbox, ..scope.clone() };
        let rights = rights(role, &scope);
        let user = match (&scope.vehicle, role) {
            (Some(vehicle), BrokerRole::Driver) => format!("driver-{vehicle}"),
            _ => role.name().to_owned(),
        };
        let who = match nkey {
            Some(nkey) => format!("nkey: {nkey}"),
            None => format!("user: {user:?}, password: {PLACEHOLDER:?}"),
        };
        let _ = writeln!(text, "  {{ # {}; inboxes: {}", role.name(), scope.inbox);
        let _ = writeln!(text, "    {who}");
        let _ = writeln!(text, "    permissions: {{");
        for (verb, word) in [(Verb::Publish, "publish"), (Verb::Subscribe, "subscribe")] {
            let _ = writeln!(text, "      {word}: {{ allow: [");
            for right in rights.iter().filter(|right| right.verb == verb) {
                let _ = writeln!(text, "        {:?} # {}", right.subject, right.what_for);
            }
            let _ = writeln!(text, "      ] }}");
        }
        let _ = writeln!(text, "    }}\n  }}");
    }
    text.push_str("]\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            tenant: Some("acme".to_owned()),
            zone: Some("porto".to_owned()),
            vehicle: Some("veh.7".to_owned()),
            layout: Layout::Shared,
            is_node: true,
            inbox: "_INBOX".to_owned(),
        }
    }

    fn subjects(role: BrokerRole) -> Vec<String> {
        rights(role, &scope()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nobody_but_an_engine_may_decide_and_a_driver_speaks_for_his_vehicle_alone() {
        for role in BrokerRole::ALL {
            let all = subjects(role);
            let decides = all.iter().any(|right| right.ends_with("porto.plan") || right.ends_with("porto.>"));
            assert_eq!(decides, role == BrokerRole::Engine, "{all:?}");
            let facts = all.iter().filter(|right| right.starts_with("publish on fleet."));
            match role {
                BrokerRole::Driver => facts.for_each(|right| assert!(right.ends_with(".veh%2E7"), "{right}")),
                BrokerRole::Reader => assert_eq!(facts.count(), 0),
                BrokerRole::Producer => facts.for_each(|right| {
                    assert!(!right.contains("policy_changed") && !right.contains("zone_opened"), "{right}");
                }),
                BrokerRole::Engine | BrokerRole::Admin => {}
            }
        }
    }
}
