//! Facts that wait, and what is left out meanwhile; and what searches move when there is time.

use super::*;
use crate::Note;

impl Rig {
    /// Hands an input over and keeps what is wanted, performing nothing of it.
    fn wants(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.engine.handle(input, &mut effects);
        effects
    }
}

fn appended(effects: &[Effect]) -> Option<Event> {
    effects
        .iter()
        .find_map(|effect| if let Effect::Append { event, .. } = effect { Some((**event).clone()) } else { None })
}

fn levels(effects: &[Effect]) -> Vec<u8> {
    let level = |effect: &Effect| if let Effect::Note(Note::Overload { level }) = effect { Some(*level) } else { None };
    effects.iter().filter_map(level).collect()
}

#[test]
fn facts_that_wait_raise_the_level_which_plans_say_and_which_falls_again() {
    let mut rig = Rig::new();
    let (first, second) = (
        next_entry(&mut rig.seq, 0, Event::OrderCreated(job("o1", km(1, 0)))),
        next_entry(&mut rig.seq, 0, Event::OrderCreated(job("o2", km(2, 0)))),
    );
    let (first, second) = (LogEntry { id: 101, ..first }, LogEntry { id: 102, ..second });
    let plan = appended(&rig.wants(Input::Entry(first))).expect("an answer");
    assert!(matches!(&plan, Event::PlanProposed(plan) if plan.overload == 0));
    assert!(appended(&rig.wants(Input::Entry(second))).is_none(), "one plan is under way");
    // It comes back after six seconds.
    assert_eq!(levels(&rig.wants(Input::Tick(Timestamp(300)))), [1]);
    assert_eq!(levels(&rig.wants(Input::Tick(Timestamp(6_000)))), [4]);
    rig.now = 6_000;
    let entry = next_entry(&mut rig.seq, rig.now, plan);
    let plan =
        appended(&rig.wants(Input::Entry(LogEntry { hash: MessageHash(9), ..entry }))).expect("the other answer");
    assert!(matches!(&plan, Event::PlanProposed(plan) if plan.overload == 4), "made while facts waited: {plan:?}");
    let entry = next_entry(&mut rig.seq, rig.now, plan);
    rig.wants(Input::Entry(LogEntry { hash: MessageHash(10), ..entry }));
    assert!(rig.engine.fleet().unanswered().is_empty());
    let mut seen = Vec::new();
    while rig.engine.overload() > 0 {
        let at = rig.engine.next_tick().expect("a level that holds is looked at again");
        rig.now = at.0;
        seen.extend(levels(&rig.wants(Input::Tick(at))));
    }
    assert_eq!(seen, [3, 2, 1, 0]);
    assert!(rig.now <= 10_100, "four seconds of calm are enough: {}", rig.now);
}

#[test]
fn nothing_is_searched_while_facts_wait_for_long() {
    let mut rig = Rig::new();
    rig.order(job("o1", km(1, 0)));
    rig.order(job("o2", km(2, 0)));
    rig.fact(Event::PolicyChanged(Policy { learn: false, ..Policy::default() }));
    let searches = |rig: &mut Rig, now: i64| {
        let effects = rig.wants(Input::Tick(Timestamp(now)));
        effects.iter().any(|effect| matches!(effect, Effect::Solve(_)))
    };
    // A fact whose answer takes three seconds.
    let slow = next_entry(&mut rig.seq, 0, Event::OrderCreated(job("o3", km(3, 0))));
    let plan = appended(&rig.wants(Input::Entry(LogEntry { id: 103, ..slow }))).expect("an answer");
    assert!(!searches(&mut rig, 3_000));
    rig.now = 3_000;
    let entry = next_entry(&mut rig.seq, rig.now, plan);
    rig.wants(Input::Entry(LogEntry { hash: MessageHash(9), ..entry }));
    assert_eq!(rig.engine.overload(), 3);
    assert!(!searches(&mut rig, 3_900), "not before the level has fallen");
    assert!((4_000..9_000).step_by(100).any(|now| searches(&mut rig, now)), "then again");
}

/// What a change of vehicle costs was a sum of money, which in a dense city is ten legs: no order ever changed vehicle.
#[test]
fn orders_move_to_a_vehicle_that_comes_next_to_them_when_that_saves_legs() {
    let mut rig = Rig::new();
    let metres = |x: i32| Position { x: x * 1_000, y: 0 };
    for (number, x) in [200, 300, 400, 1_600].into_iter().enumerate() {
        rig.order(job(&format!("o{number}"), metres(x)));
    }
    assert_eq!(rig.route("a").len(), 4);
    rig.on("d", metres(1_600));
    rig.fact(Event::PolicyChanged(Policy { learn: false, departure_margin: Millis(0), ..Policy::default() }));
    rig.rest();
    assert_eq!((rig.route("a").len(), rig.route("d").len()), (3, 1), "a {:?}, d {:?}", rig.route("a"), rig.route("d"));
}

/// Nobody reports anything, and still the one swap that makes room is found.
#[test]
fn an_order_that_one_swap_would_place_is_placed_when_there_is_time() {
    let mut rig = Rig::new();
    rig.fact(Event::PolicyChanged(Policy { learn: false, departure_margin: Millis(0), ..Policy::default() }));
    let crane = Vehicle { skills: vec![name("crane")], ..vehicle("c", km(5, 0)) };
    rig.fact(Event::VehicleRegistered(crane.clone()));
    rig.fact(Event::ShiftStarted { vehicle: crane.name, shift: None, position: None });
    let full = Load([4, 0, 0, 0]);
    // Later, so that nobody has left for it yet.
    let windows = vec![TimeWindow::new(at(200), at(400)).unwrap()];
    let work = OrderWork::Job(Job { stop: StopSpec { windows, ..stop(km(5, 4)) }, direction: LoadDirection::Pickup });
    rig.order(Order { load: full, work, ..job("plain", km(5, 4)) });
    assert_eq!(rig.route("c").len(), 1, "it is the nearest");
    // No route is stale any more.
    rig.rest();
    assert_eq!(rig.engine.dirty_count(), 0);
    rig.order(Order { load: full, skills: vec![name("crane")], ..job("heavy", km(5, 6)) });
    let heavy = rig.engine.fleet().order_id("heavy").unwrap();
    let placement = |rig: &Rig| rig.engine.fleet().order(heavy).placement;
    assert!(matches!(placement(&rig), Placement::Unassigned(_)), "the only crane is full");
    rig.rest();
    assert!(matches!(placement(&rig), Placement::OnRoute(_)), "another vehicle takes what needs no crane");
}

#[test]
fn an_order_that_nobody_can_take_makes_no_plans() {
    let mut rig = Rig::new();
    rig.fact(Event::PolicyChanged(Policy { learn: false, departure_margin: Millis(0), ..Policy::default() }));
    rig.order(Order { skills: vec![name("crane")], ..job("heavy", km(5, 6)) });
    let before = rig.engine.fleet().chain().rev;
    rig.rest();
    assert_eq!(rig.engine.fleet().chain().rev, before);
}
