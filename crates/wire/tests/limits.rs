//! The limits that the schemas tell are those that the decoder keeps: what is beyond them is refused, what is at them is taken.

use std::collections::BTreeMap;

use fleetfold_wire::{DecodeError, EventType, Writer, decode};
use serde_json::{Value, json};

/// The example of each type in the manual.
fn examples() -> BTreeMap<String, Value> {
    let manual = include_str!("../../../docs/EVENTS.md");
    let blocks = manual.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let events = blocks.filter_map(|block| serde_json::from_str::<Value>(block).ok());
    events.filter_map(|event| Some((event["type"].as_str()?.to_owned(), event))).collect()
}

fn event(kind: &str, data: &Value) -> Value {
    let kind = format!("fleet.{kind}.v1");
    json!({ "specversion": "1.0", "id": "1", "source": "/t", "type": kind, "time": "2026-06-01T09:00:00Z", "data": data })
}

/// Every value of one field: path in the payload, at the limits, beyond them.
type Case = (String, Vec<Value>, Vec<Value>);

fn meant<'s>(whole: &'s Value, mut schema: &'s Value) -> &'s Value {
    loop {
        if let Some(to) = schema["$ref"].as_str() {
            schema = whole.pointer(to.trim_start_matches('#')).unwrap();
        } else if let Some(choices) = schema["anyOf"].as_array() {
            schema = choices.iter().find(|choice| choice["type"] != "null").unwrap();
        } else {
            return schema;
        }
    }
}

fn cases(whole: &Value, schema: &Value, sample: &Value, at: &str, found: &mut Vec<Case>) {
    for (name, raw) in schema["properties"].as_object().into_iter().flatten() {
        let (of, path) = (meant(whole, raw), format!("{at}/{name}"));
        let (mut legal, mut illegal) = (Vec::new(), Vec::new());
        let whole_numbers = of["type"] == "integer" || of["type"][0] == "integer";
        for (key, step) in [("minimum", -1.0), ("maximum", 1.0)] {
            let Some(limit) = of[key].as_f64() else { continue };
            // The types themselves keep these.
            if whole_numbers && (limit == 0.0 || (255.0..257.0).contains(&limit) || limit > 4e9) {
                continue;
            }
            let number = |value: f64| if whole_numbers { json!(value as i64) } else { json!(value) };
            legal.push(number(limit));
            illegal.push(number(limit + step));
        }
        if let Some(most) = of["maxLength"].as_u64() {
            legal.push(json!("x".repeat(most as usize)));
            illegal.push(json!("x".repeat(most as usize + 1)));
        }
        if let Some(words) = of["enum"].as_array() {
            legal.extend(words.iter().filter(|word| word.is_string()).cloned());
            illegal.push(json!("nothing of these"));
        }
        if of["format"] == "date-time" {
            illegal.push(json!("yesterday"));
        }
        if let (Some(most), Some(limit)) = (of["maxItems"].as_u64(), of["items"]["maximum"].as_f64()) {
            legal.push(json!(vec![limit; most as usize]));
            illegal.extend([json!(vec![limit; most as usize + 1]), json!([limit + 1.0])]);
        }
        found.push((path.clone(), legal, illegal));
        if sample[name].is_object() {
            cases(whole, of, &sample[name], &path, found);
        }
    }
}

/// These need another field beside them, or one that is larger or smaller.
fn stands_alone(path: &str) -> bool {
    ![
        "/diversion",
        "/policy/diversion",
        "_gain_min",
        "/lon",
        "/lat",
        "_meters",
        "/time_percent",
        "/priority",
        "/driving_time/break_seconds",
        "/driving_time/first_part_seconds",
    ]
    .iter()
    .any(|part| path.ends_with(part))
}

#[test]
fn what_a_schema_says_is_what_is_taken() {
    let examples = examples();
    let (mut taken, mut refused) = (0, 0);
    for kind in EventType::ALL.iter().filter(|kind| kind.writer() == Writer::Producer) {
        let schema = kind.schema();
        let Some(example) = examples.get(kind.name()) else { continue };
        decode(example.to_string().as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
        let mut found = Vec::new();
        cases(&schema, &schema, &example["data"], "", &mut found);
        for (path, legal, illegal) in found {
            // One payload serves several types: a field is read by those whose example has it, and by the types that have a payload of their own.
            let has_it = example["data"].pointer(&path).is_some();
            if !has_it
                && !matches!(
                    kind,
                    EventType::OrderCreated
                        | EventType::VehicleRegistered
                        | EventType::PolicyChanged
                        | EventType::ZoneOpened
                )
            {
                continue;
            }
            let with = |value: &Value| {
                let mut event = example.clone();
                let (parent, name) = path.rsplit_once('/').unwrap();
                event["data"].pointer_mut(parent).unwrap()[name] = value.clone();
                decode(event.to_string().as_bytes()).map(|_| ())
            };
            for value in illegal {
                let told = with(&value);
                assert!(told.is_err(), "{} {path}: {value} is beyond its limits and is taken", kind.name());
                refused += 1;
            }
            for value in legal.iter().filter(|_| stands_alone(&path)) {
                assert_eq!(with(value).map_err(|error| error.to_string()), Ok(()), "{} {path}: {value}", kind.name());
                taken += 1;
            }
        }
    }
    assert!(taken > 60 && refused > 100, "{taken} taken, {refused} refused");
}

/// A number out of range is told shortly, with the field that is wrong and what it may be.
#[test]
fn the_error_names_the_field_that_is_out_of_range() {
    let example = |driving: Value| {
        let data = json!({ "vehicle_id": "v", "start": { "lon": 1.0, "lat": 2.0 }, "driving_time": driving });
        event("vehicle.registered", &data)
    };
    let limits = json!({ "driving_max_seconds": 3600, "break_seconds": 1200 });
    let with = |field: &str, value: f64| {
        let mut limits = limits.clone();
        limits[field] = json!(value);
        example(limits)
    };
    let shift = json!({ "starts": "2026-06-01T08:00:00Z", "ends": "2026-06-01T16:00:00Z", "breaks": [
        { "opens": "2026-06-01T12:00:00Z", "closes": "2026-06-01T13:00:00Z", "duration_seconds": 900 },
        { "opens": "2026-06-01T12:00:00Z", "closes": "2026-06-01T13:00:00Z", "duration_seconds": -1.0 },
    ] });
    let on = json!({ "vehicle_id": "v", "shift": shift });
    let place = json!({ "vehicle_id": "v", "start": { "lon": 1e300, "lat": 2.0 } });
    let is_between = |least: &str| format!("is not between {least} and 86400 seconds");
    for (event, field, what) in [
        (with("break_seconds", 1e300), "driving_time.break_seconds", "1e300 ".to_owned() + &is_between("1")),
        (with("driving_max_seconds", 59.0), "driving_time.driving_max_seconds", "59 ".to_owned() + &is_between("60")),
        (
            with("duty_max_seconds", 123_456_789_012.345_67),
            "driving_time.duty_max_seconds",
            "about 1.235e11 ".to_owned() + &is_between("60"),
        ),
        (
            with("first_part_seconds", 1200.0),
            "driving_time.first_part_seconds",
            "the first part of a break, 1200 seconds, must be shorter than the whole, 1200 seconds".to_owned(),
        ),
        (
            example(json!({ "rule": "eu_561", "break_seconds": 600 })),
            "driving_time.break_seconds",
            "the first part of a break, 900 seconds, must be shorter than the whole, 600 seconds; say `first_part_seconds` too (0: in \
             one part only)"
                .to_owned(),
        ),
        (
            event("shift.started", &on),
            "shift.breaks[1].duration_seconds",
            "-1 is not between 0 and 86400 seconds".to_owned(),
        ),
        (
            event("vehicle.registered", &place),
            "start",
            "lon 1e300, lat 2 is no place on earth (lon first, both in degrees)".to_owned(),
        ),
    ] {
        match decode(event.to_string().as_bytes()) {
            Err(DecodeError::Field { field: told, what: said }) => assert_eq!((told.as_str(), said), (field, what)),
            other => panic!("{field}: {other:?}"),
        }
    }
}
