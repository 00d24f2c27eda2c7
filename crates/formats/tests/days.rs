//! Public recorded days: what their tables become, and what is refused.

use fleetfold_formats::days::{DpdpFiles, ImportError, ImportedDay, MdrpFiles, NamedText, Rules, dpdp, mdrp};
use fleetfold_model::{Diversion, Event, Millis, Order, OrderWork, Space, Timestamp};
use fleetfold_wire::{DayLine, What, decode, network_from_json, read_day_line};
use proptest::prelude::*;

/// 2021-01-01, when imported days begin.
const MIDNIGHT: Timestamp = Timestamp(1_609_459_200_000);

/// The tables of one small instance of each set, with form feeds between them; the fuzzer begins from them too.
const MDRP: &str = include_str!("files/mdrp/a");
const DPDP: &str = include_str!("files/dpdp/a");

/// The tables of a file.
fn tables<const N: usize>(file: &str) -> [String; N] {
    let tables: Vec<String> = file.split('\u{c}').map(str::to_owned).collect();
    tables.try_into().unwrap()
}

fn import_mdrp(tables: &[String; 4]) -> Result<ImportedDay, ImportError> {
    mdrp_by(Rules::Usual, tables)
}

fn mdrp_by(
    rules: Rules,
    [parameters, restaurants, couriers, orders]: &[String; 4],
) -> Result<ImportedDay, ImportError> {
    let files = MdrpFiles {
        instance: "tiny",
        parameters: NamedText { name: "parameters.txt", text: parameters },
        restaurants: NamedText { name: "restaurants.txt", text: restaurants },
        couriers: NamedText { name: "couriers.txt", text: couriers },
        orders: NamedText { name: "orders.txt", text: orders },
    };
    mdrp(&files, rules)
}

fn import_dpdp(tables: &[String; 5]) -> Result<ImportedDay, ImportError> {
    dpdp_by(Rules::Usual, tables)
}

fn dpdp_by(
    rules: Rules,
    [factories, routes, vehicles, orders, starts]: &[String; 5],
) -> Result<ImportedDay, ImportError> {
    let files = DpdpFiles {
        instance: "tiny",
        factories: NamedText { name: "factories.csv", text: factories },
        routes: NamedText { name: "routes.csv", text: routes },
        vehicles: NamedText { name: "vehicles.csv", text: vehicles },
        orders: NamedText { name: "orders.csv", text: orders },
        starts: NamedText { name: "starts.jsonl", text: starts },
    };
    dpdp(&files, rules)
}

/// The events of a day, read from the lines of its file; `None` if a line is refused or the network is.
fn read_back(day: &ImportedDay) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    for (index, line) in day.lines().enumerate() {
        match read_day_line(index + 1, &line).ok()? {
            DayLine::Header(header) => {
                network_from_json(header.network?).ok()?;
            }
            DayLine::Event { message } => {
                let What::Event(event) = decode(message.as_bytes()).ok()?.what else { return None };
                events.push(event);
            }
            DayLine::Recorded { .. } | DayLine::Footer(_) => return None,
        }
    }
    Some(events)
}

fn orders(day: &ImportedDay) -> Vec<&Order> {
    let events = day.events.iter();
    events.filter_map(|(_, event)| if let Event::OrderCreated(order) = event { Some(order) } else { None }).collect()
}

#[test]
fn a_meal_day_keeps_its_times_and_places() {
    let day = import_mdrp(&tables(MDRP)).unwrap();
    assert_eq!((day.space, day.header.title.as_str()), (Space::Planar, "MDRP tiny"));
    assert!(matches!(&day.events[0], (at, Event::ZoneOpened(_)) if *at == MIDNIGHT + Millis(10 * 60_000)));
    assert!(day.events.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let orders = orders(&day);
    assert_eq!(orders.iter().map(|order| order.name.as_str()).collect::<Vec<_>>(), ["order-o2", "order-o1"]);
    let meal = orders[1];
    assert_eq!(meal.placed, MIDNIGHT + Millis(30 * 60_000));
    assert_eq!(meal.release, Some(MIDNIGHT + Millis(44 * 60_000)), "two minutes after it is ready");
    assert_eq!(meal.promised, Some(MIDNIGHT + Millis(70 * 60_000)));
    let OrderWork::Shipment(shipment) = &meal.work else { panic!("a shipment") };
    assert_eq!((shipment.pickup.position.x, shipment.pickup.position.y), (0, 50_500), "of the second restaurant");
    assert_eq!((shipment.pickup.setup, shipment.pickup.service), (Millis(240_000), Millis(0)));
    assert_eq!((shipment.delivery.setup, shipment.delivery.service), (Millis(120_000), Millis(120_000)));
    assert_eq!(read_back(&day).unwrap().len(), day.events.len());
}

#[test]
fn a_factory_day_keeps_its_table_and_splits_what_no_vehicle_can_carry() {
    let day = import_dpdp(&tables(DPDP)).unwrap();
    let network = day.header.network.clone().unwrap();
    assert_eq!(network["seconds"], serde_json::json!([0, 4464, 0, 4465, 0, 0, 0, 0, 0]));
    assert_eq!(network["metres"], serde_json::json!([0, 37_200, 0, 37_300, 0, 0, 0, 0, 0]));
    let places = network["places"].as_array().unwrap();
    assert_ne!(places[0], places[2], "two factories at one place are set apart");
    let starts: Vec<i32> = day
        .events
        .iter()
        .filter_map(
            |(_, event)| if let Event::VehicleRegistered(vehicle) = event { Some(vehicle.start.x) } else { None },
        )
        .collect();
    assert_eq!(starts, [1_166_259_000, 1_165_000_000], "the first factory, and what the file of starts says");
    let orders = orders(&day);
    let loads: Vec<(&str, i32)> = orders.iter().map(|order| (order.name.as_str(), order.load.0[0])).collect();
    assert_eq!(loads, [("d1", 500), ("d2-1", 15_000), ("d2-2", 15_000), ("d2-3", 10_000)]);
    let services: Vec<i64> = orders
        .iter()
        .map(|order| if let OrderWork::Shipment(shipment) = &order.work { shipment.pickup.service.0 / 1000 } else { 0 })
        .collect();
    assert_eq!(services, [120, 150, 150, 100], "service is shared by size");
    let tomorrow = (24 + 3) * 3_600_000 + 1_800_000;
    assert_eq!(
        orders[1].promised,
        Some(MIDNIGHT + Millis(tomorrow)),
        "due on the next day, and half an hour of docking"
    );
    assert_eq!(read_back(&day).unwrap().len(), day.events.len());
}

/// The rules of a benchmark are asked for by name: they are off otherwise.
#[test]
fn published_rules_hold_where_they_are_asked_for() {
    let policy = |day: &ImportedDay| {
        let Event::ZoneOpened(opened) = &day.events[0].1 else { panic!("a zone opens") };
        opened.policy.clone()
    };
    for (rules, published) in [(Rules::Usual, false), (Rules::Published, true)] {
        let meals = mdrp_by(rules, &tables(MDRP)).unwrap();
        assert_eq!(policy(&meals).one_pickup_place, published);
        assert_eq!(policy(&meals).add_after_departure, !published);
        assert_eq!(policy(&meals).diversion == Diversion::Never, published);
        assert_eq!(policy(&meals).learn, !published, "times of such a day are exact");
        assert_eq!(policy(&meals).decide_every, Millis(if published { 60_000 } else { 0 }));
        assert_eq!(policy(&meals).coverage_cost_per_hour > 0, published);
        let factories = dpdp_by(rules, &tables(DPDP)).unwrap();
        assert_eq!(policy(&factories).change_cost == policy(&factories).lateness_cost_per_hour, published);
        assert_eq!(policy(&factories).decide_every, Millis(if published { 600_000 } else { 0 }));
        assert_eq!((policy(&factories).settle_on_arrival, policy(&factories).learn), (published, !published));
        let due = MIDNIGHT + Millis((24 + 3) * 3_600_000 + 1_800_000 - if published { 900_000 } else { 0 });
        assert_eq!(orders(&factories)[1].promised, Some(due), "a quarter of an hour is left for what comes");
        let docks = factories.header.traffic.as_ref().map(|traffic| traffic["docks"].as_array().unwrap().len());
        assert_eq!(docks, published.then_some(3));
        assert_eq!(read_back(&factories).unwrap().len(), factories.events.len());
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_file_line_and_column() {
    let meals = |at: usize, from: &str, to: &str| {
        let mut files = tables(MDRP);
        files[at] = files[at].replace(from, to);
        import_mdrp(&files).unwrap_err()
    };
    let factory = |at: usize, from: &str, to: &str| {
        let mut files = tables(DPDP);
        files[at] = files[at].replace(from, to);
        import_dpdp(&files).unwrap_err()
    };
    let empty = |file: &str| ImportError::Empty { file: file.to_owned() };
    assert_eq!(meals(0, "320\t4\t4\t40\n", ""), empty("parameters.txt"));
    for (refused, expected) in [
        (meals(0, "320", "0"), "parameters.txt, line 2, column \"meters_per_minute\": \"0\" is out of range"),
        (
            meals(2, "c2", "c 2"),
            "couriers.txt, line 3, column \"courier\": \"c 2\" is no id: ids have 1 to 64 visible characters",
        ),
        (meals(2, "60\n", "6\n"), "couriers.txt, line 3, column \"off_time\": \"6\" is before on_time"),
        (meals(2, "off_time", "off"), "couriers.txt, line 2: column \"off_time\" is missing"),
        (meals(3, "\tr1", "\tr9"), "orders.txt, line 3, column \"restaurant\": \"r9\" is not in restaurants.txt"),
        (meals(3, "30", "half past"), "orders.txt, line 2, column \"placement_time\": \"half past\" is no number"),
        (factory(0, "117.0635", "217"), "factories.csv, line 3, column \"longitude\": \"217\" is out of range"),
        (factory(3, "f2,f1", "f2,f8"), "orders.csv, line 3, column \"delivery_id\": \"f8\" is not in factories.csv"),
        (
            factory(3, "23:00:00", "23:60:00"),
            "orders.csv, line 3, column \"creation_time\": \"23:60:00\" is not HH:MM:SS",
        ),
        (
            factory(3, "d2,40", "d2,400000"),
            "orders.csv, line 3, column \"demand\": \"400000\" is more than a thousand vehicles can carry",
        ),
        (factory(3, ",120", ",-120"), "orders.csv, line 2, column \"load_time\": \"-120\" is out of range"),
        (factory(4, "39.5", "95"), "starts.jsonl, line 1: longitude 116.5, latitude 95 is not on earth"),
    ] {
        assert_eq!(refused.to_string(), expected);
    }
    let broken = factory(4, "\"order.created\"}", "\"order.created\"");
    assert!(matches!(broken, ImportError::Malformed { line: 2, .. }), "{broken}");
    let many = format!("factory_id,longitude,latitude\n{}", "f,1,1\n".repeat(5_001));
    let [_, routes, vehicles, orders, starts] = tables(DPDP);
    let many = import_dpdp(&[many, routes, vehicles, orders, starts]).unwrap_err();
    assert_eq!(many, ImportError::TooLarge { file: "factories.csv".to_owned(), rows: 5_001, most: 5_000 });
}

/// Pieces that damage a table.
const WORDS: [&str; 16] = [
    "",
    "0",
    "-1",
    "1e9",
    "-1e300",
    "NaN",
    "inf",
    "99999999999999999999",
    " ",
    "\n",
    "\t",
    ",",
    ":",
    "\"",
    "{",
    "\u{fffd}",
];

fn damaged(text: &str, edits: &[(f64, usize, usize)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for &(at, cut, word) in edits {
        let from = (at * text.len() as f64) as usize;
        let to = (from + cut).min(text.len());
        text.splice(from..to, WORDS[word].chars());
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_tables_are_refused_or_become_a_day_that_can_be_read(
        table in 0usize..9,
        edits in prop::collection::vec((0.0..1.0f64, 0..12usize, 0..WORDS.len()), 1..6),
    ) {
        let (mut meals, mut factories): ([String; 4], [String; 5]) = (tables(MDRP), tables(DPDP));
        let file = if table < 4 { &mut meals[table] } else { &mut factories[table - 4] };
        *file = damaged(file, &edits);
        let day = if table < 4 { import_mdrp(&meals) } else { import_dpdp(&factories) };
        if let Ok(day) = day {
            prop_assert!(read_back(&day).is_some(), "{:?} {:?}", meals, factories);
        }
    }
}
