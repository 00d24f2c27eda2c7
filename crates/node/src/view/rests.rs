//! What drivers said that they did between their stops: breaks, and calls at depots.

use fleetfold_fleet::Refused;
use fleetfold_model::{Event, Name, Timestamp};

use super::RestTaken;

/// So many are shown of each vehicle: those of a long shift.
const SHOWN: usize = 16;
/// So many words about them are kept of each vehicle.
const KEPT: usize = 4 * SHOWN;

/// What a driver said, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    at: Timestamp,
    what: &'static str,
    /// It begins; else it is over.
    begins: bool,
}

/// Of all vehicles, by their names. In whichever order it is told, the same comes of it.
#[derive(Debug, Default)]
pub(crate) struct Rests(hashbrown::HashMap<Name, Vec<Said>>);

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
        // What is told late changes nothing of now, and happened all the same.
        if refused.is_none_or(|why| matches!(why, Refused::NotOnBreak | Refused::Superseded)) {
            self.keep(vehicle, &[Said { at, what, begins }]);
        }
    }

    fn keep(&mut self, vehicle: &Name, said: &[Said]) {
        let kept = self.0.entry(vehicle.clone()).or_default();
        kept.extend(said);
        kept.sort_unstable();
        kept.dedup();
        kept.drain(..kept.len().saturating_sub(KEPT));
    }

    /// What happened before everything that is remembered.
    pub(crate) fn precede(&mut self, earlier: Self) {
        for (vehicle, said) in earlier.0 {
            self.keep(&vehicle, &said);
        }
    }

    /// Those of a vehicle of which both ends were told, oldest first. One that began and of which nothing was told until the next one began
    /// has no end.
    pub(crate) fn over(&self, vehicle: &Name) -> Vec<RestTaken> {
        let said = self.0.get(vehicle).map_or(&[][..], Vec::as_slice);
        let mut over = Vec::new();
        for what in ["break", "depot"] {
            let mut began = None;
            for said in said.iter().filter(|said| said.what == what) {
                if said.begins {
                    began = Some(said.at);
                } else if let Some(starts) = began.take() {
                    over.push(RestTaken { what, starts: starts.0, ends: said.at.0 });
                }
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
    use fleetfold_model::{BreakEvent, Event, Name, ReloadEvent, Timestamp};

    use super::{Rests, SHOWN};

    fn pause(at: i64) -> BreakEvent {
        BreakEvent { vehicle: Name::new("v").unwrap(), at: Timestamp(at), duration: None, position: None }
    }

    fn call(at: i64) -> ReloadEvent {
        ReloadEvent { vehicle: Name::new("v").unwrap(), at: Timestamp(at), position: None }
    }

    fn over(rests: &Rests) -> Vec<(&'static str, i64, i64)> {
        rests.over(&Name::new("v").unwrap()).iter().map(|rest| (rest.what, rest.starts, rest.ends)).collect()
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
