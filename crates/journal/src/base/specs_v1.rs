//! What was asked for and what was registered: orders and vehicles as their producers described them, version 1.

use fleetfold_model::{
    Break, Depot, DrivingRule, Job, Load, LoadDirection, Millis, Name, Order, OrderChange, OrderWork, Reload, Shift,
    Shipment, StopSpec, Timestamp, Vehicle, VehicleCosts,
};
use serde::{Deserialize, Serialize};

use super::values::{AtMost, NameText, PointV1, TimeWindowV1, Word, is_default, names, texts};

/// One place to serve once.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct StopSpecV1 {
    position: PointV1,
    #[serde(default, skip_serializing_if = "is_default")]
    windows: Vec<TimeWindowV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    service_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    setup_ms: i64,
}

impl From<StopSpec> for StopSpecV1 {
    fn from(StopSpec { position, windows, service, setup }: StopSpec) -> Self {
        Self {
            position: position.into(),
            windows: windows.into_iter().map(TimeWindowV1).collect(),
            service_ms: service.0,
            setup_ms: setup.0,
        }
    }
}

impl From<StopSpecV1> for StopSpec {
    fn from(StopSpecV1 { position, windows, service_ms, setup_ms }: StopSpecV1) -> Self {
        Self {
            position: position.into(),
            windows: windows.into_iter().map(|TimeWindowV1(window)| window).collect(),
            service: Millis(service_ms),
            setup: Millis(setup_ms),
        }
    }
}

/// The stops of an order.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
enum OrderWorkV1 {
    #[serde(rename = "job")]
    Job { stop: StopSpecV1, direction: Word<LoadDirection> },
    #[serde(rename = "shipment")]
    Shipment { pickup: StopSpecV1, delivery: StopSpecV1 },
}

impl From<OrderWork> for OrderWorkV1 {
    fn from(work: OrderWork) -> Self {
        match work {
            OrderWork::Job(Job { stop, direction }) => Self::Job { stop: stop.into(), direction: Word(direction) },
            OrderWork::Shipment(Shipment { pickup, delivery }) => {
                Self::Shipment { pickup: pickup.into(), delivery: delivery.into() }
            }
        }
    }
}

impl From<OrderWorkV1> for OrderWork {
    fn from(work: OrderWorkV1) -> Self {
        match work {
            OrderWorkV1::Job { stop, direction: Word(direction) } => Self::Job(Job { stop: stop.into(), direction }),
            OrderWorkV1::Shipment { pickup, delivery } => {
                Self::Shipment(Shipment { pickup: pickup.into(), delivery: delivery.into() })
            }
        }
    }
}

/// What a customer asked for. The order's name is that of the record around it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OrderSpecV1 {
    work: OrderWorkV1,
    /// Thousandths of the fleet's own unit of each dimension.
    #[serde(default, skip_serializing_if = "is_default")]
    load_thousandths: [i32; 4],
    #[serde(default, skip_serializing_if = "is_default")]
    skills: Vec<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    priority: AtMost<100>,
    #[serde(default, skip_serializing_if = "is_default")]
    release_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    promised_ms: Option<i64>,
    placed_ms: i64,
}

impl From<Order> for OrderSpecV1 {
    fn from(order: Order) -> Self {
        let Order { name: _, work, load: Load(load), skills, priority, release, promised, placed } = order;
        Self {
            work: work.into(),
            load_thousandths: load,
            skills: texts(skills),
            priority: AtMost(priority),
            release_ms: release.map(|Timestamp(at)| at),
            promised_ms: promised.map(|Timestamp(at)| at),
            placed_ms: placed.0,
        }
    }
}

impl OrderSpecV1 {
    pub(super) fn order(self, name: Name) -> Order {
        Order {
            name,
            work: self.work.into(),
            load: Load(self.load_thousandths),
            skills: names(self.skills),
            priority: self.priority.0,
            release: self.release_ms.map(Timestamp),
            promised: self.promised_ms.map(Timestamp),
            placed: Timestamp(self.placed_ms),
        }
    }
}

/// A change that came before its order. A field that is missing leaves the order's as it is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OrderChangeV1 {
    #[serde(default, skip_serializing_if = "is_default")]
    work: Option<OrderWorkV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    load_thousandths: Option<[i32; 4]>,
    #[serde(default, skip_serializing_if = "is_default")]
    skills: Option<Vec<NameText>>,
    #[serde(default, skip_serializing_if = "is_default")]
    priority: Option<AtMost<100>>,
    #[serde(default, skip_serializing_if = "is_default")]
    release_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    promised_ms: Option<i64>,
}

impl From<OrderChange> for OrderChangeV1 {
    fn from(change: OrderChange) -> Self {
        let OrderChange { order: _, work, load, skills, priority, release, promised } = change;
        Self {
            work: work.map(Into::into),
            load_thousandths: load.map(|Load(load)| load),
            skills: skills.map(texts),
            priority: priority.map(AtMost),
            release_ms: release.map(|Timestamp(at)| at),
            promised_ms: promised.map(|Timestamp(at)| at),
        }
    }
}

impl OrderChangeV1 {
    pub(super) fn change(self, order: Name) -> OrderChange {
        OrderChange {
            order,
            work: self.work.map(Into::into),
            load: self.load_thousandths.map(Load),
            skills: self.skills.map(names),
            priority: self.priority.map(|AtMost(priority)| priority),
            release: self.release_ms.map(Timestamp),
            promised: self.promised_ms.map(Timestamp),
        }
    }
}

/// A pause that the driver must get.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct BreakSpecV1 {
    window: TimeWindowV1,
    duration_ms: i64,
}

/// The period that a vehicle works.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ShiftSpecV1 {
    starts_ms: i64,
    ends_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    breaks: Vec<BreakSpecV1>,
}

impl From<Shift> for ShiftSpecV1 {
    fn from(Shift { starts, ends, breaks }: Shift) -> Self {
        let pause = |Break { window, duration }| BreakSpecV1 { window: TimeWindowV1(window), duration_ms: duration.0 };
        Self { starts_ms: starts.0, ends_ms: ends.0, breaks: breaks.into_iter().map(pause).collect() }
    }
}

impl From<ShiftSpecV1> for Shift {
    fn from(ShiftSpecV1 { starts_ms, ends_ms, breaks }: ShiftSpecV1) -> Self {
        let pause =
            |BreakSpecV1 { window: TimeWindowV1(window), duration_ms }| Break { window, duration: Millis(duration_ms) };
        Self { starts: Timestamp(starts_ms), ends: Timestamp(ends_ms), breaks: breaks.into_iter().map(pause).collect() }
    }
}

/// A vehicle as registered. Its name is that of the record around it. Costs are in millionths of the zone's currency.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct VehicleSpecV1 {
    capacity_thousandths: [i32; 4],
    #[serde(default, skip_serializing_if = "is_default")]
    skills: Vec<NameText>,
    cost_per_hour_millionths: i64,
    cost_per_km_millionths: i64,
    cost_fixed_millionths: i64,
    /// Driving time in thousandths of the network's.
    time_factor_permille: u16,
    start: PointV1,
    #[serde(default, skip_serializing_if = "is_default")]
    end: Option<PointV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    shift: Option<ShiftSpecV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    stops_max: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    lifo: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    driving_time: Option<DrivingRuleV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    reload: Option<ReloadSpecV1>,
}

/// Where a vehicle may be loaded again.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReloadSpecV1 {
    places: Vec<DepotSpecV1>,
    times_max: Option<u32>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct DepotSpecV1 {
    #[serde(default, skip_serializing_if = "is_default")]
    name: Option<NameText>,
    position: PointV1,
    service_ms: i64,
}

impl From<Reload> for ReloadSpecV1 {
    fn from(Reload { places, times_max }: Reload) -> Self {
        let depot = |Depot { name, position, service }| DepotSpecV1 {
            name: name.map(NameText),
            position: position.into(),
            service_ms: service.0,
        };
        Self { places: places.into_iter().map(depot).collect(), times_max }
    }
}

impl From<ReloadSpecV1> for Reload {
    fn from(ReloadSpecV1 { places, times_max }: ReloadSpecV1) -> Self {
        let depot = |DepotSpecV1 { name, position, service_ms }| Depot {
            name: name.map(|NameText(name)| name),
            position: position.into(),
            service: Millis(service_ms),
        };
        Self { places: places.into_iter().map(depot).collect(), times_max }
    }
}

/// How long a driver may drive.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DrivingRuleV1 {
    driving_max_ms: i64,
    pause_ms: i64,
    first_part_ms: i64,
    service_counts: bool,
    shift_driving_max_ms: Option<i64>,
    duty_max_ms: Option<i64>,
}

impl From<DrivingRule> for DrivingRuleV1 {
    fn from(rule: DrivingRule) -> Self {
        let DrivingRule { driving_max, pause, first_part, service_counts, shift_driving_max, duty_max } = rule;
        Self {
            driving_max_ms: driving_max.0,
            pause_ms: pause.0,
            first_part_ms: first_part.0,
            service_counts,
            shift_driving_max_ms: shift_driving_max.map(|Millis(span)| span),
            duty_max_ms: duty_max.map(|Millis(span)| span),
        }
    }
}

impl From<DrivingRuleV1> for DrivingRule {
    fn from(rule: DrivingRuleV1) -> Self {
        Self {
            driving_max: Millis(rule.driving_max_ms),
            pause: Millis(rule.pause_ms),
            first_part: Millis(rule.first_part_ms),
            service_counts: rule.service_counts,
            shift_driving_max: rule.shift_driving_max_ms.map(Millis),
            duty_max: rule.duty_max_ms.map(Millis),
        }
    }
}

impl From<Vehicle> for VehicleSpecV1 {
    fn from(vehicle: Vehicle) -> Self {
        let Vehicle {
            name: _,
            capacity: Load(capacity),
            skills,
            costs: VehicleCosts { per_hour, per_km, fixed },
            time_factor,
            start,
            end,
            shift,
            stops_max,
            lifo,
            driving_time,
            reload,
        } = vehicle;
        Self {
            capacity_thousandths: capacity,
            skills: texts(skills),
            cost_per_hour_millionths: per_hour,
            cost_per_km_millionths: per_km,
            cost_fixed_millionths: fixed,
            time_factor_permille: time_factor,
            start: start.into(),
            end: end.map(Into::into),
            shift: shift.map(Into::into),
            stops_max,
            lifo,
            driving_time: driving_time.map(Into::into),
            reload: reload.map(Into::into),
        }
    }
}

impl VehicleSpecV1 {
    pub(super) fn vehicle(self, name: Name) -> Vehicle {
        Vehicle {
            name,
            capacity: Load(self.capacity_thousandths),
            skills: names(self.skills),
            costs: VehicleCosts {
                per_hour: self.cost_per_hour_millionths,
                per_km: self.cost_per_km_millionths,
                fixed: self.cost_fixed_millionths,
            },
            time_factor: self.time_factor_permille,
            start: self.start.into(),
            end: self.end.map(Into::into),
            shift: self.shift.map(Into::into),
            stops_max: self.stops_max,
            lifo: self.lifo,
            driving_time: self.driving_time.map(Into::into),
            reload: self.reload.map(Into::into),
        }
    }
}
