//! Finds orders and vehicles by a part of what names them: id, reference, address, street, skill.

use std::collections::BTreeMap;

use fleetfold_model::{Name, OrderId, Position, StopKind, VehicleId};
use fleetfold_wire::Labels;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Memory, order, vehicle_head};
use crate::live::handover::Glimpse;

/// The streets of places, which are looked up once: a place stays on its street.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    streets: BTreeMap<Position, String>,
}

/// What was found.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct FoundList {
    pub(crate) orders: Vec<FoundOrder>,
    pub(crate) vehicles: Vec<FoundVehicle>,
    /// How many there are in all.
    pub(crate) count: usize,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct FoundOrder {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) vehicle: Option<String>,
    /// What has the text in it: `id`, `reference` (or an address), `street` or `skill`.
    pub(crate) by: &'static str,
    /// That reference, street or skill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct FoundVehicle {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    /// `id` or `skill`.
    pub(crate) by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what: Option<String>,
}

/// How well something is found: the whole id, its beginning, a part of it, anything else.
type Rank = u8;

fn rank(id: &str, wanted: &str) -> Option<Rank> {
    let id = id.to_lowercase();
    if id == wanted {
        Some(0)
    } else if id.starts_with(wanted) {
        Some(1)
    } else {
        id.contains(wanted).then_some(2)
    }
}

fn skill<'s>(skills: &'s [Name], wanted: &str) -> Option<&'s Name> {
    skills.iter().find(|skill| skill.as_str().to_lowercase().contains(wanted))
}

/// A reference or an address that has the text in it.
fn called(labels: Option<&Labels>, wanted: &str) -> Option<(Rank, String)> {
    let labels = labels?;
    let found =
        labels.reference.as_deref().and_then(|reference| Some((rank(reference, wanted)?, reference.to_owned())));
    found.or_else(|| {
        let mut addresses = [labels.delivery.as_deref(), labels.pickup.as_deref()].into_iter().flatten();
        addresses.find(|address| address.to_lowercase().contains(wanted)).map(|address| (3, address.to_owned()))
    })
}

impl Finder {
    /// The best of what has the text in it. Open orders come before those that are over.
    pub(crate) fn find(&mut self, seen: &Glimpse, memory: &Memory, wanted: &str, most: usize) -> FoundList {
        let wanted = wanted.trim().to_lowercase();
        let mut orders: Vec<(Rank, bool, FoundOrder)> = Vec::new();
        let mut vehicles: Vec<(Rank, FoundVehicle)> = Vec::new();
        if !wanted.is_empty() {
            orders.extend(seen.fleet.orders().ids().filter_map(|id| self.order(seen, memory, id, &wanted)));
            orders.extend(memory.past().filter_map(|(name, labels)| past(seen, name, labels, &wanted)));
            vehicles.extend(seen.fleet.vehicles().ids().filter_map(|id| vehicle(seen, id, &wanted)));
        }
        orders.sort_by(|a, b| (a.0, a.1, &a.2.id).cmp(&(b.0, b.1, &b.2.id)));
        vehicles.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        FoundList {
            count: orders.len() + vehicles.len(),
            orders: orders.into_iter().map(|(.., found)| found).take(most).collect(),
            vehicles: vehicles.into_iter().map(|(_, found)| found).take(most).collect(),
        }
    }

    fn order(
        &mut self,
        seen: &Glimpse,
        memory: &Memory,
        id: OrderId,
        wanted: &str,
    ) -> Option<(Rank, bool, FoundOrder)> {
        let state = seen.fleet.order(id);
        let spec = state.spec.as_ref()?;
        let (rank, by, what) = if let Some(rank) = rank(state.name.as_str(), wanted) {
            (rank, "id", None)
        } else if let Some((rank, reference)) = called(memory.labels(&state.name), wanted) {
            (rank, "reference", Some(reference))
        } else if let Some(skill) = skill(&spec.skills, wanted) {
            (3, "skill", Some(skill.to_string()))
        } else {
            let stops = [StopKind::Delivery, StopKind::Pickup].into_iter().filter_map(|kind| state.stop(kind));
            let street = stops.filter_map(|stop| {
                let street = self.street(seen, stop.position);
                street.to_lowercase().contains(wanted).then(|| street.to_owned())
            });
            (4, "street", Some({ street }.next()?))
        };
        let shown = order(seen, memory, id);
        let vehicle = shown.vehicle.map(str::to_owned);
        let found = FoundOrder { id: state.name.to_string(), status: shown.status, vehicle, by, what };
        Some((rank, !state.is_open(), found))
    }

    fn street(&mut self, seen: &Glimpse, place: Position) -> &str {
        let look = || seen.network.street_at(place).map(|beside| beside.name).unwrap_or_default();
        self.streets.entry(place).or_insert_with(look)
    }
}

/// An order that the engine does not hold any more. What it was called and its addresses are remembered; where its stops were is not, so that
/// no street is looked up for it.
fn past(seen: &Glimpse, name: &Name, labels: Option<&Labels>, wanted: &str) -> Option<(Rank, bool, FoundOrder)> {
    let (rank, by, what) = if let Some(rank) = rank(name.as_str(), wanted) {
        (rank, "id", None)
    } else {
        let (rank, what) = called(labels, wanted)?;
        (rank, "reference", Some(what))
    };
    // One of the same id may have come since.
    let is_past = seen.fleet.order_id(name.as_str()).is_none();
    is_past.then(|| (rank, true, FoundOrder { id: name.to_string(), status: "retired", vehicle: None, by, what }))
}

fn vehicle(seen: &Glimpse, id: VehicleId, wanted: &str) -> Option<(Rank, FoundVehicle)> {
    let state = seen.fleet.vehicle(id);
    let spec = state.spec.as_ref()?;
    let (rank, by, what) = match rank(state.name.as_str(), wanted) {
        Some(rank) => (rank, "id", None),
        None => (3, "skill", Some(skill(&spec.skills, wanted)?.to_string())),
    };
    Some((rank, FoundVehicle { id: state.name.to_string(), status: vehicle_head(seen, id).status, by, what }))
}
