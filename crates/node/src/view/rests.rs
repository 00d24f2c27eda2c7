//! What drivers said that they did between their stops: breaks, and calls at depots.

use fleetfold_fleet::{Refused, VehicleState};
use fleetfold_model::{Event, Millis, Name, Timestamp};

use super::RestTaken;

/// So many are shown of each vehicle: those of a long shift.
const SHOWN: usize = 16;
/// So many words about them are kept of each vehicle.
const KEPT: usize = 4 * SHOWN;
/// So many departures and arrivals are kept of each vehicle: each ends a break of which no end is told.
const DRIVES_KEPT: usize = 2 * SHOWN;

/// What a driver said, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    at: Timestamp,
    what: &'static str,
    /// It begins; else it is over.
    begins: bool,
    /// How long it is to last, as he says.
    lasts: Option<Millis>,
}

/// Of one vehicle.
#[derive(Debug, Default)]
struct OfVehicle {
    said: Vec<Said>,
    /// When its driver departed for a stop, or arrived at one.
    drives: Vec<Timestamp>,
}

impl OfVehicle {
    fn keep(&mut self, said: &[Said], drives: &[Timestamp]) {
        keep_newest(&mut self.said, said, KEPT);
        keep_newest(&mut self.drives, drives, DRIVES_KEPT);
    }
}

fn keep_newest<T: Copy + Ord>(kept: &mut Vec<T>, more: &[T], most: usize) {
    kept.extend(more);
    kept.sort_unstable();
    kept.dedup();
    kept.drain(..kept.len().saturating_sub(most));
}

/// Of all vehicles, by their names. In whichever order it is told, the same comes of it.
#[derive(Debug, Default)]
pub(crate) struct Rests(hashbrown::HashMap<Name, OfVehicle>);

impl Rests {
    /// An event was folded, or refused for this.
    pub(crate) fn folded(&mut self, event: &Event, refused: Option<Refused>) {
        let (what, vehicle, at, begins, lasts) = match event {
            Event::BreakStarted(pause) => ("break", &pause.vehicle, pause.at, true, pause.duration),
            Event::BreakEnded(pause) => ("break", &pause.vehicle, pause.at, false, None),
            Event::ReloadStarted(call) => ("depot", &call.vehicle, call.at, true, None),
            Event::ReloadEnded(call) => ("depot", &call.vehicle, call.at, false, None),
            // He drives, whether or not the stop is on his route.
            Event::StopDeparted(stop) | Event::StopArrived(stop) => {
                self.0.entry(stop.vehicle.clone()).or_default().keep(&[], &[stop.at]);
                return;
            }
            _ => return,
        };
        // What is told late changes nothing of now, and happened all the same.
        if refused.is_none_or(|why| matches!(why, Refused::NotOnBreak | Refused::Superseded)) {
            self.0.entry(vehicle.clone()).or_default().keep(&[Said { at, what, begins, lasts }], &[]);
        }
    }

    /// What happened before everything that is remembered.
    pub(crate) fn precede(&mut self, earlier: Self) {
        for (vehicle, OfVehicle { said, drives }) in earlier.0 {
            self.0.entry(vehicle).or_default().keep(&said, &drives);
        }
    }

    /// Those of a vehicle that are over by now, oldest first: at the time that its driver told, or where he told none and said how long a break
    /// was to last, after so long, or when he went on. One that began and of which nothing of the kind is known until the next one has no end.
    pub(crate) fn over(&self, vehicle: &VehicleState, now: Timestamp) -> Vec<RestTaken> {
        // As long as a break is the last one, the fleet knows how long it is to last also where he did not say so.
        let last = vehicle.on_break.map(|pause| (pause.since, pause.until - pause.since));
        self.over_by(&vehicle.name, last, now)
    }

    fn over_by(&self, vehicle: &Name, last: Option<(Timestamp, Millis)>, now: Timestamp) -> Vec<RestTaken> {
        let Some(OfVehicle { said, drives }) = self.0.get(vehicle) else { return Vec::new() };
        // When one that began is over of which no end is told before the next one begins.
        let untold = |began: &Said, next: Timestamp| {
            let known = last.filter(|&(since, _)| since == began.at).map(|(_, lasts)| lasts);
            let lasts = began.lasts.or(known).filter(|&lasts| lasts > Millis(0))?;
            let goes_on = drives.iter().copied().find(|&at| at > began.at);
            let ends = goes_on.map_or(began.at + lasts, |at| at.min(began.at + lasts)).min(next);
            (ends <= now).then_some(ends)
        };
        let mut over = Vec::new();
        for what in ["break", "depot"] {
            let mut began: Option<&Said> = None;
            let mut rest = |began: &Said, ends: Timestamp| {
                over.push(RestTaken { what, starts: began.at.0, ends: ends.0 });
            };
            for said in said.iter().filter(|said| said.what == what) {
                match (began.take(), said.begins) {
                    (Some(before), true) => {
                        if let Some(ends) = untold(before, said.at) {
                            rest(before, ends);
                        }
                        began = Some(said);
                    }
                    (None, true) => began = Some(said),
                    (Some(before), false) => rest(before, said.at),
                    (None, false) => {}
                }
            }
            if let Some(before) = began
                && let Some(ends) = untold(before, Timestamp(i64::MAX))
            {
                rest(before, ends);
            }
        }
        over.sort_by_key(|rest| rest.starts);
        over.drain(..over.len().saturating_sub(SHOWN));
        over
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_fleet::Refused;
    use fleetfold_model::{BreakEvent, Event, Millis, Name, ReloadEvent, StopEvent, StopKind, Timestamp};

    use super::{Rests, SHOWN};

    fn pause(at: i64) -> BreakEvent {
        BreakEvent { vehicle: Name::new("v").unwrap(), at: Timestamp(at), duration: None, position: None }
    }

    fn call(at: i64) -> ReloadEvent {
        ReloadEvent { vehicle: Name::new("v").unwrap(), at: Timestamp(at), position: None }
    }

    fn over(rests: &Rests) -> Vec<(&'static str, i64, i64)> {
        over_by(rests, None, i64::MAX)
    }

    fn over_by(rests: &Rests, last: Option<(i64, i64)>, now: i64) -> Vec<(&'static str, i64, i64)> {
        let last = last.map(|(since, lasts)| (Timestamp(since), Millis(lasts)));
        rests
            .over_by(&Name::new("v").unwrap(), last, Timestamp(now))
            .iter()
            .map(|rest| (rest.what, rest.starts, rest.ends))
            .collect()
    }

    /// A break of which nobody tells the end is not over when a later one is.
    #[test]
    fn breaks_and_calls_have_their_own_ends_in_whichever_order_they_are_told() {
        let told = [
            (Event::BreakStarted(pause(10)), None),
            (Event::BreakEnded(pause(20)), None),
            (Event::BreakStarted(pause(30)), None),
            (Event::ReloadStarted(call(40)), None),
            (Event::ReloadEnded(call(50)), None),
            (Event::BreakStarted(pause(60)), Some(Refused::Superseded)),
            (Event::BreakEnded(pause(70)), Some(Refused::NotOnBreak)),
            (Event::BreakEnded(pause(75)), Some(Refused::NotOnBreak)),
            (Event::BreakStarted(pause(76)), Some(Refused::NotOnShift)),
        ];
        for turn in 0..told.len() {
            for backwards in [false, true] {
                let mut order: Vec<usize> = (0..told.len()).map(|index| (index + turn) % told.len()).collect();
                if backwards {
                    order.reverse();
                }
                let (mut earlier, mut rests) = (Rests::default(), Rests::default());
                for (count, index) in order.into_iter().enumerate() {
                    let (event, refused) = &told[index];
                    // An engine that starts anew reads the first half out of the log.
                    if count < told.len() / 2 { &mut earlier } else { &mut rests }.folded(event, *refused);
                }
                rests.precede(earlier);
                assert_eq!(
                    over(&rests),
                    [("break", 10, 20), ("depot", 40, 50), ("break", 60, 70)],
                    "{turn} {backwards}"
                );
            }
        }
    }

    /// A break of which no end is told is over after its length, or when its driver goes on.
    #[test]
    fn a_break_whose_length_is_known_ends_without_a_word() {
        let long = |at: i64| Event::BreakStarted(BreakEvent { duration: Some(Millis(20)), ..pause(at) });
        let drives = |at: i64| {
            let (vehicle, order) = (Name::new("v").unwrap(), Name::new("o").unwrap());
            Event::StopDeparted(StopEvent {
                vehicle,
                order,
                stop: StopKind::Delivery,
                at: Timestamp(at),
                position: None,
            })
        };
        let told =
            [long(10), long(100), drives(105), drives(140), long(200), long(210), Event::BreakStarted(pause(300))];
        for turn in 0..told.len() {
            let mut rests = Rests::default();
            (0..told.len()).for_each(|index| rests.folded(&told[(index + turn) % told.len()], None));
            let before = [("break", 10, 30), ("break", 100, 105), ("break", 200, 210), ("break", 210, 230)];
            assert_eq!(over(&rests), before);
            assert_eq!(over_by(&rests, None, 229), before[..3], "it goes on until then");
            assert_eq!(over_by(&rests, Some((300, 45)), 345), [&before[..], &[("break", 300, 345)]].concat());
            assert_eq!(over_by(&rests, Some((300, 45)), 344), before);
        }
    }

    #[test]
    fn the_last_ones_are_shown() {
        let mut rests = Rests::default();
        for at in 0..100 {
            rests.folded(&Event::BreakStarted(pause(2 * at)), None);
            rests.folded(&Event::BreakEnded(pause(2 * at + 1)), None);
        }
        assert_eq!((over(&rests).len(), over(&rests)[SHOWN - 1]), (SHOWN, ("break", 198, 199)));
    }
}
