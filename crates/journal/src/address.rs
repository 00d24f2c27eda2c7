//! The one rule for subjects and message ids, used by HTTP, feed, publishers, readers and the documentation.
//!
//! A subject says whose a message is (tenant, zone), of what type, and about which entity:
//!
//! ```text
//! fleet.<tenant>.<zone>.event.<type>.<entity>     facts, the engine's own too
//! fleet.<tenant>.<zone>.plan                      plans
//! fleet.<tenant>.<zone>.position.<vehicle>        last position of a vehicle
//! fleet.<tenant>.<zone>.assignment.<vehicle>      last route told to a vehicle
//! fleet.<tenant>.<zone>.feature.<key>             last value of something learned
//! fleet.<tenant>.<zone>.alert.<kind>.<entity>     last state of an alert
//! fleet.<tenant>.<zone>.eta.<order>               last time of arrival told to a customer
//! fleet.<tenant>.<zone>.rejected.<reason>         what was not folded, and why
//! fleet.<tenant>.<zone>.warning.<kind>            what was taken, but looks like a mistake
//! ```
//!
//! A message id (`Nats-Msg-Id`) makes repeats harmless. The broker remembers ids per stream, and zones and tenants share
//! streams, so an id names them too: `<tenant>/<zone>/<source>/<id>`, each part percent-encoded, so that no two events can
//! share one.

use fleetfold_model::{Alert, Event, LogSeq, Name};
use fleetfold_wire::{Entity, alert_word, entity, event_type};

/// Whose: a tenant and one of its zones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZoneName {
    // Invariant: 1 to 64 letters, digits, `-` and `_` each. Holds from `new` on.
    tenant: String,
    zone: String,
}

impl ZoneName {
    /// `None` when either is not made of 1 to 64 ASCII letters, digits, `-` and `_`.
    pub fn new(tenant: &str, zone: &str) -> Option<Self> {
        let legal = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        (legal(tenant) && legal(zone)).then(|| Self { tenant: tenant.to_owned(), zone: zone.to_owned() })
    }

    /// The tenant.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The zone.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The key of the zone in key-value stores: `<tenant>.<zone>`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.tenant, self.zone)
    }

    /// What every subject of the zone begins with: `fleet.<tenant>.<zone>.`.
    pub fn prefix(&self) -> String {
        format!("fleet.{}.{}.", self.tenant, self.zone)
    }

    /// The filter for all subjects of the zone: `fleet.<tenant>.<zone>.>`.
    pub fn filter(&self) -> String {
        format!("{}>", self.prefix())
    }

    /// The subject of an address in this zone.
    pub fn subject(&self, address: &Address) -> String {
        let prefix = self.prefix();
        match address {
            Address::Event { kind, entity } => format!("{prefix}event.{kind}.{entity}"),
            Address::Plan => format!("{prefix}plan"),
            Address::Position(vehicle) => format!("{prefix}position.{vehicle}"),
            Address::Assignment(vehicle) => format!("{prefix}assignment.{vehicle}"),
            Address::Feature(key) => format!("{prefix}feature.{key}"),
            Address::Alert { kind, entity } => format!("{prefix}alert.{kind}.{entity}"),
            Address::Eta(order) => format!("{prefix}eta.{order}"),
            Address::Rejected(reason) => format!("{prefix}rejected.{reason}"),
            Address::Warning(kind) => format!("{prefix}warning.{kind}"),
        }
    }
}

impl std::fmt::Display for ZoneName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.zone)
    }
}

/// The entity of a subject that names none: an order, the zone, or any vehicle.
const ANY: &str = "_";

/// What a subject names within a zone. Every part is a token already (see [`token`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A fact.
    Event {
        /// The type without prefix and version: `order_created`.
        kind: String,
        /// What it is about; `_` for orders and the zone (subjects by the million cost the broker memory).
        entity: String,
    },
    /// A plan of the engine.
    Plan,
    /// The last position of a vehicle.
    Position(String),
    /// The last route told to a vehicle.
    Assignment(String),
    /// The last value of something learned.
    Feature(String),
    /// The last state of an alert.
    Alert {
        /// The word of its kind.
        kind: String,
        /// The order or the vehicle that it is about; `_` for the zone.
        entity: String,
    },
    /// The last time of arrival told to the customer of an order.
    Eta(String),
    /// What was not folded, by reason.
    Rejected(String),
    /// What was taken but looks like a mistake, by kind.
    Warning(String),
}

impl Address {
    /// Where an event stands: plans on the plan subject, everything else on the subject of its type and entity.
    pub fn of_event(event: &Event) -> Self {
        if matches!(event, Event::PlanProposed(_)) {
            return Self::Plan;
        }
        let entity = match Entity::of(event) {
            Entity::Zone | Entity::Order(_) => ANY.to_owned(),
            Entity::Vehicle(name) | Entity::RoadChange(name) => named(name),
        };
        Self::Event { kind: kind_token(event_type(event)), entity }
    }

    /// Where the position of a vehicle stands.
    pub fn of_position(vehicle: &Name) -> Self {
        Self::Position(named(vehicle))
    }

    /// Where the route of a vehicle stands.
    pub fn of_assignment(vehicle: &Name) -> Self {
        Self::Assignment(named(vehicle))
    }

    /// Where a learned value stands.
    pub fn of_feature(key: &str) -> Self {
        Self::Feature(token(key))
    }

    /// Where the last state of an alert stands.
    pub fn of_alert(alert: &Alert) -> Self {
        let entity = alert.about().map_or_else(|| ANY.to_owned(), named);
        Self::Alert { kind: alert_word(alert.kind()).to_owned(), entity }
    }

    /// Where the last time of arrival of an order stands.
    pub fn of_eta(order: &Name) -> Self {
        Self::Eta(named(order))
    }

    /// Where what was not folded for this reason stands.
    pub fn of_rejected(reason: &str) -> Self {
        Self::Rejected(token(reason))
    }
}

/// Takes a subject apart. `None`: it is none of ours.
pub fn parse(subject: &str) -> Option<(ZoneName, Address)> {
    let mut parts = subject.split('.');
    if parts.next() != Some("fleet") {
        return None;
    }
    let zone = ZoneName::new(parts.next()?, parts.next()?)?;
    let rest: Vec<&str> = parts.collect();
    let address = match rest.as_slice() {
        ["event", kind, entity] => Address::Event { kind: (*kind).to_owned(), entity: (*entity).to_owned() },
        ["plan"] => Address::Plan,
        ["position", vehicle] => Address::Position((*vehicle).to_owned()),
        ["assignment", vehicle] => Address::Assignment((*vehicle).to_owned()),
        ["feature", key] => Address::Feature((*key).to_owned()),
        ["alert", kind, entity] => Address::Alert { kind: (*kind).to_owned(), entity: (*entity).to_owned() },
        ["eta", order] => Address::Eta((*order).to_owned()),
        ["rejected", reason] => Address::Rejected((*reason).to_owned()),
        ["warning", kind] => Address::Warning((*kind).to_owned()),
        _ => return None,
    };
    Some((zone, address))
}

/// The type of an event as a subject's token: `fleet.order.created.v1` is `order_created`.
pub fn kind_token(event_type: &str) -> String {
    let bare = event_type.strip_prefix("fleet.").unwrap_or(event_type);
    let bare = bare.rsplit_once(".v").map_or(bare, |(bare, _)| bare);
    bare.replace('.', "_")
}

/// An id as a subject's token or a part of a message id: percent-encoded outside letters, digits, `-` and `_`.
pub fn token(id: &str) -> String {
    let mut token = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            token.push(char::from(byte));
        } else {
            token.push('%');
            for digit in [byte >> 4, byte & 15] {
                token.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    token
}

/// The id of a vehicle or a road change as a subject's token. One that is called [`ANY`] is encoded: whoever may report for it may
/// not report for all.
fn named(name: &Name) -> String {
    if name.as_str() == ANY { format!("%{:02X}", ANY.as_bytes()[0]) } else { token(name.as_str()) }
}

/// The message id of a fact: its producer's source and id, in its zone.
pub fn fact_id(zone: &ZoneName, source: &str, id: &str) -> String {
    format!("{zone}/{}/{}", token(source), token(id))
}

/// The message id of one of the engine's own events: what it is about makes a repeat harmless. The part after the zone ends
/// with a colon, which no token has, so that no producer's event can have the same.
pub fn own_id(zone: &ZoneName, event: &Event) -> String {
    match event {
        Event::PlanProposed(plan) => format!("{zone}/plan:/{}/{}", plan.epoch, plan.rev),
        Event::FeaturesLearned(features) => format!("{zone}/features:/{}/{}", features.epoch, features.version),
        Event::VehicleLocated(located) => {
            format!("{zone}/located:/{}/{}", located.of.0, token(located.vehicle.as_str()))
        }
        Event::BaseWritten(base) => format!("{zone}/base:/{}/{}", base.format, base.applied.0),
        Event::RepairAsked(repair) => {
            let names = repair.orders.iter().chain(&repair.vehicles).map(Name::as_str).collect::<Vec<_>>().join(" ");
            format!("{zone}/repair:/{}/{}", repair.epoch, fleetfold_wire::message_hash(names.as_bytes()))
        }
        Event::HoldEnded(ended) => format!("{zone}/hold:/{}/{}", ended.until.0, token(ended.order.as_str())),
        // The moment is in it: a condition that comes again after it was over is another alert.
        Event::AlertRaised(raised) => format!("{zone}/alert:/raised/{}/{}", raised.at.0, alert_id(&raised.alert)),
        Event::AlertCleared(cleared) => format!("{zone}/alert:/cleared/{}/{}", cleared.at.0, alert_id(&cleared.alert)),
        Event::ZoneOpened(_)
        | Event::OrderCreated(_)
        | Event::OrderUpdated(_)
        | Event::OrderReady { .. }
        | Event::OrderCancelled { .. }
        | Event::VehicleRegistered(_)
        | Event::ShiftStarted { .. }
        | Event::ShiftEnded { .. }
        | Event::VehicleLost { .. }
        | Event::VehicleBack { .. }
        | Event::RoadClosed(_)
        | Event::RoadSlowed(_)
        | Event::RoadReopened(_)
        | Event::StopDeparted(_)
        | Event::StopArrived(_)
        | Event::StopCompleted(_)
        | Event::StopFailed(..)
        | Event::AssignmentAccepted { .. }
        | Event::AssignmentRejected { .. }
        | Event::StopPinned(_)
        | Event::StopUnpinned { .. }
        | Event::AssignmentForced(_)
        | Event::PriorityRaised(_)
        | Event::OrderRetried(_)
        | Event::SlotHeld(_)
        | Event::OrderConfirmed { .. }
        | Event::BreakStarted(_)
        | Event::BreakEnded(_)
        | Event::ReloadStarted(_)
        | Event::ReloadEnded(_)
        | Event::AlertAcknowledged(_)
        | Event::PersonForgotten(_)
        | Event::AttentionNoted(_)
        | Event::PolicyChanged(_) => format!("{zone}/{}:/{}", kind_token(event_type(event)), token(entity(event))),
    }
}

/// What names an alert: its kind, and the order or the vehicle that it is about (`_`: the zone).
fn alert_id(alert: &Alert) -> String {
    format!("{}/{}", alert_word(alert.kind()), alert.about().map_or_else(|| ANY.to_owned(), named))
}

/// The message id of an assignment that is appended behind the vehicle's last one, which stands at `after` (0: there is none).
/// `after` is in it because a log that was replaced uses its revisions again: what the log before told under the same revision
/// is not the same message.
pub fn assignment_id(zone: &ZoneName, vehicle: &Name, revision: LogSeq, after: LogSeq) -> String {
    format!("{zone}/{}/{}/{}", revision.0, after.0, token(vehicle.as_str()))
}

/// The message id of a last value (an alert, a time of arrival) that is appended behind the subject's last one, which stands at
/// `after` (0: there is none): see [`assignment_id`].
pub fn value_id(zone: &ZoneName, address: &Address, revision: u64, after: LogSeq) -> String {
    format!("{}/{revision}/{}", zone.subject(address), after.0)
}

/// The message id of a learned value.
pub fn feature_id(zone: &ZoneName, key: &str, version: u64) -> String {
    format!("{zone}/{version}/{}", token(key))
}

/// The message id of what was not folded.
pub fn rejected_id(zone: &ZoneName, seq: LogSeq) -> String {
    format!("{zone}/{}", seq.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Address, ZoneName, fact_id, kind_token, parse, token};

    #[test]
    fn a_subject_names_tenant_zone_type_and_entity() {
        let zone = ZoneName::new("acme", "porto").unwrap();
        let address = Address::Event { kind: kind_token("fleet.vehicle.lost.v1"), entity: token("veh.7") };
        let subject = zone.subject(&address);
        assert_eq!(subject, "fleet.acme.porto.event.vehicle_lost.veh%2E7");
        assert_eq!(parse(&subject), Some((zone, address)));
        assert_eq!(parse("fleet.acme.porto.event.order_created"), None);
        assert_eq!(parse("other.acme.porto.plan"), None);
        assert!(ZoneName::new("a.b", "c").is_none() && ZoneName::new("", "c").is_none());
    }

    #[test]
    fn ids_that_used_to_collide_do_not() {
        let porto = ZoneName::new("acme", "porto").unwrap();
        let braga = ZoneName::new("acme", "braga").unwrap();
        assert_ne!(fact_id(&porto, "a/b", "c"), fact_id(&porto, "a", "b/c"));
        assert_ne!(fact_id(&porto, "/c", "1/2"), fact_id(&porto, "/c/1", "2"));
        assert_ne!(fact_id(&porto, "/shop", "1"), fact_id(&braga, "/shop", "1"));
    }

    proptest! {
        #[test]
        fn message_ids_are_as_different_as_the_events(a in "[a-c/%:. ]{0,6}", b in "[a-c/%:. ]{0,6}", c in "[a-c/%:. ]{0,6}", d in "[a-c/%:. ]{0,6}") {
            let zone = ZoneName::new("t", "z").unwrap();
            prop_assert_eq!(fact_id(&zone, &a, &b) == fact_id(&zone, &c, &d), (a, b) == (c, d));
        }
    }
}
