//! A dispatcher's hand: orders pinned to a vehicle or forced onto it. Under the fourth rules the newest word counts, and it is
//! remembered also of an order that is over or not known yet.

use fleetfold_model::{Name, OrderId, Pin, PriorityRaised, VehicleId};
use serde::{Deserialize, Serialize};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::vehicle::RECALLED;
use crate::{Fleet, Mark, Placement, Told};

/// Most words about orders that nobody has asked for which wait for the first plan of a zone (guess: a morning's work of a
/// dispatcher who is quicker than the system that sends the orders). Those beyond are refused.
const EARLY_WORDS_MAX: usize = 4_096;

/// What a dispatcher said of an order before anybody had asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EarlyWord {
    /// It is to stay on this vehicle.
    Pinned(Pin),
    /// It may move again.
    Unpinned(Name),
    /// It is to go to this vehicle.
    Forced(Pin),
    /// It is this urgent.
    Raised(PriorityRaised),
}

impl EarlyWord {
    fn order(&self) -> &Name {
        match self {
            Self::Pinned(pin) | Self::Forced(pin) => &pin.order,
            Self::Unpinned(order) => order,
            Self::Raised(raised) => &raised.order,
        }
    }

    fn vehicle(&self) -> Option<&Name> {
        match self {
            Self::Pinned(pin) | Self::Forced(pin) => Some(&pin.vehicle),
            Self::Unpinned(_) | Self::Raised(_) => None,
        }
    }
}

impl Fleet {
    /// Before the first plan nothing says by which rules facts are judged. A word about an order that nobody knows waits for it: by
    /// earlier rules it was refused, by these it counts.
    pub(super) fn word_for_later(&mut self, verdict: Verdict, word: &EarlyWord, doing: &Applying) -> Verdict {
        let waits = doing.rules == 0 && verdict == Err(Refused::UnknownOrder);
        let is_forced = matches!(word, EarlyWord::Forced(_));
        let can_take = |name: &Name| {
            self.known_vehicle(name).is_ok_and(|id| !is_forced || self.vehicles[id.index()].is_available())
        };
        let counts = word.vehicle().is_none_or(can_take) && !self.was_retired(word.order());
        if !waits || !counts || self.early_words.len() >= EARLY_WORDS_MAX {
            return verdict;
        }
        self.early_words.push((doing.at, word.clone()));
        Ok(())
    }

    /// The first plan has named rules by which these words count.
    pub(super) fn take_early_words(&mut self, doing: &mut Applying) {
        let at = doing.at;
        for (said, word) in std::mem::take(&mut self.early_words) {
            doing.at = said;
            // One that a later word has overtaken is superseded.
            let _ = match word {
                EarlyWord::Pinned(pin) => self.pin(&pin, doing),
                EarlyWord::Unpinned(order) => self.unpin(&order, doing),
                EarlyWord::Forced(pin) => self.force(&pin, doing),
                EarlyWord::Raised(raised) => self.priority_raised(&raised, doing),
            };
        }
        doing.at = at;
    }

    pub(super) fn pin(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        if doing.remembers() || doing.rules == 0 {
            doing.tell(&mut self.orders[order.index()].told, Told::Pinned)?;
        }
        self.recall(order, vehicle, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        self.orders[order.index()].told.0.remove(&Told::Forced);
        if !self.is_there(&pin.order, doing)? {
            return Ok(());
        }
        if self.orders[order.index()].placement != Placement::OnRoute(vehicle) {
            self.ask_about(order, doing);
        }
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    pub(super) fn unpin(&mut self, name: &Name, doing: &mut Applying) -> Verdict {
        let order = self.named_order(name, doing)?;
        doing.order(order);
        if doing.remembers() || doing.rules == 0 {
            doing.tell(&mut self.orders[order.index()].told, Told::Pinned)?;
        }
        self.orders[order.index()].pinned = None;
        self.orders[order.index()].told.0.remove(&Told::Forced);
        if !self.is_there(name, doing)? {
            return Ok(());
        }
        self.ask_about(order, doing);
        Ok(())
    }

    pub(super) fn force(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        if !self.vehicles[vehicle.index()].is_available() {
            return Err(Refused::NotOnShift);
        }
        if doing.remembers() {
            // It overrides what the driver refused before, also where another word has come since.
            let state = &mut self.orders[order.index()];
            if state.note_word(Mark { vehicle, at: doing.at }) {
                state.rejected_by.retain(|&other| other != vehicle);
            }
            doing.tell(&mut state.told, Told::Pinned)?;
        } else if doing.rules == 0 {
            doing.tell(&mut self.orders[order.index()].told, Told::Pinned)?;
        }
        self.recall(order, vehicle, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        if doing.judges_times() {
            self.orders[order.index()].told.put(Told::Forced, doing.at);
        }
        if !doing.remembers() {
            self.orders[order.index()].rejected_by.retain(|&other| other != vehicle);
        }
        if !self.is_there(&pin.order, doing)? {
            return Ok(());
        }
        self.ask_about(order, doing);
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    /// The order of a dispatcher's word. What is said of one that nobody has asked for yet is remembered until somebody does.
    fn named_order(&mut self, name: &Name, doing: &Applying) -> Result<OrderId, Refused> {
        if doing.remembers() { self.intern_order(name) } else { self.known_order(name) }
    }

    /// False where a word is remembered because nobody has asked for its order yet; `Err` where the order is over.
    fn is_there(&self, name: &Name, doing: &Applying) -> Result<bool, Refused> {
        let order = self.known_order(name)?;
        if !doing.remembers() {
            return Ok(true);
        }
        self.still_open(order)?;
        Ok(self.orders[order.index()].spec.is_some())
    }

    /// Whoever else is on the way to an order turns around: the visit is no longer frozen and can be taken off that route.
    pub(super) fn recall(&mut self, order: OrderId, vehicle: VehicleId, doing: &mut Applying) -> Verdict {
        let Placement::OnRoute(carrier) = self.orders[order.index()].placement else { return Ok(()) };
        if carrier == vehicle {
            return Ok(());
        }
        doing.vehicle(carrier);
        let state = &mut self.vehicles[carrier.index()];
        if let Some(under) = state.under_way.filter(|under| under.order == order) {
            if under.arrived.is_some() {
                return Err(Refused::AtStop);
            }
            state.under_way = None;
            doing.halts(carrier);
        }
        for visit in state.route.visits.iter_mut().filter(|visit| visit.order == order) {
            // Its time to depart never comes.
            visit.depart_at = RECALLED;
        }
        Ok(())
    }

    pub(super) fn pin_targets(&mut self, pin: &Pin, doing: &mut Applying) -> Result<(OrderId, VehicleId), Refused> {
        let vehicle = self.known_vehicle(&pin.vehicle);
        let order = if doing.remembers() {
            vehicle?;
            self.named_order(&pin.order, doing)?
        } else {
            self.known_order(&pin.order)?
        };
        let vehicle = vehicle?;
        doing.order(order);
        if !doing.remembers() {
            self.still_open(order)?;
        }
        if self.orders[order.index()].on_board.is_some_and(|carrier| carrier != vehicle) {
            return Err(Refused::OnBoard);
        }
        Ok((order, vehicle))
    }
}
