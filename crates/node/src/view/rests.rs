//! What drivers said that they did between their stops: breaks, and calls at depots.

use std::collections::VecDeque;

use fleetfold_fleet::Refused;
use fleetfold_model::{Event, Name, Timestamp};

use super::RestTaken;

/// So many are kept of each vehicle: those of a long shift.
const KEPT: usize = 16;

/// One of them: each of its ends may be told first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest {
    what: &'static str,
    starts: Option<Timestamp>,
    ends: Option<Timestamp>,
}

/// Of all vehicles, by their names.
#[derive(Debug, Default)]
pub(crate) struct Rests(hashbrown::HashMap<Name, VecDeque<Rest>>);

impl Rests {
    /// An event was folded, or refused for this.
    pub(crate) fn folded(&mut self, event: &Event, refused: Option<Refused>) {
        let (what, vehicle, at, begins) = match event {
            Event::BreakStarted(pause) => ("break", &pause.vehicle, pause.at, true),
            Event::BreakEnded(pause) => ("break", &pause.vehicle, pause.at, false),
            Event::ReloadStarted(call) => ("depot", &call.vehicle, call.at, true),
            Event::ReloadEnded(call) => ("depot", &call.vehicle, call.at, false),
            _ => return,
        };
        // An end that is told before its beginning is refused and remembered.
        if refused.is_some_and(|why| begins || why != Refused::NotOnBreak) {
            return;
        }
        let kept = self.0.entry(vehicle.clone()).or_default();
        let other =
            kept.iter_mut().rev().filter(|rest| rest.what == what).find(|rest| match (rest.starts, rest.ends) {
                (Some(starts), None) => !begins && starts <= at,
                (None, Some(ends)) => begins && at <= ends,
                _ => false,
            });
        match other {
            Some(rest) if begins => rest.starts = Some(at),
            Some(rest) => rest.ends = Some(at),
            None => kept.push_back(Rest { what, starts: begins.then_some(at), ends: (!begins).then_some(at) }),
        }
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// What happened before everything that is remembered.
    pub(crate) fn precede(&mut self, earlier: Self) {
        for (vehicle, mut kept) in earlier.0 {
            let late = self.0.entry(vehicle).or_default();
            // One that was going on when that ended is over as the first one here says.
            if let (Some(open), Some(over)) = (kept.back().copied(), late.front().copied())
                && (open.what, open.ends, over.starts) == (over.what, None, None)
            {
                late[0].starts = open.starts;
                kept.pop_back();
            }
            kept.extend(std::mem::take(late));
            while kept.len() > KEPT {
                kept.pop_front();
            }
            *late = kept;
        }
    }

    /// Those of a vehicle that are over, oldest first.
    pub(crate) fn over(&self, vehicle: &Name) -> Vec<RestTaken> {
        let all = self.0.get(vehicle).into_iter().flatten();
        let over =
            all.filter_map(|rest| rest.starts.zip(rest.ends).map(|(starts, ends)| (rest.what, starts.0, ends.0)));
        let mut over: Vec<_> = over.map(|(what, starts, ends)| RestTaken { what, starts, ends }).collect();
        over.sort_by_key(|rest| rest.starts);
        over
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_fleet::Refused;
    use fleetfold_model::{BreakEvent, Event, Name, ReloadEvent, Timestamp};

    use super::{KEPT, Rests};

    fn pause(at: i64) -> BreakEvent {
        BreakEvent { vehicle: Name::new("v").unwrap(), at: Timestamp(at), duration: None, position: None }
    }

    fn call(at: i64) -> ReloadEvent {
        ReloadEvent { vehicle: Name::new("v").unwrap(), at: Timestamp(at), position: None }
    }

    fn over(rests: &Rests) -> Vec<(&'static str, i64, i64)> {
        rests.over(&Name::new("v").unwrap()).iter().map(|rest| (rest.what, rest.starts, rest.ends)).collect()
    }

    #[test]
    fn breaks_and_calls_are_kept_with_both_their_ends_whichever_is_told_first() {
        let mut rests = Rests::default();
        rests.folded(&Event::BreakStarted(pause(10)), None);
        rests.folded(&Event::ReloadStarted(call(40)), None);
        assert_eq!(over(&rests), [], "neither is over");
        rests.folded(&Event::ReloadEnded(call(50)), None);
        rests.folded(&Event::BreakEnded(pause(20)), None);
        rests.folded(&Event::BreakEnded(pause(90)), Some(Refused::NotOnBreak));
        rests.folded(&Event::BreakStarted(pause(95)), Some(Refused::NotOnShift));
        rests.folded(&Event::BreakStarted(pause(80)), None);
        assert_eq!(over(&rests), [("break", 10, 20), ("depot", 40, 50), ("break", 80, 90)]);
        for at in 0..100 {
            rests.folded(&Event::BreakStarted(pause(100 + 2 * at)), None);
            rests.folded(&Event::BreakEnded(pause(101 + 2 * at)), None);
        }
        assert_eq!(over(&rests).len(), KEPT, "the last ones");
    }

    #[test]
    fn a_break_that_goes_on_at_a_start_is_one() {
        let (mut earlier, mut rests) = (Rests::default(), Rests::default());
        for event in [Event::BreakStarted(pause(10)), Event::BreakEnded(pause(20)), Event::BreakStarted(pause(30))] {
            earlier.folded(&event, None);
        }
        rests.folded(&Event::BreakEnded(pause(40)), None);
        rests.precede(earlier);
        assert_eq!(over(&rests), [("break", 10, 20), ("break", 30, 40)]);
    }
}
