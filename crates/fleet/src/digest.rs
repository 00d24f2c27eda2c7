//! One number that says whether two fleets are the same.
//!
//! The digest is the wrapping sum over entities (vehicles, orders, roads, what was learned, facts that wait for an answer,
//! and the zone with its policy and chain) of a 64-bit hash of each one's content. Each entity is written field by field:
//! names as text, numbers as they are, each variant of an enum by a code that this file gives it. So neither the name of a
//! field, nor the order of fields or variants, nor a dense id can change a digest. Whoever changes what is written here
//! raises [`FORMAT`], which is the first word of every hash.
//!
//! The codes look like those of the document of a base (`crates/journal/src/base/values.rs`) and of the messages
//! (`crates/wire/src/encode.rs`) and are apart on purpose: each of the three formats is frozen by itself, and a word that is
//! renamed in one must not change the other two.
//!
//! Everything that decides how later entries are folded is inside, except what is listed here with its reason:
//! position reports and the spatial index (they decide nothing), dense ids (names stand for them), skills as bits (they
//! follow from the skills' names), counters, the last base and the sequence that created an order (they decide nothing),
//! the hashes of event ids already seen (the reader of the log makes them), the hash of the last plan (the chain checks it
//! by itself), what dispatchers said before the first plan (it counts from that plan on), the sequence of the last entry on the plan subject (an entry that is not folded moves it too), and since when an order is on
//! its route (it follows from the plans, and decides nothing but under a policy with `freeze`).
//!
//! The *facts digest* leaves out plans and log times too, so it is equal however the same facts were shuffled.

use fleetfold_model::{
    Alert, AlertKind, ArrivalEnds, Break, Cell, Depot, DepotCall, Diversion, DrivingRule, FORMAT, FailReason, Freeze,
    Job, Load, LoadDirection, LogSeq, Metres, Millis, Name, Numbered, OnBoardRule, Order, OrderChange, OrderId,
    OrderWork, Policy, Position, Reload, RoadChange, RoadTarget, ServiceFeature, Shift, Shipment, Space, SpeedFeature,
    SpeedKey, StopKind, StopSpec, TimeWindow, Timestamp, UnassignedReason, Vehicle, VehicleCosts, VehicleId,
};

use crate::{
    Acknowledged, ActivityChange, AlertState, Anchor, Ask, Chain, Closed, Driven, Duties, Duty, DutyTold, Fleet, Mark,
    OnBreak, OrderState, Placement, Progress, Reloads, RoadState, Route, SaidAt, Tachograph, ToldTimes, UnderWay,
    Unlocated, VehicleState, Visit, Working, Zone,
};

/// What kind of thing a hash is of: its second word.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Name,
    OrderSpec,
    Order,
    VehicleSpec,
    Vehicle,
    Policy,
    Zone,
    Road,
    Speed,
    Service,
    Ask,
    RetiredName,
    Alert,
}

impl Kind {
    fn code(self) -> u64 {
        match self {
            Self::Name => 1,
            Self::OrderSpec => 2,
            Self::Order => 3,
            Self::VehicleSpec => 4,
            Self::Vehicle => 5,
            Self::Policy => 6,
            Self::Zone => 7,
            Self::Road => 8,
            Self::Speed => 9,
            Self::Service => 10,
            Self::Ask => 11,
            Self::RetiredName => 12,
            Self::Alert => 13,
        }
    }
}

/// A 64-bit hash over a sequence of words: the multiply–rotate step of `FxHash` with the `SplitMix64` finisher. Not
/// cryptographic: it guards against bugs, not against enemies.
#[derive(Clone, Copy)]
pub(crate) struct Canon(u64);

impl Canon {
    pub(crate) fn of(kind: Kind) -> Self {
        Self(0).word(u64::from(FORMAT)).word(kind.code())
    }

    pub(crate) fn word(mut self, word: u64) -> Self {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        self
    }

    fn flag(self, flag: bool) -> Self {
        self.word(u64::from(flag))
    }

    fn seq(self, LogSeq(seq): LogSeq) -> Self {
        self.word(seq)
    }

    fn time(self, Timestamp(time): Timestamp) -> Self {
        self.word(time as u64)
    }

    fn span(self, Millis(span): Millis) -> Self {
        self.word(span as u64)
    }

    fn text(self, text: &str) -> Self {
        let mut hash = self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            hash = hash.word(u64::from_le_bytes(bytes));
        }
        hash
    }

    fn name(self, name: &Name) -> Self {
        self.text(name.as_str())
    }

    /// A missing value is the word 0, a present one the word 1 and the value.
    fn option<T>(self, value: Option<T>, put: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            None => self.word(0),
            Some(value) => put(self.word(1), value),
        }
    }

    fn tachograph(self, Tachograph { settled, changes, rule }: &Tachograph) -> Self {
        let Driven { at, activity, since_break, first_part, rested, in_shift, began, rests_until, is_over } = *settled;
        self.time(at)
            .word(activity as u64)
            .span(since_break)
            .flag(first_part)
            .span(rested)
            .span(in_shift)
            .option(began, Self::time)
            .option(rests_until, |hash, (until, then)| hash.time(until).word(then as u64))
            .flag(is_over)
            .list(changes, |hash, ActivityChange { at, turn, drive, lasts }| {
                hash.time(*at).word(*turn as u64).span(*drive).span(*lasts)
            })
            .option(*rule, Self::driving_rule)
    }

    fn driving_rule(self, rule: DrivingRule) -> Self {
        let DrivingRule { driving_max, pause, first_part, service_counts, shift_driving_max, duty_max } = rule;
        self.span(driving_max)
            .span(pause)
            .span(first_part)
            .flag(service_counts)
            .option(shift_driving_max, Self::span)
            .option(duty_max, Self::span)
    }

    fn list<T>(self, values: &[T], put: impl Fn(Self, &T) -> Self) -> Self {
        values.iter().fold(self.word(values.len() as u64), put)
    }

    pub(crate) fn finish(self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    // ---- words of the model --------------------------------------------------------------------------------------

    fn position(self, Position { x, y }: Position) -> Self {
        self.word(u64::from(x as u32)).word(u64::from(y as u32))
    }

    fn window(self, window: &TimeWindow) -> Self {
        self.time(window.opens()).time(window.closes())
    }

    fn load(self, Load(dimensions): Load) -> Self {
        self.list(&dimensions, |hash, &amount| hash.word(u64::from(amount as u32)))
    }

    fn stop_spec(self, stop: &StopSpec) -> Self {
        let StopSpec { position, windows, service, setup } = stop;
        self.position(*position).list(windows, Self::window).span(*service).span(*setup)
    }

    fn work(self, work: &OrderWork) -> Self {
        match work {
            OrderWork::Job(Job { stop, direction }) => {
                self.word(1).stop_spec(stop).word(load_direction_code(*direction))
            }
            OrderWork::Shipment(Shipment { pickup, delivery }) => self.word(2).stop_spec(pickup).stop_spec(delivery),
        }
    }

    fn order_change(self, change: &OrderChange) -> Self {
        let OrderChange { order, work, load, skills, priority, release, promised } = change;
        self.name(order)
            .option(work.as_ref(), Self::work)
            .option(*load, Self::load)
            .option(skills.as_ref(), |hash, skills| hash.list(skills, Self::name))
            .option(*priority, |hash, priority| hash.word(u64::from(priority)))
            .option(*release, Self::time)
            .option(*promised, Self::time)
    }

    fn shift(self, shift: &Shift) -> Self {
        let Shift { starts, ends, breaks } = shift;
        self.time(*starts)
            .time(*ends)
            .list(breaks, |hash, Break { window, duration }| hash.window(window).span(*duration))
    }

    fn road_change(self, change: &RoadChange) -> Self {
        let RoadChange { change, target, time_percent, from, until } = change;
        self.name(change)
            .option(target.as_ref(), |hash, target| match target {
                RoadTarget::Roads(roads) => hash.word(1).list(roads, |hash, &road| hash.word(road)),
                RoadTarget::Edges(edges) => hash.word(2).list(edges, |hash, &edge| hash.word(u64::from(edge))),
                RoadTarget::Area(ring) => hash.word(3).list(ring, |hash, &place| hash.position(place)),
                RoadTarget::Line { places, metres } => {
                    hash.word(4).list(places, |hash, &place| hash.position(place)).word(u64::from(*metres))
                }
            })
            .option(*time_percent, |hash, percent| hash.word(u64::from(percent)))
            .option(*from, Self::time)
            .option(*until, Self::time)
    }

    /// The default says nothing: policies of before there was a choice keep their digests.
    fn diversion(self, diversion: Diversion) -> Self {
        match diversion {
            Diversion::SavesPromise => self,
            Diversion::Never => self.word(1),
            Diversion::Saves(cost) => self.word(2).word(cost as u64),
        }
    }

    /// Numbers came with the fifth rules: without one the word is as it was.
    fn said(self, SaidAt { at, numbered }: SaidAt) -> Self {
        let hash = self.time(at);
        numbered.into_iter().fold(hash, |hash, Numbered { writer, number }| {
            hash.word(0x4e55_4d42).word(writer).word(number) // apart from what may stand here otherwise
        })
    }

    fn told(self, ToldTimes(told): &ToldTimes) -> Self {
        told.iter().fold(self, |hash, (what, &said)| hash.word(what.code()).said(said))
    }

    fn duties(self, Duties { settled, settled_at, facts }: &Duties) -> Self {
        let Working { is_on, since, is_lost, shift, ends } = settled;
        self.flag(*is_on)
            .option(*since, Self::time)
            .flag(*is_lost)
            .option(shift.as_ref(), Self::shift)
            .option(*ends, Self::time)
            .option(*settled_at, Self::time)
            .list(facts, |hash, DutyTold { said, what }| {
                let hash = hash.said(*said);
                match what {
                    Duty::On(shift) => hash.word(1).option(shift.as_ref(), Self::shift),
                    Duty::Off => hash.word(2),
                    Duty::Ends(ends) => hash.word(3).time(*ends),
                    Duty::Lost => hash.word(4),
                    Duty::Back => hash.word(5),
                }
            })
    }

    fn anchor(self, Anchor { position, at }: Anchor) -> Self {
        self.position(position).time(at)
    }
}

fn stop_kind_code(kind: StopKind) -> u64 {
    match kind {
        StopKind::Pickup => 1,
        StopKind::Delivery => 2,
    }
}

fn fail_reason_code(reason: FailReason) -> u64 {
    match reason {
        FailReason::NoShow => 1,
        FailReason::Refused => 2,
        FailReason::NoAccess => 3,
        FailReason::Goods => 4,
        FailReason::Other => 5,
    }
}

fn unassigned_code(reason: UnassignedReason) -> u64 {
    match reason {
        UnassignedReason::NoVehicle => 1,
        UnassignedReason::Skills => 2,
        UnassignedReason::Capacity => 3,
        UnassignedReason::Shift => 4,
        UnassignedReason::Unreachable => 5,
        UnassignedReason::Rejected => 6,
        UnassignedReason::NoPlace => 7,
        UnassignedReason::Aboard => 8,
        UnassignedReason::Stops => 9,
        UnassignedReason::Silent => 10,
        UnassignedReason::DrivingTime => 11,
    }
}

fn load_direction_code(direction: LoadDirection) -> u64 {
    match direction {
        LoadDirection::Delivery => 1,
        LoadDirection::Pickup => 2,
    }
}

fn on_board_rule_code(rule: OnBoardRule) -> u64 {
    match rule {
        OnBoardRule::Return => 1,
        OnBoardRule::Keep => 2,
    }
}

fn space_code(space: Space) -> u64 {
    match space {
        Space::Geographic => 1,
        Space::Planar => 2,
    }
}

/// Hash of an external id. Entities refer to each other by it.
pub(crate) fn name_digest(name: &Name) -> u64 {
    Canon::of(Kind::Name).name(name).finish()
}

/// Hash of what was asked for. Computed when it changes, not when the order does.
pub(crate) fn order_spec_digest(spec: &Order) -> u64 {
    let Order { name, work, load, skills, priority, release, promised, placed } = spec;
    Canon::of(Kind::OrderSpec)
        .name(name)
        .work(work)
        .load(*load)
        .list(skills, Canon::name)
        .word(u64::from(*priority))
        .option(*release, Canon::time)
        .option(*promised, Canon::time)
        .time(*placed)
        .finish()
}

/// Hash of what was registered. Computed when it changes, not when the vehicle does.
pub(crate) fn vehicle_spec_digest(spec: &Vehicle) -> u64 {
    let Vehicle {
        name,
        capacity,
        skills,
        costs,
        time_factor,
        start,
        end,
        shift,
        stops_max,
        lifo,
        driving_time,
        reload,
    } = spec;
    let VehicleCosts { per_hour, per_km, fixed } = *costs;
    let hash = Canon::of(Kind::VehicleSpec)
        .name(name)
        .load(*capacity)
        .list(skills, Canon::name)
        .word(per_hour as u64)
        .word(per_km as u64)
        .word(fixed as u64)
        .word(u64::from(*time_factor))
        .position(*start)
        .option(*end, Canon::position)
        .option(shift.as_ref(), Canon::shift)
        .option(*stops_max, |hash, most| hash.word(u64::from(most)))
        .flag(*lifo);
    // Left out where it says nothing, so that older logs keep their digests.
    let hash = match *driving_time {
        None => hash,
        Some(rule) => hash.word(0x4452_4956).driving_rule(rule),
    };
    let Some(Reload { places, times_max }) = reload else { return hash.finish() };
    hash.word(0x5245_4c4f)
        .list(places, |hash, Depot { name, position, service }| {
            hash.option(name.as_ref(), Canon::name).position(*position).span(*service)
        })
        .option(*times_max, |hash, most| hash.word(u64::from(most)))
        .finish()
}

/// Hash of a policy. Computed when it changes.
pub(crate) fn policy_digest(policy: &Policy) -> u64 {
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
        hour_percent,
    } = policy;
    let costs = [unserved_cost, lateness_cost_per_hour, flow_cost_per_hour, change_cost, publish_gain_min];
    // Fields that came later say nothing where they have their defaults: older policies keep their digests.
    let default = Policy::default();
    let later = [
        (1, alert_late, default.alert_late),
        (2, alert_deadline, default.alert_deadline),
        (3, alert_silent, default.alert_silent),
        (4, eta_change, default.eta_change),
        (5, decide_every, default.decide_every),
        (9, notice, default.notice),
    ];
    let later = later.into_iter().filter(|&(_, span, usual)| *span != usual);
    let hash = Canon::of(Kind::Policy)
        .list(&costs, |hash, &&cost| hash.word(cost as u64))
        .span(*departure_margin)
        .word(on_board_rule_code(*on_cancelled_on_board))
        .word(on_board_rule_code(*on_failed_delivery))
        .flag(*deliver_after_shift)
        .word(u64::from(*search_rounds))
        .span(*gather)
        .flag(*learn)
        .span(*retire_after)
        .flag(*strict)
        .list(hour_percent, |hash, hours| hash.list(hours, |hash, &percent| hash.word(u64::from(percent))))
        .diversion(*diversion);
    let hash = later.fold(hash, |hash, (code, &span, _)| hash.word(code).span(span));
    let hash = match max_changes_per_hour {
        None => hash,
        Some(most) => hash.word(10).word(u64::from(*most)),
    };
    let hash = match coverage_cost_per_hour {
        0 => hash,
        &cost => hash.word(12).word(cost as u64),
    };
    let unusual =
        [(6, *one_pickup_place), (7, !add_after_departure), (8, *settle_on_arrival), (11, *freeze == Freeze::Accepted)];
    unusual.into_iter().filter(|&(_, is_so)| is_so).fold(hash, |hash, (code, _)| hash.word(code)).finish()
}

pub(crate) fn road_digest(road: &RoadState) -> u64 {
    let RoadState { change, closed, ended, since, told: _, changed, reopened } = road;
    let road = Canon::of(Kind::Road).road_change(change).flag(*closed).flag(*ended).time(*since);
    // Older rules know neither, and roads keep their digests.
    let times = [(1, changed), (2, reopened)].into_iter().filter_map(|(code, said)| said.map(|said| (code, said)));
    times.fold(road, |road, (code, said)| road.word(code).said(said)).finish()
}

pub(crate) fn speed_digest(speed: &SpeedFeature) -> u64 {
    let SpeedFeature { key: SpeedKey { class, cell, hour }, permille, count, weight, seen } = speed;
    Canon::of(Kind::Speed)
        .word(u64::from(*class))
        .option(*cell, |hash, Cell { x, y }| hash.word(u64::from(x as u16)).word(u64::from(y as u16)))
        .word(u64::from(*hour))
        .word(u64::from(*permille))
        .word(u64::from(*count))
        .word(u64::from(*weight))
        .time(*seen)
        .finish()
}

pub(crate) fn service_digest(learned: &ServiceFeature) -> u64 {
    let ServiceFeature { place, service, count, seen } = learned;
    Canon::of(Kind::Service).position(*place).span(*service).word(u64::from(*count)).time(*seen).finish()
}

fn alert_kind_code(kind: AlertKind) -> u64 {
    match kind {
        AlertKind::PredictedLate => 1,
        AlertKind::Unassigned => 2,
        AlertKind::Silent => 3,
        AlertKind::SlaBurn => 4,
        AlertKind::LogLag => 5,
        AlertKind::Degraded => 6,
        AlertKind::ClockSkew => 7,
    }
}

pub(crate) fn alert_digest(alert: &Alert, state: &AlertState) -> u64 {
    let AlertState { raised, span, detail, changed, acknowledged } = state;
    Canon::of(Kind::Alert)
        .word(alert_kind_code(alert.kind()))
        .option(alert.about(), Canon::name)
        .time(*raised)
        .span(*span)
        .text(detail)
        .seq(*changed)
        .option(acknowledged.as_ref(), |hash, Acknowledged { at, by, until }| {
            hash.time(*at).option(by.as_ref(), Canon::name).option(*until, Canon::time)
        })
        .finish()
}

impl Fleet {
    fn canon_vehicle(&self, hash: Canon, vehicle: VehicleId) -> Canon {
        hash.word(self.vehicles[vehicle.index()].name_digest)
    }

    fn canon_order(&self, hash: Canon, order: OrderId) -> Canon {
        hash.word(self.orders[order.index()].name_digest)
    }

    /// What is remembered of the facts before the first plan counts only once that has named its rules.
    fn canon_told(&self, hash: Canon, told: &ToldTimes) -> Canon {
        if self.chain.rules < 3 { hash } else { hash.told(told) }
    }

    fn canon_mark(&self, hash: Canon, mark: Option<Mark>) -> Canon {
        hash.option(mark, |hash, Mark { vehicle, at }| self.canon_vehicle(hash, vehicle).time(at))
    }

    fn canon_ended(&self, hash: Canon, progress: &Progress) -> Canon {
        let hash = self.canon_mark(hash, progress.completed);
        hash.option(progress.failed, |hash, (mark, reason)| {
            self.canon_mark(hash.word(fail_reason_code(reason)), Some(mark))
        })
    }

    /// Digest and facts digest of one order.
    fn order_digest(&self, order: &OrderState) -> (u64, u64) {
        let OrderState {
            name: _,
            name_digest,
            vacant,
            spec: _,
            spec_digest,
            skills: _,
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
            created: _,
            // Follows from the plans, and decides nothing where the policy does not ask for it.
            since: _,
            vehicle_changes,
            last_vehicle,
            told,
            seen: _,
            asked: _,
            digests: _,
        } = order;
        if *vacant {
            return (0, 0);
        }
        let facts = Canon::of(Kind::Order).word(*name_digest).word(*spec_digest);
        let facts = self.canon_ended(facts, pickup);
        let facts = self.canon_ended(facts, delivery);
        let facts = match closed {
            None => facts.word(0),
            Some(Closed::Served) => facts.word(1),
            Some(Closed::Cancelled) => facts.word(2),
            Some(Closed::Failed(reason)) => facts.word(3).word(fail_reason_code(*reason)),
        };
        let mut full = facts.option(*over_since, Canon::time);
        for mark in [pickup.departed, pickup.arrived, delivery.departed, delivery.arrived] {
            full = self.canon_mark(full, mark);
        }
        full = match placement {
            Placement::Unplaced => full.word(1),
            Placement::OnRoute(vehicle) => self.canon_vehicle(full.word(2), *vehicle),
            Placement::Unassigned(reason) => full.word(3).word(unassigned_code(*reason)),
        };
        for vehicle in [on_board, pinned, rescue_from, last_vehicle] {
            full = full.option(*vehicle, |hash, vehicle| self.canon_vehicle(hash, vehicle));
        }
        full = full.list(rejected_by, |hash, &vehicle| self.canon_vehicle(hash, vehicle));
        full = full
            .option(*pickup_moved_to, Canon::position)
            .option(*delivery_moved_to, Canon::position)
            .option(*ready_at, Canon::time)
            .list(early_changes, Canon::order_change)
            .flag(*early_cancel)
            .word(u64::from(*vehicle_changes));
        full = self.canon_told(full, told);
        // Of later rules, as all that is left out where it says nothing.
        if let Some(until) = held_until {
            full = full.word(0x4845_4c44).time(*until); // apart from what may stand here otherwise
        }
        full = words.iter().fold(full, |full, &word| self.canon_mark(full, Some(word)));
        (full.finish(), facts.finish())
    }

    /// Digest and facts digest of one vehicle.
    fn vehicle_digest(&self, vehicle: &VehicleState) -> (u64, u64) {
        let VehicleState {
            name: _,
            name_digest,
            vacant,
            spec: _,
            spec_digest,
            skills: _,
            on,
            lost,
            shift,
            anchor,
            unlocated,
            under_way,
            route: Route { revision, visits },
            on_board,
            goods_waiting: _,
            stops_done,
            breaks_taken,
            on_break,
            break_ended,
            accepted,
            tachograph,
            kept,
            reloads,
            told,
            duties,
            touched,
            hint: _,
            digests: _,
        } = vehicle;
        if *vacant {
            return (0, 0);
        }
        let facts = Canon::of(Kind::Vehicle).word(*name_digest).word(*spec_digest);
        let mut full = facts
            .flag(*on)
            .flag(*lost)
            .option(shift.as_ref(), Canon::shift)
            .option(*anchor, Canon::anchor)
            .option(*unlocated, |hash, Unlocated { of, seen }| hash.seq(of).time(seen))
            .option(*under_way, |hash, UnderWay { order, stop, departed, arrived }| {
                let hash = self.canon_order(hash, order).word(stop_kind_code(stop));
                hash.time(departed).option(arrived, Canon::time)
            })
            .seq(*revision)
            .word(visits.len() as u64);
        for visit in visits {
            let Visit {
                order,
                stop,
                depart_at,
                arrival,
                start,
                departure,
                metres: Metres(metres),
                break_before,
                reload_before,
            } = *visit;
            full = self
                .canon_order(full, order)
                .word(stop_kind_code(stop))
                .time(depart_at)
                .time(arrival)
                .time(start)
                .time(departure)
                .word(metres as u64)
                .span(break_before);
            // Left out where there is none, so that older logs keep their digests.
            if let Some(DepotCall { position, arrival, departure, metres: Metres(metres) }) = reload_before {
                full = full.word(0x4445_504f).position(position).time(arrival).time(departure).word(metres as u64);
            }
        }
        full = full
            .list(on_board, |hash, &order| self.canon_order(hash, order))
            .word(u64::from(*stops_done))
            .word(u64::from(*breaks_taken))
            .seq(*accepted)
            .time(*touched);
        // Words that only later rules know are left out where they say nothing, so that older logs keep their digests.
        if *kept != Load::default() {
            full = full.load(*kept);
        }
        if let Some(OnBreak { since, until, planned }) = *on_break {
            full = full.word(0x4252_4541).time(since).time(until).flag(planned);
        }
        if let Some(ended) = *break_ended {
            full = full.word(0x454e_4445).time(ended);
        }
        if *reloads != Reloads::default() {
            let Reloads { times, since, told } = *reloads;
            full = full.word(0x5245_4c4f).word(u64::from(times)).option(since, Canon::time).option(told, Canon::time);
        }
        if !tachograph.is_empty() {
            full = full.word(0x5441_4348).tachograph(tachograph);
        }
        full = self.canon_told(full, told);
        if self.chain.rules >= 4 && !duties.is_empty() {
            full = full.duties(duties);
        }
        (full.finish(), facts.finish())
    }

    /// Digest of a fact that waits for its answer. When it was logged decides nothing.
    pub(crate) fn ask_digest(&self, seq: LogSeq, ask: &Ask) -> u64 {
        let Ask { orders, vehicles, roads, logged_at: _ } = ask;
        Canon::of(Kind::Ask)
            .seq(seq)
            .list(orders, |hash, &order| self.canon_order(hash, order))
            .list(vehicles, |hash, &vehicle| self.canon_vehicle(hash, vehicle))
            .flag(*roads)
            .finish()
    }

    /// Digest of the zone, its policy, its chain and the versions of what was learned.
    fn zone_digest(&self) -> u64 {
        let Zone { opened, timezone, space, day_start, log_start, utc_offset, rate } = &self.zone;
        let Chain { epoch, rev, hash: _, seq: _, rules } = &self.chain;
        let zone = Canon::of(Kind::Zone)
            .flag(*opened)
            .text(timezone)
            .word(space_code(*space))
            .time(*day_start)
            .time(*log_start)
            .span(*utc_offset)
            .word(u64::from(*rate))
            .word(self.policy_digest)
            .word(*epoch)
            .word(*rev)
            .word(self.features_version)
            .time(self.learned_until)
            .time(self.swept_at);
        let zone = if *rules < 3 { zone } else { zone.word(u64::from(*rules)) };
        let zone = self.policy_said.into_iter().fold(zone, |zone, said| zone.word(0x504f_4c49).said(said));
        // Logs of before there were any keep their digests.
        if self.arrivals.is_empty() {
            return zone.finish();
        }
        let ends = |hash: Canon, &ArrivalEnds { lead, early, late, arrivals }: &ArrivalEnds| {
            [u64::from(lead), early as u64, late as u64, u64::from(arrivals)].into_iter().fold(hash, Canon::word)
        };
        zone.list(&self.arrivals, ends).finish()
    }

    /// Replaces one summand of the digest.
    pub(crate) fn resum(&mut self, old: u64, new: u64) {
        self.digest_sum = self.digest_sum.wrapping_sub(old).wrapping_add(new);
    }

    /// Brings the sums up to date for one order.
    pub(crate) fn redigest_order(&mut self, id: OrderId) {
        let new = self.order_digest(&self.orders[id.index()]);
        let old = self.orders[id.index()].digests;
        if old != new {
            self.orders[id.index()].digests = new;
            self.resum(old.0, new.0);
            self.facts_sum = self.facts_sum.wrapping_sub(old.1).wrapping_add(new.1);
        }
    }

    /// Brings the sums up to date for one vehicle.
    pub(crate) fn redigest_vehicle(&mut self, id: VehicleId) {
        let new = self.vehicle_digest(&self.vehicles[id.index()]);
        let old = self.vehicles[id.index()].digests;
        if old != new {
            self.vehicles[id.index()].digests = new;
            self.resum(old.0, new.0);
            self.facts_sum = self.facts_sum.wrapping_sub(old.1).wrapping_add(new.1);
        }
    }

    /// Brings the sum up to date for the zone, its policy, its chain and the versions of what was learned.
    pub(crate) fn redigest_zone(&mut self) {
        let new = self.zone_digest();
        let old = std::mem::replace(&mut self.zone_sum, new);
        self.resum(old, new);
    }

    /// The sums computed anew from every entity: the slow obvious way, for checks.
    pub fn digests_recounted(&self) -> (u64, u64) {
        let orders = self.orders.iter().map(|order| self.order_digest(order));
        let vehicles = self.vehicles.iter().map(|vehicle| self.vehicle_digest(vehicle));
        let (full, facts) = orders
            .chain(vehicles)
            .fold((0u64, 0u64), |(full, facts), (f, g)| (full.wrapping_add(f), facts.wrapping_add(g)));
        let others = self
            .roads
            .values()
            .map(road_digest)
            .chain(self.speeds.values().map(speed_digest))
            .chain(self.services.values().map(service_digest))
            .chain(self.unanswered.iter().map(|(&seq, ask)| self.ask_digest(seq, ask)))
            .chain(self.alerts.iter().map(|(alert, state)| alert_digest(alert, state)))
            .chain([self.zone_digest()]);
        (others.fold(full, u64::wrapping_add), facts)
    }
}
