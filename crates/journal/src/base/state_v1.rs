//! What is known of each order and each vehicle, and the facts that wait for an answer, version 1.

use fleetfold_fleet::{
    Activity, ActivityChange, Anchor, AskImage, Closed, Driven, Duties, Duty, DutyTold, MarkImage, OnBreak, OrderImage,
    PlacementImage, ProgressImage, Reloads, SaidAt, Tachograph, Told, ToldTimes, Turn, UnderWayImage, Unlocated,
    VehicleImage, Working,
};
use fleetfold_model::{
    DepotCall, FailReason, LOAD_DIMENSIONS, Load, LogSeq, Metres, Millis, PlannedVisit, StopKind, Timestamp,
    UnassignedReason,
};
use serde::{Deserialize, Serialize};

use super::said_v1::NumberedV1;
use super::specs_v1::{DrivingRuleV1, OrderChangeV1, OrderSpecV1, ShiftSpecV1, VehicleSpecV1};
use super::values::{Count, Hash64, NameText, PointV1, Word, is_default, names, texts};

/// Who did something at a stop, and when.
#[derive(PartialEq, Serialize, Deserialize)]
struct MarkImageV1 {
    vehicle: NameText,
    at_ms: i64,
}

impl From<MarkImage> for MarkImageV1 {
    fn from(MarkImage { vehicle, at }: MarkImage) -> Self {
        Self { vehicle: NameText(vehicle), at_ms: at.0 }
    }
}

impl From<MarkImageV1> for MarkImage {
    fn from(MarkImageV1 { vehicle, at_ms }: MarkImageV1) -> Self {
        Self { vehicle: vehicle.0, at: Timestamp(at_ms) }
    }
}

/// Who could not serve a stop, when and why.
#[derive(PartialEq, Serialize, Deserialize)]
struct FailureV1 {
    vehicle: NameText,
    at_ms: i64,
    reason: Word<FailReason>,
}

/// How far a stop has come.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct ProgressImageV1 {
    #[serde(default, skip_serializing_if = "is_default")]
    departed: Option<MarkImageV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    arrived: Option<MarkImageV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    completed: Option<MarkImageV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    failed: Option<FailureV1>,
}

impl From<ProgressImage> for ProgressImageV1 {
    fn from(ProgressImage { departed, arrived, completed, failed }: ProgressImage) -> Self {
        Self {
            departed: departed.map(Into::into),
            arrived: arrived.map(Into::into),
            completed: completed.map(Into::into),
            failed: failed.map(|(MarkImage { vehicle, at }, reason)| FailureV1 {
                vehicle: NameText(vehicle),
                at_ms: at.0,
                reason: Word(reason),
            }),
        }
    }
}

impl From<ProgressImageV1> for ProgressImage {
    fn from(ProgressImageV1 { departed, arrived, completed, failed }: ProgressImageV1) -> Self {
        Self {
            departed: departed.map(Into::into),
            arrived: arrived.map(Into::into),
            completed: completed.map(Into::into),
            failed: failed.map(|FailureV1 { vehicle, at_ms, reason }| {
                (MarkImage { vehicle: vehicle.0, at: Timestamp(at_ms) }, reason.0)
            }),
        }
    }
}

/// Why an order is over.
#[derive(PartialEq, Serialize, Deserialize)]
enum ClosedV1 {
    #[serde(rename = "served")]
    Served,
    #[serde(rename = "failed")]
    Failed(Word<FailReason>),
    #[serde(rename = "cancelled")]
    Cancelled,
}

/// Where an order stands in the plan.
#[derive(Default, PartialEq, Serialize, Deserialize)]
enum PlacementImageV1 {
    #[default]
    #[serde(rename = "unplaced")]
    Unplaced,
    #[serde(rename = "on_route")]
    OnRoute(NameText),
    #[serde(rename = "unassigned")]
    Unassigned(Word<UnassignedReason>),
}

/// When something was said.
#[derive(PartialEq, Serialize, Deserialize)]
struct ToldV1 {
    what: Word<Told>,
    at_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    numbered: Option<NumberedV1>,
}

fn told(ToldTimes(times): ToldTimes) -> Vec<ToldV1> {
    let one =
        |(what, SaidAt { at, numbered })| ToldV1 { what: Word(what), at_ms: at.0, numbered: numbered.map(Into::into) };
    times.into_iter().map(one).collect()
}

fn told_times(told: Vec<ToldV1>) -> ToldTimes {
    let one = |ToldV1 { what: Word(what), at_ms, numbered }| {
        (what, SaidAt { at: Timestamp(at_ms), numbered: numbered.map(Into::into) })
    };
    ToldTimes(told.into_iter().map(one).collect())
}

/// What follows from facts about whether a vehicle works.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct WorkingV1 {
    #[serde(default, skip_serializing_if = "is_default")]
    on: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    since_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    lost: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    shift: Option<ShiftSpecV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    ends_ms: Option<i64>,
}

/// A fact about whether a vehicle works: `on`, `off`, `ends`, `lost` or `back`.
#[derive(PartialEq, Serialize, Deserialize)]
enum DutyV1 {
    #[serde(rename = "on")]
    On(Option<ShiftSpecV1>),
    #[serde(rename = "off")]
    Off,
    #[serde(rename = "ends_ms")]
    Ends(i64),
    #[serde(rename = "lost")]
    Lost,
    #[serde(rename = "back")]
    Back,
}

/// Such a fact and when it happened.
#[derive(PartialEq, Serialize, Deserialize)]
struct DutyToldV1 {
    at_ms: i64,
    what: DutyV1,
    #[serde(default, skip_serializing_if = "is_default")]
    numbered: Option<NumberedV1>,
}

/// Facts about whether a vehicle works.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct DutiesV1 {
    #[serde(default, skip_serializing_if = "is_default")]
    settled: WorkingV1,
    #[serde(default, skip_serializing_if = "is_default")]
    settled_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    facts: Vec<DutyToldV1>,
}

impl From<Duties> for DutiesV1 {
    fn from(Duties { settled, settled_at, facts }: Duties) -> Self {
        let Working { is_on, since, is_lost, shift, ends } = settled;
        let ms = |at: Option<Timestamp>| at.map(|Timestamp(at)| at);
        let (on, lost, shift) = (is_on, is_lost, shift.map(Into::into));
        let fact = |DutyTold { said: SaidAt { at, numbered }, what }| DutyToldV1 {
            at_ms: at.0,
            numbered: numbered.map(Into::into),
            what: match what {
                Duty::On(shift) => DutyV1::On(shift.map(Into::into)),
                Duty::Off => DutyV1::Off,
                Duty::Ends(at) => DutyV1::Ends(at.0),
                Duty::Lost => DutyV1::Lost,
                Duty::Back => DutyV1::Back,
            },
        };
        Self {
            settled: WorkingV1 { on, since_ms: ms(since), lost, shift, ends_ms: ms(ends) },
            settled_ms: ms(settled_at),
            facts: facts.into_iter().map(fact).collect(),
        }
    }
}

impl From<DutiesV1> for Duties {
    fn from(DutiesV1 { settled, settled_ms, facts }: DutiesV1) -> Self {
        let WorkingV1 { on, since_ms, lost, shift, ends_ms } = settled;
        let fact = |DutyToldV1 { at_ms, what, numbered }| DutyTold {
            said: SaidAt { at: Timestamp(at_ms), numbered: numbered.map(Into::into) },
            what: match what {
                DutyV1::On(shift) => Duty::On(shift.map(Into::into)),
                DutyV1::Off => Duty::Off,
                DutyV1::Ends(at) => Duty::Ends(Timestamp(at)),
                DutyV1::Lost => Duty::Lost,
                DutyV1::Back => Duty::Back,
            },
        };
        Self {
            settled: Working {
                is_on: on,
                since: since_ms.map(Timestamp),
                is_lost: lost,
                shift: shift.map(Into::into),
                ends: ends_ms.map(Timestamp),
            },
            settled_at: settled_ms.map(Timestamp),
            facts: facts.into_iter().map(fact).collect(),
        }
    }
}

/// One order.
#[derive(Serialize, Deserialize)]
pub(super) struct OrderImageV1 {
    number: u32,
    name: NameText,
    #[serde(default, skip_serializing_if = "is_default")]
    spec: Option<OrderSpecV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    pickup: ProgressImageV1,
    #[serde(default, skip_serializing_if = "is_default")]
    delivery: ProgressImageV1,
    #[serde(default, skip_serializing_if = "is_default")]
    closed: Option<ClosedV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    over_since_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    placement: PlacementImageV1,
    #[serde(default, skip_serializing_if = "is_default")]
    on_board: Option<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    held_until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pinned: Option<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    rejected_by: Vec<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    words: Vec<MarkImageV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    pickup_moved_to: Option<PointV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    delivery_moved_to: Option<PointV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    rescue_from: Option<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    ready_at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    early_changes: Vec<OrderChangeV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    early_cancel: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    created_seq: u64,
    /// Bases of before do not say since when an order is on its route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    vehicle_changes: Count<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    last_vehicle: Option<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    told: Vec<ToldV1>,
    /// Hashes of the ids of events about it.
    #[serde(default, skip_serializing_if = "is_default")]
    seen: Vec<Hash64>,
}

impl From<OrderImage> for OrderImageV1 {
    fn from(order: OrderImage) -> Self {
        let OrderImage {
            number,
            name,
            spec,
            pickup,
            delivery,
            closed,
            over_since,
            placement,
            on_board,
            held_until,
            pinned,
            rejected_by,
            words,
            pickup_moved_to,
            delivery_moved_to,
            rescue_from,
            ready_at,
            early_changes,
            early_cancel,
            created,
            since,
            vehicle_changes,
            last_vehicle,
            told: times,
            seen,
        } = order;
        Self {
            number,
            name: NameText(name),
            spec: spec.map(Into::into),
            pickup: pickup.into(),
            delivery: delivery.into(),
            closed: closed.map(|closed| match closed {
                Closed::Served => ClosedV1::Served,
                Closed::Failed(reason) => ClosedV1::Failed(Word(reason)),
                Closed::Cancelled => ClosedV1::Cancelled,
            }),
            over_since_ms: over_since.map(|Timestamp(at)| at),
            placement: match placement {
                PlacementImage::Unplaced => PlacementImageV1::Unplaced,
                PlacementImage::OnRoute(vehicle) => PlacementImageV1::OnRoute(NameText(vehicle)),
                PlacementImage::Unassigned(reason) => PlacementImageV1::Unassigned(Word(reason)),
            },
            on_board: on_board.map(NameText),
            held_until_ms: held_until.map(|Timestamp(until)| until),
            pinned: pinned.map(NameText),
            rejected_by: texts(rejected_by),
            words: words.into_iter().map(Into::into).collect(),
            pickup_moved_to: pickup_moved_to.map(Into::into),
            delivery_moved_to: delivery_moved_to.map(Into::into),
            rescue_from: rescue_from.map(NameText),
            ready_at_ms: ready_at.map(|Timestamp(at)| at),
            early_changes: early_changes.into_iter().map(Into::into).collect(),
            early_cancel,
            created_seq: created.0,
            since_seq: since.map(|LogSeq(seq)| seq),
            vehicle_changes: Count(vehicle_changes),
            last_vehicle: last_vehicle.map(NameText),
            told: told(times),
            seen: seen.into_iter().map(Hash64).collect(),
        }
    }
}

impl From<OrderImageV1> for OrderImage {
    fn from(order: OrderImageV1) -> Self {
        let NameText(name) = order.name;
        let plain = |text: Option<NameText>| text.map(|NameText(name)| name);
        Self {
            number: order.number,
            spec: order.spec.map(|spec| spec.order(name.clone())),
            pickup: order.pickup.into(),
            delivery: order.delivery.into(),
            closed: order.closed.map(|closed| match closed {
                ClosedV1::Served => Closed::Served,
                ClosedV1::Failed(Word(reason)) => Closed::Failed(reason),
                ClosedV1::Cancelled => Closed::Cancelled,
            }),
            over_since: order.over_since_ms.map(Timestamp),
            placement: match order.placement {
                PlacementImageV1::Unplaced => PlacementImage::Unplaced,
                PlacementImageV1::OnRoute(NameText(vehicle)) => PlacementImage::OnRoute(vehicle),
                PlacementImageV1::Unassigned(Word(reason)) => PlacementImage::Unassigned(reason),
            },
            on_board: plain(order.on_board),
            held_until: order.held_until_ms.map(Timestamp),
            pinned: plain(order.pinned),
            rejected_by: names(order.rejected_by),
            words: order.words.into_iter().map(Into::into).collect(),
            pickup_moved_to: order.pickup_moved_to.map(Into::into),
            delivery_moved_to: order.delivery_moved_to.map(Into::into),
            rescue_from: plain(order.rescue_from),
            ready_at: order.ready_at_ms.map(Timestamp),
            early_changes: order.early_changes.into_iter().map(|change| change.change(name.clone())).collect(),
            early_cancel: order.early_cancel,
            created: LogSeq(order.created_seq),
            since: order.since_seq.map(LogSeq),
            vehicle_changes: order.vehicle_changes.0,
            last_vehicle: plain(order.last_vehicle),
            told: told_times(order.told),
            seen: order.seen.into_iter().map(|Hash64(hash)| hash).collect(),
            name,
        }
    }
}

/// Where a vehicle was at its last fact, and since when it is free there.
#[derive(PartialEq, Serialize, Deserialize)]
struct AnchorV1 {
    position: PointV1,
    at_ms: i64,
}

/// A fact that did not say where the vehicle stands.
#[derive(PartialEq, Serialize, Deserialize)]
struct UnlocatedV1 {
    of_seq: u64,
    seen_ms: i64,
}

/// The visit that a vehicle drives to or serves.
#[derive(PartialEq, Serialize, Deserialize)]
struct UnderWayImageV1 {
    order: NameText,
    stop: Word<StopKind>,
    departed_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    arrived_ms: Option<i64>,
}

/// A stop of a route, with planned times.
#[derive(PartialEq, Serialize, Deserialize)]
struct PlannedVisitV1 {
    order: NameText,
    stop: Word<StopKind>,
    depart_at_ms: i64,
    arrival_ms: i64,
    start_ms: i64,
    departure_ms: i64,
    metres: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    break_before_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    reload_before: Option<DepotCallV1>,
}

/// A planned call at a depot.
#[derive(PartialEq, Serialize, Deserialize)]
struct DepotCallV1 {
    position: PointV1,
    arrival_ms: i64,
    departure_ms: i64,
    metres: i64,
}

impl From<DepotCall> for DepotCallV1 {
    fn from(DepotCall { position, arrival, departure, metres }: DepotCall) -> Self {
        Self { position: position.into(), arrival_ms: arrival.0, departure_ms: departure.0, metres: metres.0 }
    }
}

impl From<DepotCallV1> for DepotCall {
    fn from(DepotCallV1 { position, arrival_ms, departure_ms, metres }: DepotCallV1) -> Self {
        Self {
            position: position.into(),
            arrival: Timestamp(arrival_ms),
            departure: Timestamp(departure_ms),
            metres: Metres(metres),
        }
    }
}

impl From<PlannedVisit> for PlannedVisitV1 {
    fn from(visit: PlannedVisit) -> Self {
        let PlannedVisit { order, stop, depart_at, arrival, start, departure, metres, break_before, reload_before } =
            visit;
        Self {
            order: NameText(order),
            stop: Word(stop),
            depart_at_ms: depart_at.0,
            arrival_ms: arrival.0,
            start_ms: start.0,
            departure_ms: departure.0,
            metres: metres.0,
            break_before_ms: break_before.0,
            reload_before: reload_before.map(Into::into),
        }
    }
}

impl From<PlannedVisitV1> for PlannedVisit {
    fn from(visit: PlannedVisitV1) -> Self {
        Self {
            order: visit.order.0,
            stop: visit.stop.0,
            depart_at: Timestamp(visit.depart_at_ms),
            arrival: Timestamp(visit.arrival_ms),
            start: Timestamp(visit.start_ms),
            departure: Timestamp(visit.departure_ms),
            metres: Metres(visit.metres),
            break_before: Millis(visit.break_before_ms),
            reload_before: visit.reload_before.map(Into::into),
        }
    }
}

/// How often a vehicle was loaded again in this shift.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct ReloadsV1 {
    #[serde(default, skip_serializing_if = "is_default")]
    times: Count<u32>,
    /// It is loaded at a depot, since when.
    #[serde(default, skip_serializing_if = "is_default")]
    since_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    told_ms: Option<i64>,
}

impl From<Reloads> for ReloadsV1 {
    fn from(Reloads { times, since, told }: Reloads) -> Self {
        let millis = |at: Option<Timestamp>| at.map(|Timestamp(at)| at);
        Self { times: Count(times), since_ms: millis(since), told_ms: millis(told) }
    }
}

impl From<ReloadsV1> for Reloads {
    fn from(ReloadsV1 { times, since_ms, told_ms }: ReloadsV1) -> Self {
        Self { times: times.0, since: since_ms.map(Timestamp), told: told_ms.map(Timestamp) }
    }
}

/// A break that a driver takes.
#[derive(PartialEq, Serialize, Deserialize)]
struct OnBreakV1 {
    since_ms: i64,
    until_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    planned: bool,
}

impl From<OnBreak> for OnBreakV1 {
    fn from(OnBreak { since, until, planned }: OnBreak) -> Self {
        Self { since_ms: since.0, until_ms: until.0, planned }
    }
}

impl From<OnBreakV1> for OnBreak {
    fn from(pause: OnBreakV1) -> Self {
        Self { since: Timestamp(pause.since_ms), until: Timestamp(pause.until_ms), planned: pause.planned }
    }
}

/// One vehicle.
#[derive(Serialize, Deserialize)]
pub(super) struct VehicleImageV1 {
    number: u32,
    name: NameText,
    #[serde(default, skip_serializing_if = "is_default")]
    spec: Option<VehicleSpecV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    on: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    lost: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    shift: Option<ShiftSpecV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    anchor: Option<AnchorV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    unlocated: Option<UnlocatedV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    under_way: Option<UnderWayImageV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    revision_seq: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    visits: Vec<PlannedVisitV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    on_board: Vec<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    stops_done: Count<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    breaks_taken: Count<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    on_break: Option<OnBreakV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    break_ended_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    accepted_seq: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    tachograph: Option<TachographV1>,
    /// What goods take up that stay on board after a failed delivery, in thousandths of each dimension.
    #[serde(default, skip_serializing_if = "is_default")]
    kept_thousandths: [i32; LOAD_DIMENSIONS],
    #[serde(default, skip_serializing_if = "is_default")]
    reloads: ReloadsV1,
    #[serde(default, skip_serializing_if = "is_default")]
    told: Vec<ToldV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    duties: DutiesV1,
    #[serde(default, skip_serializing_if = "is_default")]
    touched_ms: i64,
}

impl From<VehicleImage> for VehicleImageV1 {
    fn from(vehicle: VehicleImage) -> Self {
        let VehicleImage {
            number,
            name,
            spec,
            on,
            lost,
            shift,
            anchor,
            unlocated,
            under_way,
            revision,
            visits,
            on_board,
            stops_done,
            breaks_taken,
            on_break,
            break_ended,
            accepted,
            tachograph,
            kept: Load(kept_thousandths),
            reloads,
            told: times,
            duties,
            touched,
        } = vehicle;
        Self {
            number,
            name: NameText(name),
            spec: spec.map(Into::into),
            on,
            lost,
            shift: shift.map(Into::into),
            anchor: anchor.map(|Anchor { position, at }| AnchorV1 { position: position.into(), at_ms: at.0 }),
            unlocated: unlocated.map(|Unlocated { of, seen }| UnlocatedV1 { of_seq: of.0, seen_ms: seen.0 }),
            under_way: under_way.map(|UnderWayImage { order, stop, departed, arrived }| UnderWayImageV1 {
                order: NameText(order),
                stop: Word(stop),
                departed_ms: departed.0,
                arrived_ms: arrived.map(|Timestamp(at)| at),
            }),
            revision_seq: revision.0,
            visits: visits.into_iter().map(Into::into).collect(),
            on_board: texts(on_board),
            stops_done: Count(stops_done),
            breaks_taken: Count(breaks_taken),
            on_break: on_break.map(Into::into),
            break_ended_ms: break_ended.map(|Timestamp(at)| at),
            accepted_seq: accepted.0,
            tachograph: (!tachograph.is_empty()).then(|| tachograph.into()),
            kept_thousandths,
            reloads: reloads.into(),
            told: told(times),
            duties: duties.into(),
            touched_ms: touched.0,
        }
    }
}

impl From<VehicleImageV1> for VehicleImage {
    fn from(vehicle: VehicleImageV1) -> Self {
        let NameText(name) = vehicle.name;
        Self {
            number: vehicle.number,
            spec: vehicle.spec.map(|spec| spec.vehicle(name.clone())),
            on: vehicle.on,
            lost: vehicle.lost,
            shift: vehicle.shift.map(Into::into),
            anchor: vehicle
                .anchor
                .map(|AnchorV1 { position, at_ms }| Anchor { position: position.into(), at: Timestamp(at_ms) }),
            unlocated: vehicle
                .unlocated
                .map(|UnlocatedV1 { of_seq, seen_ms }| Unlocated { of: LogSeq(of_seq), seen: Timestamp(seen_ms) }),
            under_way: vehicle.under_way.map(|UnderWayImageV1 { order, stop, departed_ms, arrived_ms }| {
                UnderWayImage {
                    order: order.0,
                    stop: stop.0,
                    departed: Timestamp(departed_ms),
                    arrived: arrived_ms.map(Timestamp),
                }
            }),
            revision: LogSeq(vehicle.revision_seq),
            visits: vehicle.visits.into_iter().map(Into::into).collect(),
            on_board: names(vehicle.on_board),
            stops_done: vehicle.stops_done.0,
            breaks_taken: vehicle.breaks_taken.0,
            on_break: vehicle.on_break.map(Into::into),
            break_ended: vehicle.break_ended_ms.map(Timestamp),
            accepted: LogSeq(vehicle.accepted_seq),
            tachograph: vehicle.tachograph.map(Into::into).unwrap_or_default(),
            kept: Load(vehicle.kept_thousandths),
            reloads: vehicle.reloads.into(),
            told: told_times(vehicle.told),
            duties: vehicle.duties.into(),
            touched: Timestamp(vehicle.touched_ms),
            name,
        }
    }
}

/// What a driver has driven and rested in his shift.
#[derive(PartialEq, Serialize, Deserialize)]
struct TachographV1 {
    at_ms: i64,
    activity: Word<Activity>,
    since_break_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    first_part: bool,
    rested_ms: i64,
    in_shift_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    began_ms: Option<i64>,
    /// Until when he rests, and what he does then.
    #[serde(default, skip_serializing_if = "is_default")]
    rests_until: Option<(i64, Word<Activity>)>,
    #[serde(default, skip_serializing_if = "is_default")]
    is_over: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    changes: Vec<ActivityChangeV1>,
    /// The rule that it was recorded by last.
    #[serde(default, skip_serializing_if = "is_default")]
    rule: Option<DrivingRuleV1>,
}

/// A change of a driver's activity.
#[derive(PartialEq, Serialize, Deserialize)]
struct ActivityChangeV1 {
    at_ms: i64,
    turn: Word<Turn>,
    #[serde(default, skip_serializing_if = "is_default")]
    drive_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    lasts_ms: i64,
}

impl From<Tachograph> for TachographV1 {
    fn from(Tachograph { settled, changes, rule }: Tachograph) -> Self {
        let Driven { at, activity, since_break, first_part, rested, in_shift, began, rests_until, is_over } = settled;
        let change = |ActivityChange { at, turn, drive, lasts }| ActivityChangeV1 {
            at_ms: at.0,
            turn: Word(turn),
            drive_ms: drive.0,
            lasts_ms: lasts.0,
        };
        Self {
            at_ms: at.0,
            activity: Word(activity),
            since_break_ms: since_break.0,
            first_part,
            rested_ms: rested.0,
            in_shift_ms: in_shift.0,
            began_ms: began.map(|Timestamp(at)| at),
            rests_until: rests_until.map(|(Timestamp(until), then)| (until, Word(then))),
            is_over,
            changes: changes.into_iter().map(change).collect(),
            rule: rule.map(Into::into),
        }
    }
}

impl From<TachographV1> for Tachograph {
    fn from(image: TachographV1) -> Self {
        let change = |change: ActivityChangeV1| ActivityChange {
            at: Timestamp(change.at_ms),
            turn: change.turn.0,
            drive: Millis(change.drive_ms),
            lasts: Millis(change.lasts_ms),
        };
        let settled = Driven {
            at: Timestamp(image.at_ms),
            activity: image.activity.0,
            since_break: Millis(image.since_break_ms),
            first_part: image.first_part,
            rested: Millis(image.rested_ms),
            in_shift: Millis(image.in_shift_ms),
            began: image.began_ms.map(Timestamp),
            rests_until: image.rests_until.map(|(until, then)| (Timestamp(until), then.0)),
            is_over: image.is_over,
        };
        let changes = image.changes.into_iter().map(change).collect();
        Self { settled, changes, rule: image.rule.map(Into::into) }
    }
}

/// A fact that waits for an answer.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct AskImageV1 {
    seq: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    orders: Vec<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    vehicles: Vec<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    roads: bool,
    logged_at_ms: i64,
}

impl From<AskImage> for AskImageV1 {
    fn from(AskImage { seq: LogSeq(seq), orders, vehicles, roads, logged_at }: AskImage) -> Self {
        Self { seq, orders: texts(orders), vehicles: texts(vehicles), roads, logged_at_ms: logged_at.0 }
    }
}

impl From<AskImageV1> for AskImage {
    fn from(AskImageV1 { seq, orders, vehicles, roads, logged_at_ms }: AskImageV1) -> Self {
        Self {
            seq: LogSeq(seq),
            orders: names(orders),
            vehicles: names(vehicles),
            roads,
            logged_at: Timestamp(logged_at_ms),
        }
    }
}
