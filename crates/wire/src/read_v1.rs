//! Payloads of version 1 as legal values: what the JSON says, checked field by field.

use fleetfold_model::{
    ArrivalEnds, Attention, BaseWritten, Break, BreakEvent, Cell, Depot, Diversion, DrivingRule, FailReason, Features,
    Freeze, Job, LoadDirection, LogSeq, Millis, Name, Noted, NotedItem, OnBoardRule, Order, OrderChange, OrderRetry,
    OrderWork, Person, Pin, Policy, Position, Reload, ReloadEvent, RepairAsked, RoadChange, RoadTarget, ServiceFeature,
    Shift, Shipment, Space, SpeedFeature, SpeedKey, StopEvent, StopKind, StopSpec, TimeWindow, Timestamp, Vehicle,
    VehicleCosts, VehicleLocated, ZoneOpened,
};

use crate::decode::{Result, bad};
use crate::event_v1::{
    ArrivalEndsV1, BaseV1, BreakEventV1, BreakV1, CLASSES, DrivingTimeV1, FeaturesV1, ForgottenV1, JobV1, LocatedV1,
    NotedV1, OrderRefV1, OrderRetryV1, OrderV1, PinV1, PlaceV1, PolicyV1, ReloadEventV1, ReloadV1, RepairV1, RoadV1,
    ServiceV1, ShiftV1, SpeedV1, StopEventV1, StopV1, VehicleRefV1, VehicleV1, WindowV1, ZoneV1,
};
use crate::fields::{
    SPAN_SECONDS_MAX, Shown, instant, load, money, name, optional_instant, place, priority, seconds, skills, window,
};
use crate::labels::Labels;
use crate::plan_v1::hex;

/// Most time windows of a stop.
const WINDOWS_MAX: usize = 16;
/// Most depots of a vehicle, and most times that it may be loaded at them in one shift.
const DEPOTS_MAX: usize = 8;
const RELOADS_MAX: u32 = 100;
/// Most roads, edges or corners of a road change.
const ROADS_MAX: usize = 2_000;
/// Within how many metres of a line a road is meant by it, if the event does not say: half a wide street (guess).
const LINE_METRES: u32 = 15;

fn stop(field: &str, raw: &StopV1) -> Result<StopSpec> {
    if raw.windows.len() > WINDOWS_MAX {
        return bad(field, format!("{} windows; at most {WINDOWS_MAX}", raw.windows.len()));
    }
    let windows: Vec<TimeWindow> = raw
        .windows
        .iter()
        .enumerate()
        .map(|(index, raw)| window(&format!("{field}.windows[{index}]"), raw))
        .collect::<Result<_>>()?;
    if windows.windows(2).any(|pair| pair[0].closes() >= pair[1].opens()) {
        return bad(field, "time windows must be in order and must not touch");
    }
    Ok(StopSpec {
        position: place(field, &raw.place)?,
        windows,
        service: seconds(&format!("{field}.service_seconds"), raw.service_seconds)?,
        setup: seconds(&format!("{field}.setup_seconds"), raw.setup_seconds)?,
    })
}

fn work(raw: &OrderV1) -> Result<Option<OrderWork>> {
    match (&raw.job, &raw.shipment) {
        (Some(JobV1 { stop: raw, direction }), None) => {
            let direction = match direction.as_str() {
                "delivery" => LoadDirection::Delivery,
                "pickup" => LoadDirection::Pickup,
                other => return bad("job.direction", format!("`{other}` is neither `delivery` nor `pickup`")),
            };
            Ok(Some(OrderWork::Job(Job { stop: stop("job.stop", raw)?, direction })))
        }
        (None, Some(shipment)) => Ok(Some(OrderWork::Shipment(Shipment {
            pickup: stop("shipment.pickup", &shipment.pickup)?,
            delivery: stop("shipment.delivery", &shipment.delivery)?,
        }))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => bad("job", "an order is a job or a shipment, not both"),
    }
}

pub(crate) fn order(raw: &OrderV1, at: Timestamp) -> Result<Order> {
    labels(raw)?;
    let Some(work) = work(raw)? else { return bad("job", "an order needs a `job` or a `shipment`") };
    Ok(Order {
        name: name("order_id", &raw.order_id)?,
        work,
        load: load("load", raw.load.as_deref().unwrap_or(&[]), 0)?,
        skills: skills(raw.skills.as_deref().unwrap_or(&[]))?,
        priority: priority(raw.priority.unwrap_or(0))?,
        release: optional_instant("release_time", raw.release_time.as_ref())?,
        promised: optional_instant("promised_time", raw.promised_time.as_ref())?,
        placed: optional_instant("placed_time", raw.placed_time.as_ref())?.unwrap_or(at),
    })
}

/// What people call an order and its stops. It decides nothing, so that it is no part of [`Order`].
pub(crate) fn labels(raw: &OrderV1) -> Result<Labels> {
    let (pickup, delivery) = match (&raw.job, &raw.shipment) {
        (Some(job), _) => (None, words("job.stop.address", job.stop.address.as_ref())?),
        (None, Some(shipment)) => (
            words("shipment.pickup.address", shipment.pickup.address.as_ref())?,
            words("shipment.delivery.address", shipment.delivery.address.as_ref())?,
        ),
        (None, None) => (None, None),
    };
    Ok(Labels { reference: words("reference", raw.reference.as_ref())?, pickup, delivery, sender: None })
}

pub(crate) fn order_change(raw: &OrderV1) -> Result<OrderChange> {
    labels(raw)?;
    Ok(OrderChange {
        order: name("order_id", &raw.order_id)?,
        work: work(raw)?,
        load: raw.load.as_ref().map(|values| load("load", values, 0)).transpose()?,
        skills: raw.skills.as_ref().map(|names| skills(names)).transpose()?,
        priority: raw.priority.map(priority).transpose()?,
        release: optional_instant("release_time", raw.release_time.as_ref())?,
        promised: optional_instant("promised_time", raw.promised_time.as_ref())?,
    })
}

pub(crate) fn order_ref(raw: &OrderRefV1) -> Result<Name> {
    name("order_id", &raw.order_id)
}

pub(crate) fn pin(raw: &PinV1) -> Result<Pin> {
    Ok(Pin { order: name("order_id", &raw.order_id)?, vehicle: name("vehicle_id", &raw.vehicle_id)? })
}

/// Most characters of words for people.
const WORDS_MAX: usize = 256;

/// Words for people: none, or a line of text that is not too long.
pub(crate) fn words(field: &str, text: Option<&String>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    if text.chars().count() > WORDS_MAX {
        return bad(field, format!("it has {} characters, {WORDS_MAX} are the most", text.chars().count()));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return bad(field, "it has control characters");
    }
    Ok(Some(text.clone()))
}

pub(crate) fn noted(raw: &NotedV1) -> Result<Noted> {
    let item = match (&raw.order_id, &raw.vehicle_id, raw.entry_seq) {
        (Some(order), None, None) => NotedItem::Order(name("order_id", order)?),
        (None, Some(vehicle), None) => NotedItem::Vehicle(name("vehicle_id", vehicle)?),
        (None, None, Some(seq)) => NotedItem::Entry(seq),
        _ => return bad("order_id", "a note is about exactly one of `order_id`, `vehicle_id` and `entry_seq`"),
    };
    let attention = match raw.attention.as_str() {
        "acknowledged" => Attention::Acknowledged,
        "snoozed" => Attention::Snoozed,
        "cleared" => Attention::Cleared,
        other => return bad("attention", format!("`{other}` is neither `acknowledged`, `snoozed` nor `cleared`")),
    };
    let until = optional_instant("until_time", raw.until_time.as_ref())?;
    let (by, said) = (words("by", raw.by.as_ref())?, words("words", raw.words.as_ref())?);
    Ok(Noted { item, attention, until, by, words: said })
}

pub(crate) fn forgotten(raw: &ForgottenV1) -> Result<Person> {
    match (&raw.order_id, &raw.vehicle_id) {
        (Some(order), None) => Ok(Person::Order(name("order_id", order)?)),
        (None, Some(vehicle)) => Ok(Person::Driver(name("vehicle_id", vehicle)?)),
        _ => bad("order_id", "say who is to be forgotten: exactly one of `order_id` and `vehicle_id`"),
    }
}

pub(crate) fn shift(raw: &ShiftV1) -> Result<Shift> {
    let (starts, ends) = (instant("shift.starts", &raw.starts)?, instant("shift.ends", &raw.ends)?);
    if ends < starts {
        return bad("shift.ends", "the shift ends before it starts");
    }
    let breaks = raw.breaks.iter().enumerate().map(|(index, raw): (usize, &BreakV1)| {
        let (field, period) =
            (format!("shift.breaks[{index}]"), WindowV1 { opens: raw.opens.clone(), closes: raw.closes.clone() });
        Ok(Break {
            window: window(&field, &period)?,
            duration: seconds(&format!("{field}.duration_seconds"), raw.duration_seconds)?,
        })
    });
    Ok(Shift { starts, ends, breaks: breaks.collect::<Result<_>>()? })
}

pub(crate) fn vehicle(raw: &VehicleV1) -> Result<Vehicle> {
    if raw.reload.is_some() && raw.driving_time.is_some() {
        return bad("reload", "a vehicle with `driving_time` cannot be planned with depots yet: leave one of them out");
    }
    let factor = raw.speed_factor.unwrap_or(1.0);
    if !(factor.is_finite() && (0.1..=5.0).contains(&factor)) {
        return bad("speed_factor", format!("{} is not between 0.1 and 5", Shown(factor)));
    }
    let costs = raw.costs.map_or(Ok(VehicleCosts::default()), |costs| {
        Ok(VehicleCosts {
            per_hour: money("costs.per_hour", costs.per_hour)?,
            per_km: money("costs.per_km", costs.per_km)?,
            fixed: money("costs.fixed", costs.fixed)?,
        })
    })?;
    Ok(Vehicle {
        name: name("vehicle_id", &raw.vehicle_id)?,
        // A dimension that is not given is not limited.
        capacity: load("capacity", raw.capacity.as_deref().unwrap_or(&[]), i32::MAX / 4)?,
        skills: skills(&raw.skills)?,
        costs,
        time_factor: (1000.0 / factor).round() as u16,
        start: place("start", &raw.start)?,
        end: raw.end.as_ref().map(|end| place("end", end)).transpose()?,
        shift: raw.shift.as_ref().map(shift).transpose()?,
        stops_max: raw.stops_max,
        lifo: raw.lifo,
        driving_time: raw.driving_time.as_ref().map(driving_time).transpose()?,
        reload: raw.reload.as_ref().map(reload_places).transpose()?,
    })
}

fn reload_places(raw: &ReloadV1) -> Result<Reload> {
    if raw.places.is_empty() || raw.places.len() > DEPOTS_MAX {
        return bad("reload.places", format!("{} depots: name 1 to {DEPOTS_MAX}", raw.places.len()));
    }
    if let Some(times) = raw.max_times.filter(|times| !(1..=RELOADS_MAX).contains(times)) {
        return bad("reload.max_times", format!("{times} is not between 1 and {RELOADS_MAX}"));
    }
    let mut places: Vec<Depot> = Vec::with_capacity(raw.places.len());
    for (index, raw) in raw.places.iter().enumerate() {
        let field = format!("reload.places[{index}]");
        let position = place(&field, &raw.place)?;
        if places.iter().any(|depot| depot.position == position) {
            return bad(&field, "another depot of this vehicle is at the same place");
        }
        places.push(Depot {
            name: raw.name.as_ref().map(|text| name(&format!("{field}.name"), text)).transpose()?,
            position,
            service: seconds(&format!("{field}.service_seconds"), raw.service_seconds)?,
        });
    }
    Ok(Reload { places, times_max: raw.max_times })
}

fn driving_time(raw: &DrivingTimeV1) -> Result<DrivingRule> {
    let mut rule = match raw.rule.as_deref() {
        Some("eu_561") => DrivingRule::EU_561,
        Some("us_hos") => DrivingRule::US_HOS,
        Some(other) => return bad("driving_time.rule", format!("`{other}` is neither `eu_561` nor `us_hos`")),
        None if raw.driving_max_seconds.is_none() || raw.break_seconds.is_none() => {
            return bad("driving_time", "it needs a `rule`, or `driving_max_seconds` and `break_seconds`");
        }
        None => DrivingRule {
            driving_max: Millis(0),
            pause: Millis(0),
            first_part: Millis(0),
            service_counts: false,
            shift_driving_max: None,
            duty_max: None,
        },
    };
    let span = |field: &str, value: Option<f64>, least: f64| {
        let Some(value) = value else { return Ok(None) };
        let field = format!("driving_time.{field}");
        // To the millisecond, as it is kept.
        if (value * 1000.0).round() < least * 1000.0 || value > SPAN_SECONDS_MAX {
            return bad(&field, format!("{} is not between {least} and {SPAN_SECONDS_MAX} seconds", Shown(value)));
        }
        seconds(&field, value).map(Some)
    };
    rule.driving_max = span("driving_max_seconds", raw.driving_max_seconds, 60.0)?.unwrap_or(rule.driving_max);
    rule.pause = span("break_seconds", raw.break_seconds, 1.0)?.unwrap_or(rule.pause);
    rule.first_part = span("first_part_seconds", raw.first_part_seconds, 0.0)?.unwrap_or(rule.first_part);
    rule.service_counts = raw.service_counts.unwrap_or(rule.service_counts);
    let in_shift = span("shift_driving_max_seconds", raw.shift_driving_max_seconds, 60.0)?;
    rule.shift_driving_max = in_shift.or(rule.shift_driving_max);
    rule.duty_max = span("duty_max_seconds", raw.duty_max_seconds, 60.0)?.or(rule.duty_max);
    if rule.first_part >= rule.pause {
        let (first, whole) = (rule.first_part.0 as f64 / 1000.0, rule.pause.0 as f64 / 1000.0);
        let what =
            format!("the first part of a break, {first} seconds, must be shorter than the whole, {whole} seconds");
        return if raw.first_part_seconds.is_some() {
            bad("driving_time.first_part_seconds", what)
        } else {
            // The first part is that of the rule.
            bad("driving_time.break_seconds", format!("{what}; say `first_part_seconds` too (0: in one part only)"))
        };
    }
    Ok(rule)
}

/// The vehicle, and where it is if the event says so.
pub(crate) fn vehicle_ref(raw: &VehicleRefV1) -> Result<(Name, Option<Position>)> {
    let position = raw.position.as_ref().map(|position| place("position", position)).transpose()?;
    Ok((name("vehicle_id", &raw.vehicle_id)?, position))
}

pub(crate) fn stop_event(raw: &StopEventV1, at: Timestamp) -> Result<(StopEvent, FailReason)> {
    let stop = match raw.stop.as_str() {
        "pickup" => StopKind::Pickup,
        "delivery" => StopKind::Delivery,
        other => return bad("stop", format!("`{other}` is neither `pickup` nor `delivery`")),
    };
    let reason = match raw.reason.as_deref() {
        Some("no_show") => FailReason::NoShow,
        Some("refused") => FailReason::Refused,
        Some("no_access") => FailReason::NoAccess,
        Some("goods") => FailReason::Goods,
        Some("other") | None => FailReason::Other,
        Some(other) => return bad("reason", format!("`{other}`: use no_show, refused, no_access, goods or other")),
    };
    let event = StopEvent {
        vehicle: name("vehicle_id", &raw.vehicle_id)?,
        order: name("order_id", &raw.order_id)?,
        stop,
        at,
        position: raw.position.as_ref().map(|position| place("position", position)).transpose()?,
    };
    Ok((event, reason))
}

pub(crate) fn road(raw: &RoadV1, needs_target: bool) -> Result<RoadChange> {
    let lists = [raw.roads.len(), raw.edges.len(), raw.area.len(), raw.line.len()];
    if lists.iter().any(|&length| length > ROADS_MAX) {
        return bad("roads", format!("at most {ROADS_MAX} roads, edges or corners"));
    }
    if raw.within_meters.is_some_and(|metres| !(1..=5_000).contains(&metres)) {
        return bad("within_meters", "between 1 and 5,000");
    }
    let places = |field: &str, places: &[PlaceV1]| {
        places.iter().map(|corner| place(field, corner)).collect::<Result<Vec<Position>>>()
    };
    let target = match lists.map(|length| length > 0) {
        [true, false, false, false] => Some(RoadTarget::Roads(raw.roads.clone())),
        [false, true, false, false] => Some(RoadTarget::Edges(raw.edges.clone())),
        [false, false, true, false] => {
            let ring = places("area", &raw.area)?;
            outline("area", &ring, true)?;
            Some(RoadTarget::Area(ring))
        }
        [false, false, false, true] => {
            let line = places("line", &raw.line)?;
            outline("line", &line, false)?;
            Some(RoadTarget::Line { places: line, metres: raw.within_meters.unwrap_or(LINE_METRES) })
        }
        [false, false, false, false] if !needs_target => None,
        [false, false, false, false] => {
            return bad("roads", "say which: `roads` by id, `edges` by number, an `area` or a `line`");
        }
        _ => return bad("roads", "one of `roads`, `edges`, `area` and `line`, not several"),
    };
    if raw.time_percent.is_some_and(|percent| !(1..=10_000).contains(&percent)) {
        return bad("time_percent", "between 1 and 10,000");
    }
    Ok(RoadChange {
        change: name("change_id", &raw.change_id)?,
        target,
        time_percent: raw.time_percent,
        from: optional_instant("from_time", raw.from_time.as_ref())?,
        until: optional_instant("until_time", raw.until_time.as_ref())?,
    })
}

/// Checks the corners of an area (`ring`) or of a line: enough of them, no sides that cross, and not over the antimeridian.
fn outline(field: &str, corners: &[Position], ring: bool) -> Result<()> {
    let least = if ring { 3 } else { 2 };
    let open = if ring && corners.first() == corners.last() { &corners[1..] } else { corners };
    if open.len() < least {
        return bad(field, format!("at least {least} corners"));
    }
    let around = |pair: (&Position, &Position)| (i64::from(pair.0.x) - i64::from(pair.1.x)).abs() > 1_800_000_000;
    let closing = (&open[open.len() - 1], &open[0]);
    if open.windows(2).any(|pair| around((&pair[0], &pair[1]))) || ring && around(closing) {
        return bad(field, "it crosses the antimeridian: publish one change on either side of it");
    }
    if let Some((first, second)) = ring.then(|| crossing(open)).flatten() {
        return bad(
            field,
            format!(
                "the sides from corner {} and from corner {} cross: give the corners in order around the area",
                first + 1,
                second + 1
            ),
        );
    }
    Ok(())
}

/// The first two sides of a ring that cross each other, named by the corners they begin at.
fn crossing(ring: &[Position]) -> Option<(usize, usize)> {
    let away = |a: Position, b: Position| (i128::from(b.x) - i128::from(a.x), i128::from(b.y) - i128::from(a.y));
    let turn = |a: Position, b: Position, c: Position| {
        let (ab, ac) = (away(a, b), away(a, c));
        (ab.0 * ac.1 - ab.1 * ac.0).signum()
    };
    let side = |at: usize| (ring[at], ring[(at + 1) % ring.len()]);
    (0..ring.len()).find_map(|first| {
        let (a, b) = side(first);
        let crosses = |&second: &usize| {
            let (c, d) = side(second);
            turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0
        };
        (first + 1..ring.len()).find(crosses).map(|second| (first, second))
    })
}

pub(crate) fn zone(raw: &ZoneV1) -> Result<ZoneOpened> {
    if jiff::tz::TimeZone::get(&raw.timezone).is_err() {
        return bad("timezone", format!("`{}` is not an IANA time zone such as Europe/Lisbon", raw.timezone));
    }
    let space = match raw.coordinates.as_str() {
        "lonlat" => Space::Geographic,
        "planar" => Space::Planar,
        other => return bad("coordinates", format!("`{other}` is neither `lonlat` nor `planar`")),
    };
    if !(1..=3600).contains(&raw.rate) {
        return bad("rate", "between 1 and 3600 zone seconds per second");
    }
    let day_start = instant("day_start", &raw.day_start)?;
    let offset = jiff::tz::TimeZone::get(&raw.timezone)
        .ok()
        .zip(jiff::Timestamp::from_millisecond(day_start.0).ok())
        .map_or(0, |(zone, at)| zone.to_offset(at).seconds());
    Ok(ZoneOpened {
        timezone: raw.timezone.clone(),
        space,
        day_start,
        utc_offset: Millis(i64::from(offset) * 1000),
        log_start: instant("log_start", &raw.log_start)?,
        rate: raw.rate,
        policy: policy(&raw.policy)?,
    })
}

fn on_board_rule(field: &str, text: Option<&String>, default: OnBoardRule) -> Result<OnBoardRule> {
    match text.map(String::as_str) {
        None => Ok(default),
        Some("return") => Ok(OnBoardRule::Return),
        Some("keep") => Ok(OnBoardRule::Keep),
        Some(other) => bad(field, format!("`{other}` is neither `return` nor `keep`")),
    }
}

pub(crate) fn policy(raw: &PolicyV1) -> Result<Policy> {
    let default = Policy::default();
    let amount = |field: &str, value: Option<f64>, default: i64| value.map_or(Ok(default), |value| money(field, value));
    let span =
        |field: &str, value: Option<f64>, default: Millis| value.map_or(Ok(default), |value| seconds(field, value));
    let rounds = raw.search_rounds.unwrap_or(default.search_rounds);
    if rounds > 10_000 {
        return bad("search_rounds", "at most 10,000");
    }
    let unserved_cost = amount("unserved_cost", raw.unserved_cost, default.unserved_cost)?;
    Ok(Policy {
        unserved_cost: unserved_cost.min(1_000_000_000_000),
        lateness_cost_per_hour: amount(
            "lateness_cost_per_hour",
            raw.lateness_cost_per_hour,
            default.lateness_cost_per_hour,
        )?,
        flow_cost_per_hour: amount("flow_cost_per_hour", raw.flow_cost_per_hour, default.flow_cost_per_hour)?,
        coverage_cost_per_hour: amount(
            "coverage_cost_per_hour",
            raw.coverage_cost_per_hour,
            default.coverage_cost_per_hour,
        )?,
        change_cost: amount("change_cost", raw.change_cost, default.change_cost)?,
        publish_gain_min: amount("publish_gain_min", raw.publish_gain_min, default.publish_gain_min)?,
        departure_margin: span("departure_margin_seconds", raw.departure_margin_seconds, default.departure_margin)?,
        on_cancelled_on_board: on_board_rule(
            "on_cancelled_on_board",
            raw.on_cancelled_on_board.as_ref(),
            default.on_cancelled_on_board,
        )?,
        on_failed_delivery: on_board_rule(
            "on_failed_delivery",
            raw.on_failed_delivery.as_ref(),
            default.on_failed_delivery,
        )?,
        deliver_after_shift: raw.deliver_after_shift.unwrap_or(default.deliver_after_shift),
        diversion: diversion(raw)?,
        one_pickup_place: raw.one_pickup_place.unwrap_or(default.one_pickup_place),
        add_after_departure: raw.add_after_departure.unwrap_or(default.add_after_departure),
        decide_every: period(raw.decide_every_seconds, default.decide_every)?,
        settle_on_arrival: raw.settle_on_arrival.unwrap_or(default.settle_on_arrival),
        notice: notice(raw.notice_seconds, default.notice)?,
        max_changes_per_hour: raw.max_changes_per_hour.or(default.max_changes_per_hour),
        freeze: match raw.freeze.as_deref() {
            None => default.freeze,
            Some("departed") => Freeze::Departed,
            Some("accepted") => Freeze::Accepted,
            Some(other) => return bad("freeze", format!("`{other}` is neither `departed` nor `accepted`")),
        },
        search_rounds: rounds,
        gather: span("gather_seconds", raw.gather_seconds, default.gather)?,
        learn: raw.learn.unwrap_or(default.learn),
        retire_after: retirement(raw.retire_after_seconds, default.retire_after)?,
        strict: raw.strict.unwrap_or(default.strict),
        alert_late: span("alert_late_seconds", raw.alert_late_seconds, default.alert_late)?,
        alert_deadline: span("alert_deadline_seconds", raw.alert_deadline_seconds, default.alert_deadline)?,
        alert_silent: span("alert_silent_seconds", raw.alert_silent_seconds, default.alert_silent)?,
        eta_change: span("eta_change_seconds", raw.eta_change_seconds, default.eta_change)?,
        hour_percent: hours(raw)?,
    })
}

fn diversion(raw: &PolicyV1) -> Result<Diversion> {
    let gain = raw.diversion_gain_min.map(|gain| money("diversion_gain_min", gain)).transpose()?;
    match (raw.diversion.as_deref(), gain) {
        (None | Some("saves_promise"), None) => Ok(Diversion::SavesPromise),
        (Some("never"), None) => Ok(Diversion::Never),
        (Some("saves_cost"), Some(gain)) => Ok(Diversion::Saves(gain)),
        (Some("saves_cost"), None) => {
            bad("diversion_gain_min", "is missing: with `saves_cost` it says how much cheaper the plan must become")
        }
        (None | Some("saves_promise" | "never"), Some(_)) => {
            bad("diversion_gain_min", "goes with `\"diversion\": \"saves_cost\"` only")
        }
        (Some(other), _) => bad("diversion", format!("`{other}` is none of `never`, `saves_promise`, `saves_cost`")),
    }
}

/// How long closed orders stay in the state. At least a minute, because late reports about an order must still find it; at most
/// a year, because the state must not grow for ever.
fn retirement(seconds: Option<f64>, default: Millis) -> Result<Millis> {
    match seconds {
        None => Ok(default),
        Some(seconds) if (60.0..=31_622_400.0).contains(&seconds) => Ok(Millis((seconds * 1000.0).round() as i64)),
        Some(seconds) => {
            bad("retire_after_seconds", format!("{} is not between 60 seconds and 366 days", Shown(seconds)))
        }
    }
}

/// How often decisions are taken. A change that waits for more than a day would be a zone that does not answer.
fn period(seconds: Option<f64>, default: Millis) -> Result<Millis> {
    match seconds {
        None => Ok(default),
        Some(seconds) if seconds == 0.0 || (1.0..=86_400.0).contains(&seconds) => {
            Ok(Millis((seconds * 1000.0).round() as i64))
        }
        Some(seconds) => {
            bad("decide_every_seconds", format!("{} is neither 0 nor between a second and a day", Shown(seconds)))
        }
    }
}

/// How long before a departure a driver's next stop is settled. More than a day would be a plan that never changes.
fn notice(seconds: Option<f64>, default: Millis) -> Result<Millis> {
    match seconds {
        None => Ok(default),
        Some(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Millis((seconds * 1000.0).round() as i64)),
        Some(seconds) => bad("notice_seconds", format!("{} is not between 0 and a day", Shown(seconds))),
    }
}

fn class(field: &str, name: &str) -> Result<u8> {
    CLASSES.iter().position(|&known| known == name).map_or_else(
        || bad(field, format!("`{name}` is no class of road: use motorway, arterial or street")),
        |class| Ok(class as u8),
    )
}

fn hours(raw: &PolicyV1) -> Result<[[u16; 24]; 3]> {
    let mut hours = [[100; 24]; 3];
    for (name, percents) in &raw.hour_percent {
        let class = class("hour_percent", name)?;
        let percents: [u16; 24] = match percents.as_slice().try_into() {
            Ok(percents) => percents,
            Err(_) => return bad("hour_percent", format!("`{name}` has {} hours, not 24", percents.len())),
        };
        if percents.iter().any(|percent| !(10..=1_000).contains(percent)) {
            return bad("hour_percent", format!("`{name}`: per cent of travel time between 10 and 1,000"));
        }
        hours[usize::from(class)] = percents;
    }
    Ok(hours)
}

pub(crate) fn features(raw: &FeaturesV1) -> Result<Features> {
    let speed = |speed: &SpeedV1| -> Result<SpeedFeature> {
        if speed.hour > 23 || !(1..=100_000).contains(&speed.permille) {
            return bad("speeds", "an hour from 0 to 23, and 1 to 100,000 thousandths");
        }
        let cell = speed.cell.map(|[x, y]| Cell { x, y });
        Ok(SpeedFeature {
            key: SpeedKey { class: class("speeds", &speed.class)?, cell, hour: speed.hour },
            permille: speed.permille,
            count: speed.count,
            weight: speed.weight_seconds,
            seen: instant("speeds", &speed.seen)?,
        })
    };
    let service = |service: &ServiceV1| -> Result<ServiceFeature> {
        Ok(ServiceFeature {
            place: place("services", &service.place)?,
            service: seconds("services", service.service_seconds)?,
            count: service.count,
            seen: instant("services", &service.seen)?,
        })
    };
    let ends = |ends: &ArrivalEndsV1| -> Result<ArrivalEnds> {
        let &ArrivalEndsV1 { lead, early_permille: early, late_permille: late, arrivals } = ends;
        if early >= late || early < -20_000 || late > 20_000 {
            return bad("arrivals", "an early end before a late one, both within 20,000 thousandths");
        }
        Ok(ArrivalEnds { lead, early, late, arrivals })
    };
    if raw.arrivals.len() > 64 || !raw.arrivals.windows(2).all(|pair| pair[0].lead < pair[1].lead) {
        return bad("arrivals", "at most 64, by ascending `lead`");
    }
    Ok(Features {
        version: raw.version,
        watermark: instant("watermark", &raw.watermark)?,
        speeds: raw.speeds.iter().map(speed).collect::<Result<_>>()?,
        services: raw.services.iter().map(service).collect::<Result<_>>()?,
        arrivals: raw.arrivals.iter().map(ends).collect::<Result<_>>()?,
        epoch: raw.epoch,
    })
}

pub(crate) fn located(raw: &LocatedV1) -> Result<VehicleLocated> {
    Ok(VehicleLocated {
        vehicle: name("vehicle_id", &raw.vehicle_id)?,
        position: place("position", &raw.position)?,
        at: instant("at_time", &raw.at_time)?,
        of: LogSeq(raw.of_seq),
        epoch: raw.epoch,
    })
}

pub(crate) fn base(raw: BaseV1) -> Result<BaseWritten> {
    Ok(BaseWritten {
        applied: LogSeq(raw.applied_seq),
        format: raw.format,
        digest: hex("digest", &raw.digest)?,
        object: raw.object,
        hash: raw.hash,
        bytes: raw.size_bytes,
        epoch: raw.epoch,
    })
}

pub(crate) fn repair(raw: RepairV1) -> Result<RepairAsked> {
    let names = |field: &str, ids: &[String]| ids.iter().map(|id| name(field, id)).collect::<Result<Vec<_>>>();
    Ok(RepairAsked {
        orders: names("order_ids", &raw.order_ids)?,
        vehicles: names("vehicle_ids", &raw.vehicle_ids)?,
        what: raw.what,
        epoch: raw.epoch,
    })
}

pub(crate) fn retry(raw: &OrderRetryV1, at: Timestamp) -> Result<OrderRetry> {
    let from = optional_instant("retry_at", raw.retry_at.as_ref())?.unwrap_or(at);
    let window = raw.window.as_ref().map(|raw| window("window", raw)).transpose()?;
    if window.is_some_and(|window| window.closes() < from) {
        return bad("window.closes", "is before `retry_at`: nobody could serve it in time");
    }
    let promised = optional_instant("promised_time", raw.promised_time.as_ref())?;
    Ok(OrderRetry { order: name("order_id", &raw.order_id)?, from, window, promised })
}

pub(crate) fn reload(raw: &ReloadEventV1, at: Timestamp) -> Result<ReloadEvent> {
    let position = raw.position.as_ref().map(|raw| place("position", raw)).transpose()?;
    Ok(ReloadEvent { vehicle: name("vehicle_id", &raw.vehicle_id)?, at, position })
}

pub(crate) fn pause(raw: &BreakEventV1, at: Timestamp) -> Result<BreakEvent> {
    let duration = raw.duration_seconds.map(|given| seconds("duration_seconds", given)).transpose()?;
    let position = raw.position.as_ref().map(|raw| place("position", raw)).transpose()?;
    Ok(BreakEvent { vehicle: name("vehicle_id", &raw.vehicle_id)?, at, duration, position })
}
