//! What is known of the zone as a whole, version 1: its clocks, its policy, its chain of plans, its roads and what was learned.

use fleetfold_fleet::{Chain, RoadState, StoredBase, Zone};
use fleetfold_model::{
    ArrivalEnds, Cell, Diversion, Freeze, LogSeq, Millis, OnBoardRule, Policy, RoadChange, RoadTarget, ServiceFeature,
    Space, SpeedFeature, SpeedKey, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::said_v1::SaidAtV1;
use super::values::{AtMost, Count, Hash128, NameText, PointV1, Word, is_default};

/// How coordinates and log times are read.
#[derive(Serialize, Deserialize)]
pub(super) struct ZoneStateV1 {
    #[serde(default, skip_serializing_if = "is_default")]
    opened: bool,
    timezone: String,
    space: Word<Space>,
    day_start_ms: i64,
    log_start_ms: i64,
    utc_offset_ms: i64,
    /// Zone milliseconds per log millisecond.
    rate: u32,
}

impl From<Zone> for ZoneStateV1 {
    fn from(Zone { opened, timezone, space, day_start, log_start, utc_offset, rate }: Zone) -> Self {
        Self {
            opened,
            timezone,
            space: Word(space),
            day_start_ms: day_start.0,
            log_start_ms: log_start.0,
            utc_offset_ms: utc_offset.0,
            rate,
        }
    }
}

impl From<ZoneStateV1> for Zone {
    fn from(zone: ZoneStateV1) -> Self {
        Self {
            opened: zone.opened,
            timezone: zone.timezone,
            space: zone.space.0,
            day_start: Timestamp(zone.day_start_ms),
            log_start: Timestamp(zone.log_start_ms),
            utc_offset: Millis(zone.utc_offset_ms),
            rate: zone.rate,
        }
    }
}

/// Travel time by local hour in per cent of what the roads say.
#[derive(Serialize, Deserialize)]
struct HoursV1 {
    motorway: [u16; 24],
    arterial: [u16; 24],
    street: [u16; 24],
}

/// When a vehicle on its way to a stop may be sent elsewhere first.
#[derive(Default, PartialEq, Serialize, Deserialize)]
enum DiversionV1 {
    #[default]
    #[serde(rename = "saves_promise")]
    SavesPromise,
    #[serde(rename = "never")]
    Never,
    #[serde(rename = "saves_cost")]
    SavesCost { gain_min_millionths: i64 },
}

/// What was in force before there were these fields, which are left out where it still is.
const BEFORE_ALERT_LATE_MS: i64 = 300_000;
const BEFORE_ALERT_DEADLINE_MS: i64 = 1_800_000;
const BEFORE_ALERT_SILENT_MS: i64 = 600_000;
const BEFORE_ETA_CHANGE_MS: i64 = 120_000;

/// How the zone is dispatched. Costs are in millionths of the zone's currency.
///
/// A field that a later version adds gets the value that was in force before there was such a field, not the default of
/// that day.
#[derive(Serialize, Deserialize)]
pub(super) struct PolicyStateV1 {
    unserved_cost_millionths: i64,
    lateness_cost_per_hour_millionths: i64,
    flow_cost_per_hour_millionths: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    coverage_cost_per_hour_millionths: i64,
    change_cost_millionths: i64,
    publish_gain_min_millionths: i64,
    departure_margin_ms: i64,
    on_cancelled_on_board: Word<OnBoardRule>,
    on_failed_delivery: Word<OnBoardRule>,
    deliver_after_shift: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    diversion: DiversionV1,
    #[serde(default, skip_serializing_if = "is_default")]
    one_pickup_place: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    nothing_added_after_departure: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    decide_every_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    settle_on_arrival: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    notice_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_changes_per_hour: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    freezes_when_accepted: bool,
    search_rounds: u32,
    gather_ms: i64,
    learn: bool,
    retire_after_ms: i64,
    strict: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alert_late_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alert_deadline_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alert_silent_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    eta_change_ms: Option<i64>,
    hour_percent: HoursV1,
}

impl From<Policy> for PolicyStateV1 {
    fn from(policy: Policy) -> Self {
        let Policy {
            unserved_cost,
            lateness_cost_per_hour,
            flow_cost_per_hour,
            coverage_cost_per_hour,
            change_cost,
            publish_gain_min,
            departure_margin,
            on_cancelled_on_board,
            on_failed_delivery,
            deliver_after_shift,
            diversion,
            one_pickup_place,
            add_after_departure,
            decide_every,
            settle_on_arrival,
            notice,
            max_changes_per_hour,
            freeze,
            search_rounds,
            gather,
            learn,
            retire_after,
            strict,
            alert_late,
            alert_deadline,
            alert_silent,
            eta_change,
            hour_percent: [motorway, arterial, street],
        } = policy;
        Self {
            unserved_cost_millionths: unserved_cost,
            lateness_cost_per_hour_millionths: lateness_cost_per_hour,
            flow_cost_per_hour_millionths: flow_cost_per_hour,
            coverage_cost_per_hour_millionths: coverage_cost_per_hour,
            change_cost_millionths: change_cost,
            publish_gain_min_millionths: publish_gain_min,
            departure_margin_ms: departure_margin.0,
            on_cancelled_on_board: Word(on_cancelled_on_board),
            on_failed_delivery: Word(on_failed_delivery),
            deliver_after_shift,
            diversion: match diversion {
                Diversion::SavesPromise => DiversionV1::SavesPromise,
                Diversion::Never => DiversionV1::Never,
                Diversion::Saves(gain) => DiversionV1::SavesCost { gain_min_millionths: gain },
            },
            one_pickup_place,
            nothing_added_after_departure: !add_after_departure,
            decide_every_ms: decide_every.0,
            settle_on_arrival,
            notice_ms: notice.0,
            max_changes_per_hour,
            freezes_when_accepted: match freeze {
                Freeze::Departed => false,
                Freeze::Accepted => true,
            },
            search_rounds,
            gather_ms: gather.0,
            learn,
            retire_after_ms: retire_after.0,
            strict,
            alert_late_ms: Some(alert_late.0).filter(|&ms| ms != BEFORE_ALERT_LATE_MS),
            alert_deadline_ms: Some(alert_deadline.0).filter(|&ms| ms != BEFORE_ALERT_DEADLINE_MS),
            alert_silent_ms: Some(alert_silent.0).filter(|&ms| ms != BEFORE_ALERT_SILENT_MS),
            eta_change_ms: Some(eta_change.0).filter(|&ms| ms != BEFORE_ETA_CHANGE_MS),
            hour_percent: HoursV1 { motorway, arterial, street },
        }
    }
}

impl From<PolicyStateV1> for Policy {
    fn from(policy: PolicyStateV1) -> Self {
        let HoursV1 { motorway, arterial, street } = policy.hour_percent;
        Self {
            unserved_cost: policy.unserved_cost_millionths,
            lateness_cost_per_hour: policy.lateness_cost_per_hour_millionths,
            flow_cost_per_hour: policy.flow_cost_per_hour_millionths,
            coverage_cost_per_hour: policy.coverage_cost_per_hour_millionths,
            change_cost: policy.change_cost_millionths,
            publish_gain_min: policy.publish_gain_min_millionths,
            departure_margin: Millis(policy.departure_margin_ms),
            on_cancelled_on_board: policy.on_cancelled_on_board.0,
            on_failed_delivery: policy.on_failed_delivery.0,
            deliver_after_shift: policy.deliver_after_shift,
            diversion: match policy.diversion {
                DiversionV1::SavesPromise => Diversion::SavesPromise,
                DiversionV1::Never => Diversion::Never,
                DiversionV1::SavesCost { gain_min_millionths } => Diversion::Saves(gain_min_millionths),
            },
            one_pickup_place: policy.one_pickup_place,
            add_after_departure: !policy.nothing_added_after_departure,
            decide_every: Millis(policy.decide_every_ms),
            settle_on_arrival: policy.settle_on_arrival,
            notice: Millis(policy.notice_ms),
            max_changes_per_hour: policy.max_changes_per_hour,
            freeze: if policy.freezes_when_accepted { Freeze::Accepted } else { Freeze::Departed },
            search_rounds: policy.search_rounds,
            gather: Millis(policy.gather_ms),
            learn: policy.learn,
            retire_after: Millis(policy.retire_after_ms),
            strict: policy.strict,
            alert_late: Millis(policy.alert_late_ms.unwrap_or(BEFORE_ALERT_LATE_MS)),
            alert_deadline: Millis(policy.alert_deadline_ms.unwrap_or(BEFORE_ALERT_DEADLINE_MS)),
            alert_silent: Millis(policy.alert_silent_ms.unwrap_or(BEFORE_ALERT_SILENT_MS)),
            eta_change: Millis(policy.eta_change_ms.unwrap_or(BEFORE_ETA_CHANGE_MS)),
            hour_percent: [motorway, arterial, street],
        }
    }
}

/// The chain of plans.
#[derive(Serialize, Deserialize)]
pub(super) struct ChainStateV1 {
    epoch: u64,
    rev: Count<u64>,
    hash: Hash128,
    seq: Count<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    rules: u16,
}

impl From<Chain> for ChainStateV1 {
    fn from(Chain { epoch, rev, hash, seq: LogSeq(seq), rules }: Chain) -> Self {
        Self { epoch, rev: Count(rev), hash: Hash128(hash), seq: Count(seq), rules }
    }
}

impl From<ChainStateV1> for Chain {
    fn from(ChainStateV1 { epoch, rev, hash, seq, rules }: ChainStateV1) -> Self {
        Self { epoch, rev: rev.0, hash: hash.0, seq: LogSeq(seq.0), rules }
    }
}

/// The last base before this one.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct StoredBaseV1 {
    applied_seq: u64,
    fold_format: u16,
    object: String,
    /// BLAKE3, hexadecimal, as the log has it.
    hash: String,
    logged_at_ms: i64,
}

impl From<StoredBase> for StoredBaseV1 {
    fn from(StoredBase { applied, format, object, hash, logged_at }: StoredBase) -> Self {
        Self { applied_seq: applied.0, fold_format: format, object, hash, logged_at_ms: logged_at.0 }
    }
}

impl From<StoredBaseV1> for StoredBase {
    fn from(base: StoredBaseV1) -> Self {
        Self {
            applied: LogSeq(base.applied_seq),
            format: base.fold_format,
            object: base.object,
            hash: base.hash,
            logged_at: Timestamp(base.logged_at_ms),
        }
    }
}

/// Which roads.
#[derive(PartialEq, Serialize, Deserialize)]
enum RoadTargetV1 {
    #[serde(rename = "roads")]
    Roads(Vec<u64>),
    #[serde(rename = "edges")]
    Edges(Vec<u32>),
    #[serde(rename = "area")]
    Area(Vec<PointV1>),
    #[serde(rename = "line")]
    Line { places: Vec<PointV1>, within_metres: u32 },
}

/// A change of the roads.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct RoadStateV1 {
    change: NameText,
    #[serde(default, skip_serializing_if = "is_default")]
    target: Option<RoadTargetV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    time_percent: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    from_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    closed: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    ended: bool,
    since_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    told_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    changed: Option<SaidAtV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    reopened: Option<SaidAtV1>,
}

impl From<RoadState> for RoadStateV1 {
    fn from(RoadState { change, closed, ended, since, told, changed, reopened }: RoadState) -> Self {
        let RoadChange { change, target, time_percent, from, until } = change;
        let points = |places: Vec<_>| places.into_iter().map(PointV1::from).collect();
        let target = target.map(|target| match target {
            RoadTarget::Roads(roads) => RoadTargetV1::Roads(roads),
            RoadTarget::Edges(edges) => RoadTargetV1::Edges(edges),
            RoadTarget::Area(ring) => RoadTargetV1::Area(points(ring)),
            RoadTarget::Line { places, metres } => RoadTargetV1::Line { places: points(places), within_metres: metres },
        });
        Self {
            change: NameText(change),
            target,
            time_percent,
            from_ms: from.map(|Timestamp(at)| at),
            until_ms: until.map(|Timestamp(at)| at),
            closed,
            ended,
            since_ms: since.0,
            told_seq: told.map(|LogSeq(seq)| seq),
            changed: changed.map(Into::into),
            reopened: reopened.map(Into::into),
        }
    }
}

impl From<RoadStateV1> for RoadState {
    fn from(road: RoadStateV1) -> Self {
        let places = |points: Vec<PointV1>| points.into_iter().map(Into::into).collect();
        let target = road.target.map(|target| match target {
            RoadTargetV1::Roads(roads) => RoadTarget::Roads(roads),
            RoadTargetV1::Edges(edges) => RoadTarget::Edges(edges),
            RoadTargetV1::Area(ring) => RoadTarget::Area(places(ring)),
            RoadTargetV1::Line { places: line, within_metres } => {
                RoadTarget::Line { places: places(line), metres: within_metres }
            }
        });
        Self {
            change: RoadChange {
                change: road.change.0,
                target,
                time_percent: road.time_percent,
                from: road.from_ms.map(Timestamp),
                until: road.until_ms.map(Timestamp),
            },
            closed: road.closed,
            ended: road.ended,
            since: Timestamp(road.since_ms),
            told: road.told_seq.map(LogSeq),
            changed: road.changed.map(Into::into),
            reopened: road.reopened.map(Into::into),
        }
    }
}

/// A square of the zone.
#[derive(PartialEq, Serialize, Deserialize)]
struct CellV1 {
    x: i16,
    y: i16,
}

/// A learned factor of travel time.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct SpeedFeatureV1 {
    /// 0 motorway or bridge, 1 arterial, 2 street.
    road_class: AtMost<2>,
    #[serde(default, skip_serializing_if = "is_default")]
    cell: Option<CellV1>,
    /// Local hour of the day.
    hour: AtMost<23>,
    permille: u32,
    count: u32,
    weight_seconds: u32,
    seen_ms: i64,
}

impl From<SpeedFeature> for SpeedFeatureV1 {
    fn from(SpeedFeature { key, permille, count, weight, seen }: SpeedFeature) -> Self {
        let SpeedKey { class, cell, hour } = key;
        Self {
            road_class: AtMost(class),
            cell: cell.map(|Cell { x, y }| CellV1 { x, y }),
            hour: AtMost(hour),
            permille,
            count,
            weight_seconds: weight,
            seen_ms: seen.0,
        }
    }
}

impl From<SpeedFeatureV1> for SpeedFeature {
    fn from(speed: SpeedFeatureV1) -> Self {
        Self {
            key: SpeedKey {
                class: speed.road_class.0,
                cell: speed.cell.map(|CellV1 { x, y }| Cell { x, y }),
                hour: speed.hour.0,
            },
            permille: speed.permille,
            count: speed.count,
            weight: speed.weight_seconds,
            seen: Timestamp(speed.seen_ms),
        }
    }
}

/// How far arrivals are from what customers are told so far ahead.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct ArrivalEndsV1 {
    lead: u8,
    early_permille: i32,
    late_permille: i32,
    arrivals: u32,
}

impl From<ArrivalEnds> for ArrivalEndsV1 {
    fn from(ArrivalEnds { lead, early, late, arrivals }: ArrivalEnds) -> Self {
        Self { lead, early_permille: early, late_permille: late, arrivals }
    }
}

impl From<ArrivalEndsV1> for ArrivalEnds {
    fn from(ArrivalEndsV1 { lead, early_permille, late_permille, arrivals }: ArrivalEndsV1) -> Self {
        Self { lead, early: early_permille, late: late_permille, arrivals }
    }
}

/// How long serving takes at a place, as learned.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct ServiceFeatureV1 {
    position: PointV1,
    service_ms: i64,
    count: u32,
    seen_ms: i64,
}

impl From<ServiceFeature> for ServiceFeatureV1 {
    fn from(ServiceFeature { place, service, count, seen }: ServiceFeature) -> Self {
        Self { position: place.into(), service_ms: service.0, count, seen_ms: seen.0 }
    }
}

impl From<ServiceFeatureV1> for ServiceFeature {
    fn from(ServiceFeatureV1 { position, service_ms, count, seen_ms }: ServiceFeatureV1) -> Self {
        Self { place: position.into(), service: Millis(service_ms), count, seen: Timestamp(seen_ms) }
    }
}
