//! Decisions in words, stories of vehicles and orders, refusals: what a screen shows beside the fleet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use fleetfold_fleet::Change;
use fleetfold_model::{
    Attention, Choice, Event, ExchangeGroup, LogEntry, LogSeq, Name, NotedItem, Obstacle, OrderWork, Person, Proposal,
    StopKind, Timestamp, UnassignedReason,
};
use fleetfold_wire::{Labels, RejectedV1};

use super::rests::Rests;
use super::stories::{Who, about, attention_word, brought_back, collected, fact, is_collected, line};
use super::{
    Answered, Because, Decision, Decisions, NotedLine, Reasons, Refusal, Told, Touched, reason_words, refused_words,
};
use crate::reasons::Beside;

/// Decisions kept for the screen: some minutes of a busy zone (guess).
const DECISIONS_MAX: usize = 2_000;
/// Facts that are remembered so that decisions can name them.
const FACTS_MAX: usize = 20_000;
/// Changes of the roads of which it is remembered whom they touched.
const TOUCHES_MAX: usize = 100;
/// Most that dispatchers have said of something and that is kept.
const NOTED_MAX: usize = 5_000;
/// Facts that one decision names.
pub(crate) const BECAUSE_MAX: usize = 6;
/// Choices of one plan that have numbers of their own: more than any plan has.
const CHOICES_MAX: u64 = 4_096;
/// Lines kept of one order's or vehicle's story.
const STORY_MAX: usize = 40;

/// A table by name: it is looked into for every visit of every plan. Nothing depends on the order in which it is walked.
type ByName<T> = hashbrown::HashMap<Name, T>;

/// What the screen needs beside the fleet: decisions in words, stories, refusals.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) decisions: VecDeque<Decision>,
    pub(crate) refused: VecDeque<Refusal>,
    /// Stories of orders and of vehicles: an order and a vehicle may have the same id.
    orders: ByName<VecDeque<Told>>,
    vehicles: ByName<VecDeque<Told>>,
    /// The last facts, by their entries.
    facts: BTreeMap<u64, Arc<Because>>,
    /// What came of the last facts: why one was refused, or the plan that answers it.
    outcomes: BTreeMap<u64, Outcome>,
    /// What drivers did between their stops.
    pub(crate) rests: Rests,
    /// When the stops of an order were to begin, as plans said.
    planned: ByName<Planned>,
    /// The entry that was read last and what the person called himself who sent it.
    sent: Option<(LogSeq, String)>,
    /// What orders are called.
    labels: ByName<Labels>,
    /// Jobs at whose only stop goods are taken on: events call it their delivery.
    collected: BTreeSet<Name>,
    /// Orders that were retired, with what they and their stops were called: a search finds them, and the log tells of them.
    past: BTreeMap<Name, Option<Box<Labels>>>,
    /// The same in the order in which they went.
    went: VecDeque<Name>,
    /// What dispatchers say, by what it is about.
    noted: BTreeMap<String, NotedLine>,
    /// What of the next entry stands in the fleet.
    beside: Beside,
    /// Vehicles whose ways the last changes of the roads have touched, each with the orders on its route, by the entries that told of them.
    touches: BTreeMap<u64, Vec<(Name, Vec<Name>)>>,
    /// Who was forgotten: what is read of before says nothing of them.
    forgotten: BTreeSet<Person>,
}

/// When the stops of an order were to begin.
#[derive(Debug, Default)]
struct Planned {
    /// Each, and on which vehicle, as the last plan that named it said.
    last: [Option<(Name, Timestamp)>; 2],
    /// The last stop, as the first plan said since the customer last changed what he asks for.
    first: Option<Timestamp>,
    /// He has changed it: what plans said before that counts no more.
    anew: bool,
}

/// What came of a fact.
#[derive(Clone, Debug)]
enum Outcome {
    Refused(&'static str),
    /// The number of the plan.
    Answered(u64),
}

/// Retired orders that a search finds (guess: some 30 MB).
const PAST_MAX: usize = 100_000;

/// Lets go of the oldest ones.
fn forget<T>(kept: &mut BTreeMap<u64, T>) {
    while kept.len() > FACTS_MAX {
        kept.pop_first();
    }
}

/// Lets lines of a story go that is too long. Where it began, what was decided first and what was decided last stay; behind what went it says how many.
fn cut(story: &mut VecDeque<Told>) {
    while story.len() > STORY_MAX {
        let is_decision = |told: &Told| told.decision.is_some();
        let ends = [Some(0), story.iter().position(is_decision), story.iter().rposition(is_decision)];
        let oldest = (0..story.len() - 1).find(|&at| !ends.contains(&Some(at))).unwrap_or(0);
        let gone = story.remove(oldest).map_or(0, |told| told.left_out + 1);
        story[oldest].left_out += gone;
    }
}

fn minutes(millis: i64) -> String {
    let seconds = millis / 1000;
    if seconds.abs() < 60 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

/// A decision in words.
pub(crate) fn choice_words(choice: &Choice) -> String {
    if let (true, Some(vehicle), Some(pinned)) = (choice.pin_refused, &choice.vehicle, &choice.runner_up) {
        let why = match choice.runner_up_obstacle {
            Obstacle::Skills => "it lacks a skill or may not serve it",
            Obstacle::Capacity => "it has no room for it",
            Obstacle::Shift | Obstacle::Lateness | Obstacle::Dearer => "its shift ends too early",
            Obstacle::OffDuty => "nobody has signed on to it",
            Obstacle::BrokenDown => "it has broken down",
            Obstacle::Stops => "it has as many stops as it may have",
            Obstacle::Silent => "nothing is heard of it",
            Obstacle::Unreachable => "no road leads there from where it is",
            Obstacle::DrivingTime => "its driver may not drive, or be at work, so long",
        };
        return format!("order {} stays with {vehicle}: pinned to {pinned}, which cannot take it: {why}", choice.order);
    }
    let mut words = match (&choice.vehicle, choice.reason) {
        (Some(vehicle), _) => match &choice.previous {
            Some(previous) if previous != vehicle => {
                format!("order {} moved {previous} → {vehicle}, {} detour", choice.order, minutes(choice.detour.0))
            }
            _ => format!("order {} → {vehicle}, {} detour", choice.order, minutes(choice.detour.0)),
        },
        (None, reason) => {
            format!("order {} unassigned: {}", choice.order, reason_words(reason.unwrap_or(UnassignedReason::NoPlace)))
        }
    };
    if let Some(runner_up) = &choice.runner_up {
        let why = match choice.runner_up_obstacle {
            Obstacle::Dearer => format!("+{}", minutes(choice.runner_up_extra.0)),
            Obstacle::Skills => "lacks a skill or may not serve it".to_owned(),
            Obstacle::Capacity => "has no room for it".to_owned(),
            Obstacle::Lateness => format!("would be late, +{}", minutes(choice.runner_up_extra.0)),
            Obstacle::Shift => "its shift ends too early".to_owned(),
            Obstacle::OffDuty => "nobody has signed on to it".to_owned(),
            Obstacle::BrokenDown => "has broken down".to_owned(),
            Obstacle::Stops => "has as many stops as it may have".to_owned(),
            Obstacle::Silent => "could, and nothing is heard of it".to_owned(),
            Obstacle::Unreachable => "has no road there".to_owned(),
            Obstacle::DrivingTime => "its driver may not drive, or be at work, so long".to_owned(),
        };
        let whom = if choice.vehicle.is_some() { "runner-up" } else { "the nearest miss is" };
        let _ = write!(words, "; {whom} {runner_up}, {why}");
    }
    if choice.joint > 1 {
        let _ = write!(words, " (part of a joint change of {} orders)", choice.joint);
    }
    words
}

impl Memory {
    /// Refused and rejected facts kept for the screen.
    pub(crate) const REFUSED_MAX: usize = 100;

    /// An entry was folded at this zone time: its line in a story, and the decisions that came of a plan, which are returned.
    pub(crate) fn folded(&mut self, entry: &LogEntry, change: &Change, at: Timestamp) -> Vec<Decision> {
        let decisions = match (&entry.event, &change.plan) {
            (Event::PlanProposed(proposal), Some(plan)) => self.plan(entry.seq, proposal, &plan.accepted, at),
            _ => Vec::new(),
        };
        let beside = std::mem::take(&mut self.beside);
        if !beside.touches.is_empty() {
            self.touches.insert(entry.seq.0, beside.touches);
            while self.touches.len() > TOUCHES_MAX {
                self.touches.pop_first();
            }
        }
        if let Event::PersonForgotten(person) = &entry.event {
            self.forget_person(person);
        }
        let new_promise = match &entry.event {
            _ if change.refused.is_some() => None,
            Event::OrderUpdated(asked) => {
                let anew = asked.work.is_some() || asked.release.is_some() || asked.promised.is_some();
                Some(&asked.order).filter(|_| anew)
            }
            Event::OrderRetried(retry) => Some(&retry.order),
            _ => None,
        };
        if let Some(order) = new_promise {
            let planned = self.planned.entry(order.clone()).or_default();
            (planned.first, planned.anew) = (None, true);
        }
        self.rests.folded(&entry.event, change.refused);
        let sender = self.sent.take().filter(|(seq, _)| *seq == entry.seq);
        // What a dispatcher wrote has his name already.
        let sender = sender.filter(|_| !matches!(entry.event, Event::AttentionNoted(_)));
        let by = sender.map(|(_, name)| format!(" by {name}")).unwrap_or_default();
        let mut line = line(&entry.event);
        if let (true, Event::StopCompleted(stop), Some(line)) = (beside.is_return, &entry.event, &mut line) {
            line.words = brought_back(&stop.vehicle);
        }
        if let Some(words) = fact(&entry.event, line.as_ref()).map(|words| words + &by) {
            let (order, vehicle) = about(&entry.event, line.as_ref());
            let (order, vehicle) = (order.map(Name::to_string), vehicle.map(Name::to_string));
            self.facts.insert(entry.seq.0, Arc::new(Because { seq: entry.seq.0, at: at.0, words, order, vehicle }));
            forget(&mut self.facts);
        }
        if let Some(refused) = change.refused {
            self.outcomes.insert(entry.seq.0, Outcome::Refused(refused_words(refused)));
            forget(&mut self.outcomes);
        }
        match &entry.event {
            _ if change.refused.is_some() => {}
            Event::OrderCreated(order) => self.asked_for(&order.name, &order.work),
            Event::SlotHeld(held) => self.asked_for(&held.order.name, &held.order.work),
            _ => {}
        }
        if let Some(mut line) = line {
            if matches!(line.who, Who::Order(name) if self.collected.contains(name)) {
                line.words = collected(line.words);
            }
            let refused = change.refused.map(|why| format!(" (refused: {})", refused_words(why))).unwrap_or_default();
            let is_note = matches!(entry.event, Event::AttentionNoted(_));
            let told = Told {
                at: line.at.unwrap_or(at).0,
                seq: entry.seq.0,
                is_note,
                ..Told::new(line.words + &by + &refused)
            };
            self.tell(line.who, told);
        }
        for (_, name) in &change.retired {
            self.orders.remove(name);
            let labels = self.labels.remove(name);
            self.went(name.clone(), labels);
            self.collected.remove(name);
            self.noted.remove(&format!("order {name}"));
            self.planned.remove(name);
        }
        decisions
    }

    /// An order was retired.
    fn went(&mut self, order: Name, labels: Option<Labels>) {
        let labels = labels.filter(|labels| !labels.is_empty()).map(Box::new);
        if self.past.insert(order.clone(), labels).is_none() {
            self.went.push_back(order);
        }
        while self.went.len() > PAST_MAX {
            let oldest = self.went.pop_front();
            oldest.and_then(|oldest| self.past.remove(&oldest));
        }
    }

    /// Orders that were retired, with what they and their stops were called.
    pub(crate) fn past(&self) -> impl Iterator<Item = (&Name, Option<&Labels>)> {
        self.past.iter().map(|(order, labels)| (order, labels.as_deref()))
    }

    /// What an order asks for.
    fn asked_for(&mut self, order: &Name, work: &OrderWork) {
        if is_collected(work) {
            self.collected.insert(order.clone());
        }
    }

    /// A person is forgotten: what he and his order were called, what dispatchers said of him, and where a message of his was not taken.
    fn forget_person(&mut self, person: &Person) {
        self.forgotten.insert(person.clone());
        while self.forgotten.len() > FACTS_MAX {
            self.forgotten.pop_first();
        }
        let (name, note) = match person {
            Person::Order(name) => {
                self.labels.remove(name);
                if let Some(labels) = self.past.get_mut(name) {
                    *labels = None;
                }
                (name, format!("order {name}"))
            }
            Person::Driver(name) => (name, format!("vehicle {name}")),
        };
        self.noted.remove(&note);
        let story = match person {
            Person::Order(_) => self.orders.get_mut(name),
            Person::Driver(_) => self.vehicles.get_mut(name),
        };
        // A line of a note has the words of whoever wrote it. What it says beside them stands in the log.
        let said: Vec<u64> =
            story.iter().flat_map(|story| story.iter()).filter(|told| told.is_note).map(|told| told.seq).collect();
        if let Some(story) = story {
            story.retain(|told| !told.is_note);
        }
        for seq in said {
            self.facts.remove(&seq);
        }
        self.refused.retain(|refused| refused.entity.as_deref() != Some(name.as_str()));
    }

    /// What an event calls an order, and who has sent it.
    pub(crate) fn call(&mut self, entry: &LogEntry, mut labels: Labels) {
        self.sent = labels.sender.take().map(|sender| (entry.seq, sender));
        if let Some(order) = Labels::order_of(&entry.event) {
            self.called(order, labels);
        }
    }

    /// A producer says what an order and its stops are called.
    fn called(&mut self, order: &Name, labels: Labels) {
        self.labels.entry(order.clone()).or_default().take(labels);
    }

    /// What an order is called.
    pub(crate) fn labels(&self, order: &Name) -> Option<&Labels> {
        self.labels.get(order)
    }

    /// What orders are called elsewhere.
    pub(crate) fn references(&self) -> impl Iterator<Item = (Name, Arc<str>)> {
        self.labels.iter().filter_map(|(order, labels)| Some((order.clone(), labels.reference.as_deref()?.into())))
    }

    /// What dispatchers say of what needs attention.
    pub(crate) fn noted(&self) -> Vec<&NotedLine> {
        self.noted.values().collect()
    }

    /// A dispatcher says something of what needs attention. `None`: the event is about something else.
    pub(crate) fn note(&mut self, entry: &LogEntry, at: Timestamp) -> Option<NotedLine> {
        let Event::AttentionNoted(noted) = &entry.event else { return None };
        let seq = entry.seq;
        let (key, order, vehicle, entry) = match &noted.item {
            NotedItem::Order(name) => (format!("order {name}"), Some(name.to_string()), None, None),
            NotedItem::Vehicle(name) => (format!("vehicle {name}"), None, Some(name.to_string()), None),
            NotedItem::Entry(entry) => (format!("entry {entry}"), None, None, Some(*entry)),
        };
        let line = NotedLine {
            order,
            vehicle,
            entry,
            attention: attention_word(noted.attention),
            at: at.0,
            seq: seq.0,
            until: noted.until.map(|until| until.0),
            by: noted.by.clone(),
            words: noted.words.clone(),
        };
        if noted.attention == Attention::Cleared {
            self.noted.remove(&key);
            return Some(line);
        }
        self.noted.insert(key, line.clone());
        if self.noted.len() > NOTED_MAX {
            let oldest = self.noted.iter().min_by_key(|(_, line)| line.seq).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.noted.remove(&key));
        }
        Some(line)
    }

    /// What a story tells of the entry that is folded next and that stands in the fleet.
    pub(crate) fn beside(&mut self, beside: Beside) {
        self.beside = beside;
    }

    /// What a group answers, as far as it is remembered.
    fn because(&self, group: &ExchangeGroup) -> Reasons {
        let named = group.caused_by.iter().filter_map(|seq| self.facts.get(&seq.0));
        named.take(BECAUSE_MAX).cloned().collect()
    }

    /// A plan came back: its accepted groups become decisions in words.
    fn plan(&mut self, seq: LogSeq, proposal: &Proposal, accepted: &[bool], at: Timestamp) -> Vec<Decision> {
        let mut new: Vec<Decision> = Vec::new();
        for (group, _) in proposal.groups.iter().zip(accepted).filter(|(_, accepted)| **accepted) {
            for answered in &group.caused_by {
                self.outcomes.insert(answered.0, Outcome::Answered(proposal.rev));
            }
            forget(&mut self.outcomes);
            for route in &group.routes {
                for visit in &route.visits {
                    // Most visits are known: their orders' names are not copied again.
                    let planned = match self.planned.get_mut(&visit.order) {
                        Some(planned) => planned,
                        None => self.planned.entry(visit.order.clone()).or_default(),
                    };
                    planned.last[visit.stop as usize] = Some((route.vehicle.clone(), visit.start));
                    if visit.stop == StopKind::Delivery {
                        planned.first.get_or_insert(visit.start);
                    }
                }
            }
            let because = self.because(group);
            let kind = match (proposal.search.rounds, group.caused_by.is_empty()) {
                (1.., _) => "improvement",
                (0, true) => "watch",
                (0, false) => "answer",
            };
            for choice in &group.choices {
                let mut words = choice_words(choice);
                if let Some((_, breaks)) = self.beside.broken.iter().find(|(order, _)| *order == choice.order) {
                    let _ = write!(words, "; by a dispatcher's word although {breaks}");
                }
                let words: Arc<str> = words.into();
                let told = Told {
                    at: at.0,
                    seq: seq.0,
                    decision: Some(proposal.rev),
                    because: Arc::clone(&because),
                    ..Told::new(Arc::clone(&words))
                };
                self.tell(Who::Order(&choice.order), told.clone());
                for vehicle in choice
                    .vehicle
                    .iter()
                    .chain(choice.previous.as_ref().filter(|was| choice.vehicle.as_ref() != Some(*was)))
                {
                    self.tell(Who::Vehicle(vehicle), told.clone());
                }
                let decision = Decision {
                    n: seq.0 * CHOICES_MAX + (new.len() as u64).min(CHOICES_MAX - 1),
                    at: at.0,
                    rev: proposal.rev,
                    order: choice.order.to_string(),
                    vehicle: choice.vehicle.as_ref().map(Name::to_string),
                    previous: choice.previous.as_ref().map(Name::to_string),
                    kind,
                    words,
                    because: Arc::clone(&because),
                };
                self.decisions.push_back(decision.clone());
                new.push(decision);
            }
        }
        while self.decisions.len() > DECISIONS_MAX {
            self.decisions.pop_front();
        }
        new
    }

    /// One more line in an entity's story.
    fn tell(&mut self, who: Who<'_>, told: Told) {
        let story = match who {
            Who::Order(name) => self.orders.entry(name.clone()).or_default(),
            Who::Vehicle(name) => self.vehicles.entry(name.clone()).or_default(),
        };
        story.push_back(told);
        cut(story);
    }

    /// A fact made no sense.
    ///
    /// `message`: the bytes that it came in, which name the event as far as they can be read.
    pub(crate) fn refuse(
        &mut self,
        seq: LogSeq,
        at: Timestamp,
        (reason, detail): (&str, &str),
        message: &[u8],
    ) -> Refusal {
        let RejectedV1 { source, id, entity, .. } = RejectedV1::new(seq.0, "", reason, detail, message);
        let (reason, detail) = (reason.to_owned(), detail.to_owned());
        let refused = Refusal { seq: seq.0, at: at.0, reason, detail, source, id, entity };
        self.keep_refused(refused.clone());
        refused
    }

    /// Keeps a refusal among the last ones.
    pub(crate) fn keep_refused(&mut self, refused: Refusal) {
        // One that is read out of the log again may have been told of by the stream before.
        let at = self.refused.partition_point(|known| known.seq < refused.seq);
        match self.refused.get_mut(at) {
            Some(known) if known.seq == refused.seq => *known = refused,
            Some(_) | None => self.refused.insert(at, refused),
        }
        if self.refused.len() > Self::REFUSED_MAX {
            self.refused.pop_front();
        }
    }

    /// What happened before everything that is remembered: an engine that began with a snapshot reads it out of the log.
    pub(crate) fn precede(&mut self, mut earlier: Self) {
        for person in &self.forgotten {
            earlier.forget_person(person);
        }
        let join = |late: &mut VecDeque<Told>, mut early: VecDeque<Told>| {
            early.extend(std::mem::take(late));
            *late = early;
            cut(late);
        };
        for (name, story) in earlier.orders {
            join(self.orders.entry(name).or_default(), story);
        }
        for (name, story) in earlier.vehicles {
            join(self.vehicles.entry(name).or_default(), story);
        }
        earlier.decisions.extend(std::mem::take(&mut self.decisions));
        self.decisions = earlier.decisions;
        self.decisions.drain(..self.decisions.len().saturating_sub(DECISIONS_MAX));
        // The stream that tells of refusals may have some that this engine has met itself.
        let mut refused: BTreeMap<u64, Refusal> = earlier.refused.into_iter().map(|one| (one.seq, one)).collect();
        refused.extend(std::mem::take(&mut self.refused).into_iter().map(|one| (one.seq, one)));
        self.refused.extend(refused.into_values());
        self.refused.drain(..self.refused.len().saturating_sub(Self::REFUSED_MAX));
        for (seq, fact) in earlier.facts {
            self.facts.entry(seq).or_insert(fact);
        }
        forget(&mut self.facts);
        // One that went since then was mostly given its names before.
        let (late, mut past) = (std::mem::take(&mut self.went), std::mem::take(&mut self.past));
        (self.went, self.past) = (earlier.went, earlier.past);
        for order in late {
            let mut labels = earlier.labels.remove(&order).unwrap_or_default();
            labels.take(past.remove(&order).flatten().map(|labels| *labels).unwrap_or_default());
            self.went(order, Some(labels));
        }
        for (order, labels) in earlier.labels {
            let late = self.labels.remove(&order).unwrap_or_default();
            self.labels.insert(order.clone(), labels);
            self.called(&order, late);
        }
        self.collected.extend(earlier.collected);
        self.rests.precede(earlier.rests);
        for (key, line) in earlier.noted {
            self.noted.entry(key).or_insert(line);
        }
        for (order, planned) in earlier.planned {
            let late = self.planned.entry(order).or_default();
            for (late, early) in late.last.iter_mut().zip(planned.last) {
                *late = late.take().or(early);
            }
            if !late.anew {
                (late.first, late.anew) = (planned.first.or(late.first), planned.anew);
            }
        }
    }

    /// When a stop was to begin as the last plan that named it said, and on which vehicle.
    pub(crate) fn planned(&self, order: &Name, stop: StopKind) -> Option<(&Name, Timestamp)> {
        self.planned.get(order)?.last[stop as usize].as_ref().map(|(vehicle, at)| (vehicle, *at))
    }

    /// When the last stop of an order was to begin as the first plan said since its customer last changed what he asks for.
    pub(crate) fn first_start(&self, order: &Name) -> Option<Timestamp> {
        self.planned.get(order)?.first
    }

    /// What came of the fact at an entry that was folded. `waits`: it has no answer yet.
    pub(crate) fn answered(&self, seq: u64, waits: bool) -> Answered {
        let (state, plan, reason) = match self.outcomes.get(&seq) {
            Some(Outcome::Refused(why)) => ("refused", None, Some(*why)),
            _ if waits => ("waiting", None, None),
            Some(Outcome::Answered(rev)) => ("answered", Some(*rev), None),
            None => ("taken", None, None),
        };
        let of = |decision: &&Decision| Some(decision.rev) == plan;
        let is_its = |decision: &&Decision| decision.because.iter().any(|fact| fact.seq == seq);
        let decisions = self.decisions.iter().filter(of).filter(is_its).cloned().collect();
        let touches = self.touches.get(&seq).into_iter().flatten();
        let touches = touches.map(|(vehicle, orders)| Touched {
            vehicle: vehicle.to_string(),
            orders: orders.iter().map(Name::to_string).collect(),
        });
        Answered { seq, state, plan, reason, decisions, touches: touches.collect() }
    }

    /// The decisions after a number and the last refusals, of one order or of all.
    pub(crate) fn decided(&self, after: u64, order: Option<&str>) -> Decisions<'_> {
        let is_asked = |named: Option<&str>| order.is_none_or(|order| named == Some(order));
        let decisions = self.decisions.iter().filter(|decision| decision.n > after);
        Decisions {
            decisions: decisions.filter(|decision| is_asked(Some(&decision.order))).collect(),
            refused: self.refused.iter().filter(|refusal| is_asked(refusal.entity.as_deref())).collect(),
        }
    }

    /// The lines of a vehicle or order, oldest first.
    pub(crate) fn story(&self, who: Who<'_>) -> Vec<&Told> {
        let story = match who {
            Who::Order(name) => self.orders.get(name),
            Who::Vehicle(name) => self.vehicles.get(name),
        };
        story.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Name, Person};
    use fleetfold_wire::Labels;

    use super::Memory;

    fn labels(reference: Option<&str>, delivery: Option<&str>) -> Labels {
        let [reference, delivery] = [reference, delivery].map(|label| label.map(str::to_owned));
        Labels { reference, delivery, ..Labels::default() }
    }

    fn past(memory: &Memory) -> Vec<(&str, Labels)> {
        memory.past().map(|(order, labels)| (order.as_str(), labels.cloned().unwrap_or_default())).collect()
    }

    #[test]
    fn a_retired_order_keeps_what_it_was_called_before_and_since_a_snapshot() {
        let [old, plain, secret] = ["old", "plain", "secret"].map(|id| Name::new(id).expect("an id"));
        let mut earlier = Memory::default();
        earlier.called(&old, labels(Some("Cake 1"), Some("9 Past Row")));
        earlier.called(&secret, labels(None, Some("1 Hidden Row")));
        let mut memory = Memory::default();
        memory.went(old.clone(), Some(labels(Some("Cake 4711"), None)));
        memory.went(plain, None);
        memory.went(secret.clone(), None);
        memory.forget_person(&Person::Order(secret));
        memory.precede(earlier);
        let nothing = Labels::default();
        let kept = labels(Some("Cake 4711"), Some("9 Past Row"));
        assert_eq!(past(&memory), [("old", kept), ("plain", nothing.clone()), ("secret", nothing.clone())]);
        assert!(memory.labels(&old).is_none(), "one that is over has no labels beside");
        memory.forget_person(&Person::Order(old));
        assert_eq!(past(&memory)[0], ("old", nothing));
    }
}
