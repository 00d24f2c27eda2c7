//! Public recorded days: what their tables become, and what is refused.

use fleetfold_formats::days::{DpdpFiles, ImportError, ImportedDay, MdrpFiles, NamedText, dpdp, mdrp};
use fleetfold_model::{Event, Millis, Order, OrderWork, Space, Timestamp};
use fleetfold_wire::{DayLine, What, decode, network_from_json, read_day_line};
use proptest::prelude::*;

/// 2021-01-01, when imported days begin.
const MIDNIGHT: Timestamp = Timestamp(1_609_459_200_000);

const PARAMETERS: &str =
    "meters_per_minute\tpickup service minutes\tdropoff service minutes\ttarget click-to-door\n320\t4\t4\t40\n";
const RESTAURANTS: &str = "restaurant\tx\ty\nr1\t100\t0\nr2\t0\t50.5\n";
const COURIERS: &str = "courier\tx\ty\ton_time\toff_time\nc1\t0\t0\t10\t90\nc2\t5\t5\t20\t60\n";
const MEALS: &str = "order\tx\ty\tplacement_time\trestaurant\tready_time\no1\t7\t8\t30\tr2\t42\no2\t1\t1\t15\tr1\t20\n";

const FACTORIES: &str =
    "factory_id,longitude,latitude,port_num\nf1,116.6259,40.2204,6\nf2,117.0635,40.2116,6\nf3,116.6259,40.2204,6\n";
const ROUTES: &str = "route_code,start_factory_id,end_factory_id,distance,time\na,f1,f2,37.2,4464\nb,f2,f1,37.3,4465\nc,f1,elsewhere,1,1\n";
const VEHICLES: &str = "car_num,capacity,operation_time,gps_id\nV_1,15,24,G_1\nV_2,15,24,G_2\n";
const ORDERS: &str = "order_id,demand,creation_time,committed_completion_time,load_time,unload_time,pickup_id,delivery_id\nd1,0.5,00:03:48,04:03:48,120,60,f1,f2\nd2,40,23:00:00,03:00:00,400,800,f2,f1\n";
const STARTS: &str = "{\"t\":0,\"type\":\"driver.online\",\"driver\":\"V_2\",\"lon\":116.5,\"lat\":39.5}\n{\"t\":9,\"type\":\"order.created\"}\n";

fn import_mdrp([parameters, restaurants, couriers, orders]: [&str; 4]) -> Result<ImportedDay, ImportError> {
    mdrp(&MdrpFiles {
        instance: "tiny",
        parameters: NamedText { name: "parameters.txt", text: parameters },
        restaurants: NamedText { name: "restaurants.txt", text: restaurants },
        couriers: NamedText { name: "couriers.txt", text: couriers },
        orders: NamedText { name: "orders.txt", text: orders },
    })
}

fn import_dpdp([factories, routes, vehicles, orders, starts]: [&str; 5]) -> Result<ImportedDay, ImportError> {
    dpdp(&DpdpFiles {
        instance: "tiny",
        factories: NamedText { name: "factories.csv", text: factories },
        routes: NamedText { name: "routes.csv", text: routes },
        vehicles: NamedText { name: "vehicles.csv", text: vehicles },
        orders: NamedText { name: "orders.csv", text: orders },
        starts: NamedText { name: "starts.jsonl", text: starts },
    })
}

/// Whoever reads the day file finds the same events and a network; `None` if a line is refused.
fn read_back(day: &ImportedDay) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    for (index, line) in day.lines().enumerate() {
        match read_day_line(index + 1, &line).ok()? {
            DayLine::Header(header) => {
                network_from_json(header.network?).ok()?;
            }
            DayLine::Event { event, .. } => {
                let What::Event(event) = decode(&serde_json::to_vec(&event).ok()?).ok()?.what else { return None };
                events.push(event);
            }
            DayLine::Footer { .. } => return None,
        }
    }
    Some(events)
}

fn orders(day: &ImportedDay) -> Vec<&Order> {
    let order = |(_, event): &'_ (Timestamp, Event)| matches!(event, Event::OrderCreated(_));
    let created = day.events.iter().filter(|event| order(event));
    created.filter_map(|(_, event)| if let Event::OrderCreated(order) = event { Some(order) } else { None }).collect()
}

#[test]
fn a_meal_day_keeps_its_times_and_places() {
    let day = import_mdrp([PARAMETERS, RESTAURANTS, COURIERS, MEALS]).unwrap();
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
    let day = import_dpdp([FACTORIES, ROUTES, VEHICLES, ORDERS, STARTS]).unwrap();
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

#[test]
fn what_makes_no_sense_is_refused_with_file_line_and_column() {
    let meals = |at: usize, from: &str, to: &str| {
        let mut files = [PARAMETERS, RESTAURANTS, COURIERS, MEALS].map(str::to_owned);
        files[at] = files[at].replace(from, to);
        import_mdrp([&files[0], &files[1], &files[2], &files[3]]).unwrap_err()
    };
    let factory = |at: usize, from: &str, to: &str| {
        let mut files = [FACTORIES, ROUTES, VEHICLES, ORDERS, STARTS].map(str::to_owned);
        files[at] = files[at].replace(from, to);
        import_dpdp([&files[0], &files[1], &files[2], &files[3], &files[4]]).unwrap_err()
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
    let many = import_dpdp([&many, ROUTES, VEHICLES, ORDERS, STARTS]).unwrap_err();
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
        let mut meals = [PARAMETERS, RESTAURANTS, COURIERS, MEALS].map(str::to_owned);
        let mut factories = [FACTORIES, ROUTES, VEHICLES, ORDERS, STARTS].map(str::to_owned);
        let file = if table < 4 { &mut meals[table] } else { &mut factories[table - 4] };
        *file = damaged(file, &edits);
        let day = if table < 4 {
            import_mdrp([&meals[0], &meals[1], &meals[2], &meals[3]])
        } else {
            import_dpdp([&factories[0], &factories[1], &factories[2], &factories[3], &factories[4]])
        };
        if let Ok(day) = day {
            prop_assert!(read_back(&day).is_some(), "{:?} {:?}", meals, factories);
        }
    }
}
