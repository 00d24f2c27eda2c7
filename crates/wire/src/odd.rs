//! Legal values that are probably mistakes: limits of nothing, windows that are over, spans in the wrong unit, clocks that run
//! ahead, places in the coordinates of another zone.
//!
//! Nothing here changes what an event means. What an event shows by itself is found with [`odd`]; what only the zone can tell,
//! with [`odd_in_zone`] and [`other_coordinates`].

use fleetfold_model::{
    Event, Millis, OrderWork, Policy, RoadChange, Shift, SlotHeld, Space, StopSpec, TimeWindow, Timestamp, Vehicle,
};
use serde_json::Value;

use crate::decode::What;
use crate::envelope::CloudEvent;
use crate::event_type::{EventType, Writer};
use crate::fields::instant;
use crate::warning::Warning;

/// Most odd values reported of one event.
const WARNINGS_MAX: usize = 20;
/// A longer service or set-up is probably given in milliseconds or minutes (guess: half a working day).
const SERVICE_MAX: Millis = Millis(4 * 3_600_000);
/// A shorter break is probably given in minutes.
const BREAK_MIN: Millis = Millis(60_000);
/// Milliseconds that a second of travel may become through the speed factor without a question: factors from 0.5 to 2.
const TIME_FACTORS: std::ops::RangeInclusive<u16> = 500..=2_000;
/// An event may be so much ahead of its zone before its clock is doubted.
const AHEAD_MAX: Millis = Millis(3_600_000);
/// A dimension of a load that is not limited has at least this, thousandths.
const UNLIMITED: i32 = i32::MAX / 4;

/// The id of something new that no address of HTTP can name: in a path `.` and `..` are a way through it, also percent-encoded.
pub fn unnameable(event: &Event) -> Option<Warning> {
    let (field, name) = if let Event::OrderCreated(order) | Event::SlotHeld(SlotHeld { order, .. }) = event {
        ("order_id", &order.name)
    } else if let Event::VehicleRegistered(vehicle) = event {
        ("vehicle_id", &vehicle.name)
    } else {
        return None;
    };
    let is_way = [".", ".."].contains(&name.as_str());
    is_way.then(|| Warning::odd_value(field, format!("{name}: no address of HTTP can name it, so no page can show it")))
}

/// The odd values that an event shows by itself; none for the engine's own types. `at`: the event's own time.
pub(crate) fn odd(kind: EventType, at: Timestamp, what: &What, data: &Value) -> Vec<Warning> {
    let mut found = Found(Vec::new());
    match kind.writer() {
        Writer::Engine => return found.0,
        Writer::Producer => {}
    }
    let event = match what {
        What::Event(event) => event,
        What::Position(..) => {
            null_island(kind, data, &mut found);
            return found.0;
        }
    };
    found.0.extend(unnameable(event));
    match event {
        Event::OrderCreated(order) => {
            work(&order.work, at, &mut found);
            times(Some(&order.work), order.release, order.promised, at, &mut found);
        }
        Event::SlotHeld(held) => {
            work(&held.order.work, at, &mut found);
            times(Some(&held.order.work), held.order.release, held.order.promised, at, &mut found);
        }
        Event::OrderUpdated(change) => {
            if let Some(changed) = &change.work {
                work(changed, at, &mut found);
            }
            times(change.work.as_ref(), change.release, change.promised, at, &mut found);
        }
        Event::VehicleRegistered(registered) => vehicle(registered, at, &mut found),
        Event::ShiftStarted { shift: Some(started), .. } => shift(started, at, &mut found),
        Event::RoadClosed(change) => road(change, at, &mut found),
        Event::RoadSlowed(change) => {
            road(change, at, &mut found);
            slowed(change, &mut found);
        }
        Event::ZoneOpened(zone) => policy("policy.", &zone.policy, &mut found),
        Event::PolicyChanged(changed) => policy("", changed, &mut found),
        Event::ShiftStarted { shift: None, .. }
        | Event::OrderReady { .. }
        | Event::OrderCancelled { .. }
        | Event::ShiftEnded { .. }
        | Event::VehicleLost { .. }
        | Event::VehicleBack { .. }
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
        | Event::AttentionNoted(_)
        | Event::PlanProposed(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_)
        | Event::RepairAsked(_)
        | Event::OrderRetried(_)
        | Event::OrderConfirmed { .. }
        | Event::BreakStarted(_)
        | Event::BreakEnded(_)
        | Event::ReloadStarted(_)
        | Event::ReloadEnded(_)
        | Event::HoldEnded(_)
        | Event::AlertRaised(_)
        | Event::AlertCleared(_)
        | Event::AlertAcknowledged(_)
        | Event::PersonForgotten(_) => {}
    }
    null_island(kind, data, &mut found);
    found.0
}

struct Found(Vec<Warning>);

impl Found {
    fn add(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < WARNINGS_MAX {
            self.0.push(Warning::odd_value(field, detail));
        }
    }

    fn add_if(&mut self, is_odd: bool, field: &str, detail: &str) {
        if is_odd {
            self.add(field, detail);
        }
    }
}

fn text(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

/// A span in the largest unit that fits, rounded down.
fn span(span: Millis) -> String {
    let minutes = span.0 / 60_000;
    let (count, unit) = match minutes {
        2_880.. => (minutes / 1_440, "days"),
        120.. => (minutes / 60, "hours"),
        _ => (minutes, "minutes"),
    };
    format!("{count} {unit}")
}

fn work(work: &OrderWork, at: Timestamp, found: &mut Found) {
    match work {
        OrderWork::Job(job) => stop("job.stop", &job.stop, at, found),
        OrderWork::Shipment(shipment) => {
            stop("shipment.pickup", &shipment.pickup, at, found);
            stop("shipment.delivery", &shipment.delivery, at, found);
            let (first, last) = (shipment.pickup.windows.first(), shipment.delivery.windows.last());
            if let (Some(first), Some(last)) = (first, last)
                && last.closes() < first.opens()
            {
                let detail = "the last window of the delivery is over before the first one of the pickup opens: it will be late or left out";
                found.add("shipment.delivery.windows", detail);
            }
        }
    }
}

fn over(windows: &[TimeWindow], at: Timestamp) -> bool {
    windows.last().is_some_and(|last| last.closes() < at)
}

fn stop(path: &str, stop: &StopSpec, at: Timestamp, found: &mut Found) {
    for (field, value) in [("service_seconds", stop.service), ("setup_seconds", stop.setup)] {
        if value > SERVICE_MAX {
            found.add(format!("{path}.{field}"), format!("{} at one stop; the value is taken as seconds", span(value)));
        }
    }
    if over(&stop.windows, at) {
        let detail = format!(
            "every window was over at the event's own time ({}); the order is taken, and this stop will be late or left out",
            text(at)
        );
        found.add(format!("{path}.windows"), detail);
    }
}

/// What the times of an order say of each other.
fn times(
    work: Option<&OrderWork>,
    release: Option<Timestamp>,
    promised: Option<Timestamp>,
    at: Timestamp,
    found: &mut Found,
) {
    if let Some(promised) = promised {
        let late = "the order is taken, and will be late or left out";
        if promised < at {
            found.add("promised_time", format!("it was over at the event's own time ({}); {late}", text(at)));
        } else if release.is_some_and(|release| promised < release) {
            found.add("promised_time", format!("it is before `release_time`; {late}"));
        }
    }
    let windows: &[TimeWindow] = match work {
        None => &[],
        Some(OrderWork::Job(job)) => &job.stop.windows,
        Some(OrderWork::Shipment(shipment)) => &shipment.pickup.windows,
    };
    if let Some(release) = release
        && over(windows, release)
    {
        found.add("release_time", "every window of the first stop is over by then; it will be late or left out");
    }
}

fn vehicle(vehicle: &Vehicle, at: Timestamp, found: &mut Found) {
    found.add_if(
        vehicle.stops_max == Some(0),
        "stops_max",
        "0: the vehicle can serve nothing; without the field there is no limit",
    );
    let given = vehicle.capacity.0.iter().filter(|&&limit| limit < UNLIMITED);
    found.add_if(
        given.clone().count() > 0 && given.clone().all(|&limit| limit == 0),
        "capacity",
        "0: the vehicle can carry no order that has a load; without the field there is no limit",
    );
    if !TIME_FACTORS.contains(&vehicle.time_factor) {
        let factor = f64::from(vehicle.time_factor) / 1000.0;
        let detail = format!(
            "every drive takes {factor:.2} times as long as the roads say; 1 is as the roads say, 2 is twice as fast"
        );
        found.add("speed_factor", detail);
    }
    if let Some(registered) = &vehicle.shift {
        shift(registered, at, found);
    }
}

fn shift(shift: &Shift, at: Timestamp, found: &mut Found) {
    if shift.ends <= shift.starts {
        found.add("shift.ends", "the shift ends when it starts: the vehicle gets no work in it");
    } else if shift.ends <= at {
        let detail =
            format!("the shift was over at the event's own time ({}): the vehicle gets no work in it", text(at));
        found.add("shift.ends", detail);
    }
    for (index, pause) in shift.breaks.iter().enumerate() {
        if pause.window.closes() < shift.starts || pause.window.opens() > shift.ends {
            found.add(format!("shift.breaks[{index}]"), "the break is not within the shift");
        }
        if pause.duration < BREAK_MIN {
            let detail = format!("a break of {} s; the value is taken as seconds", pause.duration.0 as f64 / 1000.0);
            found.add(format!("shift.breaks[{index}].duration_seconds"), detail);
        }
    }
}

fn road(change: &RoadChange, at: Timestamp, found: &mut Found) {
    if let Some(until) = change.until {
        let begins = change.from.map_or(at, |from| from.max(at));
        found.add_if(until <= begins, "until_time", "the change is over before it begins: it has no effect");
    }
}

fn slowed(change: &RoadChange, found: &mut Found) {
    if let Some(percent) = change.time_percent
        && percent <= 100
    {
        let effect = if percent == 100 { "has no effect" } else { "makes the road faster" };
        found.add(
            "time_percent",
            format!("{percent} per cent of the normal travel time {effect}; 150 is half as long again"),
        );
    }
}

fn policy(above: &str, policy: &Policy, found: &mut Found) {
    found.add_if(
        policy.unserved_cost == 0,
        &format!("{above}unserved_cost"),
        "0: an order that is left out costs nothing, so none needs to be served",
    );
}

/// Where a payload of a type has places: paths to objects, and to lists of objects.
fn place_paths(kind: EventType) -> &'static [&'static str] {
    match kind {
        EventType::OrderCreated | EventType::OrderUpdated | EventType::SlotHeld => {
            &["job.stop", "shipment.pickup", "shipment.delivery"]
        }
        EventType::VehicleRegistered => &["start", "end", "reload.places"],
        EventType::ShiftStarted
        | EventType::ShiftEnded
        | EventType::VehicleLost
        | EventType::VehicleBack
        | EventType::Position
        | EventType::StopDeparted
        | EventType::StopArrived
        | EventType::StopCompleted
        | EventType::StopFailed
        | EventType::BreakStarted
        | EventType::BreakEnded
        | EventType::ReloadStarted
        | EventType::ReloadEnded => &["position"],
        EventType::RoadClosed | EventType::RoadSlowed | EventType::RoadReopened => &["area", "line"],
        EventType::ZoneOpened
        | EventType::OrderReady
        | EventType::OrderCancelled
        | EventType::AssignmentAccepted
        | EventType::AssignmentRejected
        | EventType::StopPinned
        | EventType::StopUnpinned
        | EventType::AssignmentForced
        | EventType::PriorityRaised
        | EventType::AttentionNoted
        | EventType::PolicyChanged
        | EventType::PlanProposed
        | EventType::FeaturesLearned
        | EventType::VehicleLocated
        | EventType::BaseWritten
        | EventType::RepairAsked
        | EventType::OrderRetried
        | EventType::OrderConfirmed
        | EventType::HoldEnded
        | EventType::AlertRaised
        | EventType::AlertCleared
        | EventType::AlertAcknowledged
        | EventType::PersonForgotten => &[],
    }
}

/// Every place of a payload, with its path.
fn places(kind: EventType, data: &Value) -> impl Iterator<Item = (String, &Value)> {
    place_paths(kind).iter().flat_map(move |&path| {
        let value = path.split('.').try_fold(data, |value, name| value.get(name));
        match value {
            Some(Value::Array(items)) => {
                items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
            }
            Some(value) => vec![(path.to_owned(), value)],
            None => Vec::new(),
        }
    })
}

/// The places of a payload at longitude 0, latitude 0: that lies in the Atlantic, and means that nobody has filled the fields in.
fn nowhere(kind: EventType, data: &Value) -> impl Iterator<Item = String> {
    places(kind, data).filter_map(|(path, place)| {
        let zero = |name: &str| place.get(name).and_then(Value::as_f64) == Some(0.0);
        (zero("lon") && zero("lat")).then(|| format!("{path}.lon"))
    })
}

/// True where such a place is what the event is about: where somebody is to drive, and not where somebody says that he is.
fn is_about_places(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::OrderCreated | EventType::OrderUpdated | EventType::SlotHeld | EventType::VehicleRegistered
    )
}

fn null_island(kind: EventType, data: &Value, found: &mut Found) {
    let roads = matches!(kind, EventType::RoadClosed | EventType::RoadSlowed | EventType::RoadReopened);
    let done = if is_about_places(kind) || roads { "taken as it is" } else { "passed over" };
    for field in nowhere(kind, data) {
        found.add(field, format!("longitude 0, latitude 0 is a place in the Atlantic; it is {done}"));
    }
}

/// The first place of an event at longitude 0, latitude 0 where somebody is to drive: its field, and what is wrong with it. Nobody can
/// get there.
pub fn place_nowhere(kind: EventType, event: &CloudEvent) -> Option<Warning> {
    let field = nowhere(kind, &event.data).next().filter(|_| is_about_places(kind))?;
    Some(Warning::odd_value(field, "longitude 0, latitude 0 is a place in the Atlantic: the place was not filled in"))
}

/// The first place of an event in coordinates that a zone with these does not read: its field, and what the zone reads.
pub fn other_coordinates(kind: EventType, event: &CloudEvent, space: Space) -> Option<Warning> {
    let (wrong, reads) = match space {
        Space::Geographic => ("x_meters", "this zone reads longitude and latitude in degrees (`lon`, `lat`)"),
        Space::Planar => ("lon", "this zone reads metres of a plane (`x_meters`, `y_meters`)"),
    };
    places(kind, &event.data)
        .find(|(_, place)| place.get(wrong).is_some_and(|value| !value.is_null()))
        .map(|(path, _)| Warning::odd_value(format!("{path}.{wrong}"), reads))
}

/// What is odd about an event in its zone, whose time is `now` (zone time) and whose coordinates are `space`; nothing for the
/// engine's own types.
pub fn odd_in_zone(kind: EventType, event: &CloudEvent, space: Space, now: Timestamp) -> Vec<Warning> {
    match kind.writer() {
        Writer::Engine => return Vec::new(),
        Writer::Producer => {}
    }
    let ahead = event.time.as_deref().and_then(|time| instant("time", time).ok()).map(|at| at - now);
    let ahead = ahead.filter(|&ahead| ahead > AHEAD_MAX).map(|ahead| {
        let detail = format!("{} ahead of the zone's clock ({}); {}", span(ahead), text(now), use_of_time(kind, event));
        Warning::odd_value("time", detail)
    });
    let wrong = other_coordinates(kind, event, space).map(|warning| {
        let reads = warning.detail.unwrap_or_default();
        Warning::odd_value(warning.field, format!("{reads}; the numbers are taken for those, so the place is wrong"))
    });
    ahead.into_iter().chain(wrong).collect()
}

/// What the fold makes of the time of an event that is ahead of the zone's clock.
fn use_of_time(kind: EventType, event: &CloudEvent) -> &'static str {
    let has = |field: &str| event.data.get(field).is_some_and(|value| !value.is_null());
    match kind {
        EventType::Position
        | EventType::StopDeparted
        | EventType::StopArrived
        | EventType::StopCompleted
        | EventType::StopFailed
        | EventType::BreakStarted
        | EventType::BreakEnded
        | EventType::ReloadStarted
        | EventType::ReloadEnded => "log time is used instead",
        EventType::OrderCreated if !has("placed_time") => "it is taken as the time at which the order was placed",
        EventType::OrderReady => "the goods are not fetched before then",
        EventType::ShiftEnded if !has("at_time") => "the shift is taken to go on until then",
        EventType::OrderCreated
        | EventType::ShiftEnded
        | EventType::ZoneOpened
        | EventType::OrderUpdated
        | EventType::OrderCancelled
        | EventType::VehicleRegistered
        | EventType::ShiftStarted
        | EventType::VehicleLost
        | EventType::VehicleBack
        | EventType::RoadClosed
        | EventType::RoadSlowed
        | EventType::RoadReopened
        | EventType::AssignmentAccepted
        | EventType::AssignmentRejected
        | EventType::StopPinned
        | EventType::StopUnpinned
        | EventType::AssignmentForced
        | EventType::PriorityRaised
        | EventType::AttentionNoted
        | EventType::PolicyChanged
        | EventType::PlanProposed
        | EventType::FeaturesLearned
        | EventType::VehicleLocated
        | EventType::BaseWritten
        | EventType::RepairAsked
        | EventType::OrderRetried
        | EventType::SlotHeld
        | EventType::OrderConfirmed
        | EventType::HoldEnded
        | EventType::AlertRaised
        | EventType::AlertCleared
        | EventType::AlertAcknowledged
        | EventType::PersonForgotten => "the event counts from when it is logged",
    }
}
