//! Changes in words, for a what-if: each is an ordinary event, written shorter.

use fleetfold_model::Timestamp;
use serde_json::{Value, json};

/// What can be said, for messages and for the manual.
pub(crate) const KNOWN: &str = "vehicle ID lost|back|on|off [at TIME], vehicle {JSON}, order ID cancelled|ready|unpinned, order ID priority N, \
                                order ID pinned|forced to VEHICLE, order ID rejected by VEHICLE, order {JSON}, road ID,… closed [until TIME], \
                                road ID,… slowed to N%, area LON,LAT LON,LAT LON,LAT … closed, change ID reopened";

/// The event that a change in words means, as a CloudEvent. `number`: which change of the list it is.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn event(text: &str, number: usize, now: Timestamp) -> Result<Value, String> {
    let text = text.trim();
    let fail = |what: String| format!("change {number}, `{text}`: {what}");
    let (what, data, at) = data(text, number).map_err(fail)?;
    let time = match at {
        Some(at) => at,
        None => jiff::Timestamp::from_millisecond(now.0).map_err(|error| fail(error.to_string()))?.to_string(),
    };
    let id = ["vehicle_id", "order_id", "change_id"].into_iter().find_map(|field| data.get(field).cloned());
    // An event on an order is about the order, whoever does it.
    let subject = data.get("order_id").cloned().or(id);
    Ok(json!({
        "specversion": "1.0",
        "id": format!("{}-{number}", now.0),
        "source": "/what-if",
        "type": format!("fleet.{what}.v1"),
        "subject": subject,
        "time": time,
        "data": data,
    }))
}

/// Type, payload, and the time that it has of its own.
fn data(text: &str, number: usize) -> Result<(&'static str, Value, Option<String>), String> {
    for (word, what) in [("order", "order.created"), ("vehicle", "vehicle.registered")] {
        if let Some(rest) = text.strip_prefix(word).map(str::trim_start)
            && rest.starts_with('{')
        {
            let data: Value = serde_json::from_str(rest).map_err(|error| format!("the JSON of the {word}: {error}"))?;
            return Ok((what, data, None));
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (vehicle, order) = (|id: &str| json!({ "vehicle_id": id }), |id: &str| json!({ "order_id": id }));
    let both = |order: &str, vehicle: &str| json!({ "order_id": order, "vehicle_id": vehicle });
    let plain = |what, data| Ok((what, data, None));
    match words[..] {
        ["vehicle", id, "lost"] => plain("vehicle.lost", vehicle(id)),
        ["vehicle", id, "back"] => plain("vehicle.back", vehicle(id)),
        ["vehicle", id, "on"] => plain("shift.started", vehicle(id)),
        ["vehicle", id, "off"] => plain("shift.ended", vehicle(id)),
        ["vehicle", id, "off", "at", at] => plain("shift.ended", json!({ "vehicle_id": id, "at_time": at })),
        ["order", id, "cancelled"] => plain("order.cancelled", order(id)),
        ["order", id, "ready"] => plain("order.ready", order(id)),
        ["order", id, "unpinned"] => plain("stop.unpinned", order(id)),
        ["order", id, "priority", level] => {
            let level: u64 = level.parse().map_err(|_| format!("`{level}` is no priority: 0 to 100"))?;
            plain("priority.raised", json!({ "order_id": id, "priority": level }))
        }
        ["order", id, "pinned", "to", vehicle] => plain("stop.pinned", both(id, vehicle)),
        ["order", id, "forced", "to", vehicle] => plain("assignment.forced", both(id, vehicle)),
        ["order", id, "rejected", "by", vehicle] => plain("assignment.rejected", both(id, vehicle)),
        ["road", ids, "closed"] => plain("road.closed", roads(ids, number)?),
        ["road", ids, "closed", "until", until] => {
            let mut data = roads(ids, number)?;
            data["until_time"] = json!(until);
            plain("road.closed", data)
        }
        ["road", ids, "slowed", "to", percent] => {
            let mut data = roads(ids, number)?;
            let percent = percent.trim_end_matches('%');
            let percent: u64 = percent.parse().map_err(|_| format!("`{percent}` is no per cent of travel time"))?;
            data["time_percent"] = json!(percent);
            plain("road.slowed", data)
        }
        ["area", ref places @ .., "closed"] => {
            let places = places.iter().map(|place| {
                let (lon, lat) = crate::args::degrees(place)?;
                Ok(json!({ "lon": lon, "lat": lat }))
            });
            let area: Vec<Value> = places.collect::<Result<_, String>>()?;
            plain("road.closed", json!({ "change_id": format!("what-if-{number}"), "area": area }))
        }
        ["change", id, "reopened"] => plain("road.reopened", json!({ "change_id": id })),
        _ => Err("no change is written so".to_owned()),
    }
}

/// Roads by their ids, with commas.
fn roads(ids: &str, number: usize) -> Result<Value, String> {
    let ids = ids.split(',').map(|id| id.parse::<i64>().map_err(|_| format!("`{id}` is no id of a road")));
    let ids: Vec<i64> = ids.collect::<Result<_, String>>()?;
    Ok(json!({ "change_id": format!("what-if-{number}"), "roads": ids }))
}

#[cfg(test)]
mod tests {
    use fleetfold_model::Event;
    use fleetfold_wire::{What, decode};

    use super::*;

    /// The event that some words mean, read as any producer's is.
    fn meant(text: &str) -> Event {
        let event = event(text, 1, Timestamp(1_780_000_000_000)).unwrap();
        let decoded = decode(event.to_string().as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(decoded.warnings, [], "{text}");
        let What::Event(event) = decoded.what else { panic!("{text}: no event") };
        event
    }

    #[test]
    fn every_change_in_words_is_a_legal_event() {
        for (text, kind) in [
            ("vehicle v7 lost", "fleet.vehicle.lost.v1"),
            ("vehicle v7 back", "fleet.vehicle.back.v1"),
            ("vehicle v7 on", "fleet.shift.started.v1"),
            ("vehicle v7 off", "fleet.shift.ended.v1"),
            ("vehicle v7 off at 2026-06-01T15:00:00Z", "fleet.shift.ended.v1"),
            ("vehicle {\"vehicle_id\":\"v8\",\"start\":{\"lon\":-8.6,\"lat\":41.1}}", "fleet.vehicle.registered.v1"),
            ("order o1 cancelled", "fleet.order.cancelled.v1"),
            ("order o1 ready", "fleet.order.ready.v1"),
            ("order o1 unpinned", "fleet.stop.unpinned.v1"),
            ("order o1 priority 7", "fleet.priority.raised.v1"),
            ("order o1 pinned to v7", "fleet.stop.pinned.v1"),
            ("order o1 forced to v7", "fleet.assignment.forced.v1"),
            ("order o1 rejected by v7", "fleet.assignment.rejected.v1"),
            ("order {\"order_id\":\"o2\",\"job\":{\"stop\":{\"lon\":-8.6,\"lat\":41.1}}}", "fleet.order.created.v1"),
            ("road 17,-4 closed", "fleet.road.closed.v1"),
            ("road 17 closed until 2026-06-01T15:00:00Z", "fleet.road.closed.v1"),
            ("road 17 slowed to 150%", "fleet.road.slowed.v1"),
            ("area -8.6,41.1 -8.5,41.1 -8.5,41.2 closed", "fleet.road.closed.v1"),
            ("change bridge-2 reopened", "fleet.road.reopened.v1"),
        ] {
            assert_eq!(fleetfold_wire::event_type(&meant(text)), kind, "{text}");
        }
    }

    #[test]
    fn what_is_no_change_says_which_are() {
        for (text, said) in [
            ("vehicle v7 explodes", "no change is written so"),
            ("order o1 priority high", "`high` is no priority"),
            ("road main closed", "`main` is no id of a road"),
            ("order {\"order_id\":", "the JSON of the order"),
            ("", "no change is written so"),
        ] {
            let error = event(text, 3, Timestamp(0)).unwrap_err();
            assert!(error.contains(said) && error.contains("change 3"), "{error}");
        }
    }
}
