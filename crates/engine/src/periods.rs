//! Decisions at fixed times: a zone whose policy says so is answered every so many minutes and not at once, as a dispatcher works who sits
//! down to it. What happens between is folded and waits.

use std::collections::BTreeSet;

use fleetfold_fleet::{Ask, Fleet};
use fleetfold_model::{LogSeq, Millis, Timestamp};

/// Plans are improved for so long behind each decision, zone time (guess: what a search of a large zone takes).
const OPEN: Millis = Millis(60_000);

/// Where decisions are taken at fixed times, drivers leave no sooner than so long behind one, zone time: the plan of a decision is what the first
/// searches make of it, and who is sent off by the first answer cannot be exchanged any more. (Guess: some three searches.)
const CONSIDERED: Millis = Millis(3_000);

/// When a driver leaves who could leave at an instant (zone time): then, or when the decision of that instant has been considered.
pub(crate) fn considered(fleet: &Fleet, at: Timestamp) -> Timestamp {
    let every = fleet.policy().decide_every.0;
    if every <= 0 {
        return at;
    }
    let (over, held) = (at.0.rem_euclid(every), CONSIDERED.0.min(every));
    if over < held { at + Millis(held - over) } else { at }
}

/// When the zone decides about what was logged at an instant (log time): then, or at the next multiple of the policy's period.
pub(crate) fn decided_at(fleet: &Fleet, logged_at: Timestamp) -> Timestamp {
    let every = fleet.policy().decide_every.0;
    if every <= 0 {
        return logged_at;
    }
    let at = fleet.zone().zone_time(logged_at);
    let over = at.0.rem_euclid(every);
    if over == 0 { logged_at } else { fleet.zone().log_time(at + Millis(every - over)).max(logged_at) }
}

/// True while plans are improved, and what nobody has reported is answered.
pub(crate) fn is_open(fleet: &Fleet, log_now: Timestamp) -> bool {
    let every = fleet.policy().decide_every.0;
    every <= 0 || fleet.zone().zone_time(log_now).0.rem_euclid(every) < OPEN.0.min(every)
}

/// True if the decision about a waiting fact is still to come.
pub(crate) fn is_held(fleet: &Fleet, ask: &Ask, log_now: Timestamp) -> bool {
    fleet.policy().decide_every.0 > 0 && decided_at(fleet, ask.logged_at) > log_now
}

/// The facts that wait, in the order of the log. `left`: those that are left unanswered, and do not count.
fn asked<'f>(fleet: &'f Fleet, left: &BTreeSet<LogSeq>) -> impl Iterator<Item = &'f Ask> {
    fleet.unanswered().iter().filter(move |(seq, _)| !left.contains(seq)).map(|(_, ask)| ask)
}

/// The fact that has waited for longest; `None`: none waits. `left`: those that are left unanswered, and do not count.
pub(crate) fn oldest<'f>(fleet: &'f Fleet, left: &BTreeSet<LogSeq>) -> Option<&'f Ask> {
    asked(fleet, left).next()
}

/// True if a fact waits whose decision is not still to come. `left`: those that are left unanswered, and do not count.
pub(crate) fn asks(fleet: &Fleet, left: &BTreeSet<LogSeq>, log_now: Timestamp) -> bool {
    // The oldest is decided first.
    oldest(fleet, left).is_some_and(|ask| !is_held(fleet, ask, log_now))
}

/// How many facts wait whose decision is not still to come. `left`: those that are left unanswered, and do not count.
pub(crate) fn waiting(fleet: &Fleet, left: &BTreeSet<LogSeq>, log_now: Timestamp) -> usize {
    if fleet.policy().decide_every.0 <= 0 {
        let waiting_left = left.iter().filter(|seq| fleet.unanswered().contains_key(seq)).count();
        return fleet.unanswered().len() - waiting_left;
    }
    asked(fleet, left).take_while(|ask| !is_held(fleet, ask, log_now)).count()
}

/// Log time at which the engine looks again: the next decision, if anything waits for it.
pub(crate) fn due_at(fleet: &Fleet, log_now: Timestamp) -> Option<Timestamp> {
    if fleet.policy().decide_every.0 <= 0 {
        return None;
    }
    let held = fleet.unanswered().values().find(|ask| is_held(fleet, ask, log_now));
    held.map(|ask| decided_at(fleet, ask.logged_at))
}
