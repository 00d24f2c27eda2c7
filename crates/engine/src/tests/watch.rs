//! What is heard of answers by whoever runs the engine, and a fact that is left unanswered.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::*;
use crate::{Note, Watch};

#[derive(Debug, Default)]
struct Ears {
    alone: AtomicBool,
    heard: Mutex<Vec<Vec<LogSeq>>>,
}

impl Watch for Ears {
    fn wants_each_alone(&self) -> bool {
        self.alone.load(Ordering::Relaxed)
    }

    fn answering(&self, facts: &[LogSeq]) {
        // What nobody has asked for is of no interest here.
        if !facts.is_empty() {
            self.heard.lock().unwrap().push(facts.to_vec());
        }
    }
}

/// Six orders wait, and somebody becomes the owner. What was heard, and the plan.
fn six(alone: bool) -> (Vec<Vec<LogSeq>>, Vec<LogSeq>, Proposal) {
    let ears = Arc::new(Ears { alone: AtomicBool::new(alone), ..Ears::default() });
    let mut rig = Rig::new();
    rig.engine = rig.engine.watched(Arc::<Ears>::clone(&ears));
    rig.input(Input::Commit(Outcome::Lost));
    for index in 0..6 {
        rig.happens(Event::OrderCreated(job(&format!("o{index}"), km(index, 3))));
    }
    let facts: Vec<LogSeq> = rig.engine.fleet().unanswered().keys().copied().collect();
    ears.heard.lock().unwrap().clear();
    rig.input(Input::Commit(Outcome::Granted(2)));
    assert!(rig.engine.fleet().unanswered().is_empty());
    let heard = ears.heard.lock().unwrap().clone();
    (heard, facts, rig.plans.pop().unwrap())
}

#[test]
fn whoever_watches_hears_of_every_fact_before_its_answer_and_of_each_alone_if_he_wants() {
    let (together, facts, plan) = six(false);
    assert_eq!(together.first(), Some(&facts), "all are answered side by side at first");
    assert_eq!(together.last(), Some(&facts), "and joined to a plan");
    let (mut alone, facts, same_plan) = six(true);
    assert_eq!(alone.pop(), Some(facts.clone()), "joined to a plan");
    assert!(alone.iter().all(|heard| heard.len() == 1), "{alone:?}");
    assert_eq!(alone.concat(), facts);
    assert_eq!(plan, same_plan);
}

#[test]
fn the_parts_of_what_one_fact_asks_for_are_heard_as_that_fact() {
    let ears = Arc::new(Ears::default());
    let mut rig = Rig::new();
    rig.engine = rig.engine.watched(Arc::<Ears>::clone(&ears));
    rig.fact(Event::VehicleRegistered(Vehicle { capacity: Load([400, 0, 0, 0]), ..vehicle("lorry", km(0, 0)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("lorry"), shift: None, position: None });
    for index in 0..40 {
        rig.order(Order { load: Load([5, 0, 0, 0]), ..job(&format!("order-{index}"), km(index % 3, 1)) });
    }
    ears.heard.lock().unwrap().clear();
    rig.happens(Event::VehicleLost { vehicle: name("lorry"), position: Some(km(0, 0)) });
    let lost = rig.log.iter().rev().find(|entry| matches!(entry.event, Event::VehicleLost { .. })).unwrap().seq;
    let heard = ears.heard.lock().unwrap().concat();
    assert!(heard.len() > 4, "it is answered in parts: {heard:?}");
    assert!(heard.iter().all(|&seq| seq == lost), "{heard:?}");
}

#[test]
fn a_fact_that_is_left_unanswered_keeps_nobody_else_waiting() {
    let mut rig = Rig::new();
    rig.fact(Event::PolicyChanged(Policy { search_rounds: 8, ..rig.engine.fleet().policy().clone() }));
    rig.input(Input::Commit(Outcome::Lost));
    rig.happens(Event::OrderCreated(job("left", km(1, 1))));
    let left = LogSeq(rig.seq);
    rig.happens(Event::OrderCreated(job("other", km(2, 1))));
    rig.engine = rig.engine.leaving([left]);
    rig.input(Input::Commit(Outcome::Granted(2)));
    assert!(matches!(rig.placement("other"), Placement::OnRoute(_)));
    // Minutes later new orders are answered and searched for as ever, and nobody is overloaded.
    rig.now += 300_000;
    rig.rest();
    assert!(!rig.notes.iter().any(|note| matches!(note, Note::Overload { .. })), "{:?}", rig.notes);
    rig.happens(Event::OrderCreated(job("later", km(3, 1))));
    assert!(matches!(rig.placement("later"), Placement::OnRoute(_)));
    assert!(rig.engine.dirty_count() > 0);
    rig.rest();
    assert_eq!(rig.engine.dirty_count(), 0, "nothing is searched while a fact waits");
    assert_eq!(rig.engine.backlog().waiting, 0);
    assert_eq!(rig.engine.fleet().unanswered().keys().copied().collect::<Vec<_>>(), [left]);
    assert_eq!(rig.placement("left"), Placement::Unplaced);
}
