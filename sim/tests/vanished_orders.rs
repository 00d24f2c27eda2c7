//! A zone's log whose plan 149 answered 43 orders with a group that had no route and no reason for any of them. Version 0.1
//! took that group, and the orders were on no route, not unassigned, and never mentioned again.
//!
//! `files/vanished-orders.jsonl` holds the messages that matter of that log, one `[sequence, subject, message]` a line: the
//! zone, its vehicles, the orders that waited, and the group. The whole log can be folded instead:
//! `FLEETFOLD_VANISHED_LOG=FILE cargo test -p fleetfold-sim --test vanished_orders`.

use std::collections::BTreeSet;

use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, LogEntry, LogSeq, Timestamp};
use fleetfold_wire::{What, decode};

#[test]
fn orders_that_a_group_names_and_does_not_place_are_still_asked_for() {
    let text = match std::env::var("FLEETFOLD_VANISHED_LOG") {
        Ok(path) => std::fs::read_to_string(path).unwrap(),
        Err(_) => include_str!("files/vanished-orders.jsonl").to_owned(),
    };
    let mut fleet = Fleet::new();
    let mut last_plan = None;
    for line in text.lines() {
        let (seq, _subject, message): (u64, String, serde_json::Value) = serde_json::from_str(line).unwrap();
        let decoded = decode(message.to_string().as_bytes()).unwrap();
        let What::Event(event) = decoded.what else { panic!("entry {seq} is no event") };
        let is_plan = matches!(event, Event::PlanProposed(_));
        let (logged_at, id) = (Timestamp(1_000 * seq as i64), if is_plan { 0 } else { decoded.id });
        let change = fleet.apply(&LogEntry {
            numbered: None,
            seq: LogSeq(seq),
            logged_at,
            id,
            time: Some(decoded.at),
            hash: decoded.hash,
            event,
        });
        fleet.check_changed(&change).unwrap();
        if let Some(outcome) = change.plan {
            assert!(outcome.links, "plan {} does not follow the chain", outcome.rev);
            last_plan = Some(outcome);
        }
    }
    let plan = last_plan.unwrap();
    assert_eq!(plan.rev, 149);
    assert!(plan.accepted.contains(&false), "the group with causes and without routes was taken");
    assert_eq!(fleet.check().map_err(|broken| broken.to_string()), Ok(()));
    let asked: BTreeSet<_> = fleet.unanswered().values().flat_map(|ask| &ask.orders).collect();
    let waiting = asked.iter().filter(|&&&id| fleet.order(id).is_open());
    assert!(waiting.clone().count() >= 108, "{} orders wait", waiting.count());
    for lost in ["ord-1131", "ord-1248", "ord-1251", "ord-1486"] {
        assert!(asked.contains(&fleet.order_id(lost).unwrap()), "{lost} is not asked for");
    }
}
