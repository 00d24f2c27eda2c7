//! Decisions in words, stories of vehicles and orders, refusals: what a screen shows beside the fleet.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use fleetfold_fleet::Change;
use fleetfold_model::{Choice, Event, LogEntry, LogSeq, Name, Obstacle, Proposal, Timestamp, UnassignedReason};
use fleetfold_wire::RejectedV1;

use super::stories::{Who, line};
use super::{Decision, Decisions, Refusal, Told, reason_words};

/// Decisions kept for the screen.
const DECISIONS_MAX: usize = 400;
/// Lines kept of one order's or vehicle's story.
const STORY_MAX: usize = 40;
/// Refused and rejected facts kept for the screen.
const REFUSED_MAX: usize = 100;

/// What the screen needs beside the fleet: decisions in words, stories, refusals.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) decisions: VecDeque<Decision>,
    pub(crate) refused: VecDeque<Refusal>,
    /// Stories of orders and of vehicles: an order and a vehicle may have the same id.
    orders: BTreeMap<Name, VecDeque<Told>>,
    vehicles: BTreeMap<Name, VecDeque<Told>>,
    next: u64,
}

fn minutes(millis: i64) -> String {
    let seconds = millis / 1000;
    if seconds.abs() < 60 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

/// A decision in words.
fn choice_words(choice: &Choice) -> String {
    if let (true, Some(vehicle), Some(pinned)) = (choice.pin_refused, &choice.vehicle, &choice.runner_up) {
        let why = match choice.runner_up_obstacle {
            Obstacle::Skills => "it lacks a skill or may not serve it",
            Obstacle::Capacity => "it has no room for it",
            Obstacle::Shift | Obstacle::Lateness | Obstacle::Dearer => "its shift ends too early",
            Obstacle::OffDuty => "nobody has signed on to it",
            Obstacle::BrokenDown => "it has broken down",
            Obstacle::Stops => "it has as many stops as it may have",
            Obstacle::Unreachable => "no road leads there from where it is",
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
            Obstacle::Unreachable => "has no road there".to_owned(),
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
    /// An entry was folded at this zone time: its line in a story, and the decisions that came of a plan, which are returned.
    pub(crate) fn folded(&mut self, entry: &LogEntry, change: &Change, at: Timestamp) -> Vec<Decision> {
        let decisions = match (&entry.event, &change.plan) {
            (Event::PlanProposed(proposal), Some(plan)) => self.plan(proposal, &plan.accepted, at),
            _ => Vec::new(),
        };
        if let Some(line) = line(&entry.event) {
            self.tell(line.who, line.at.unwrap_or(at), &line.words);
        }
        for (_, name) in &change.retired {
            self.orders.remove(name);
        }
        decisions
    }

    /// A plan came back: its accepted groups become decisions in words.
    fn plan(&mut self, proposal: &Proposal, accepted: &[bool], at: Timestamp) -> Vec<Decision> {
        let mut new = Vec::new();
        for (group, _) in proposal.groups.iter().zip(accepted).filter(|(_, accepted)| **accepted) {
            for choice in &group.choices {
                self.next += 1;
                let words = choice_words(choice);
                self.tell(Who::Order(&choice.order), at, &words);
                if let Some(vehicle) = &choice.vehicle {
                    self.tell(Who::Vehicle(vehicle), at, &words);
                }
                let decision = Decision {
                    n: self.next,
                    at: at.0,
                    rev: proposal.rev,
                    order: choice.order.to_string(),
                    vehicle: choice.vehicle.as_ref().map(Name::to_string),
                    kind: if proposal.search.rounds > 0 { "improvement" } else { "answer" },
                    words,
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
    fn tell(&mut self, who: Who<'_>, at: Timestamp, words: &str) {
        let story = match who {
            Who::Order(name) => self.orders.entry(name.clone()).or_default(),
            Who::Vehicle(name) => self.vehicles.entry(name.clone()).or_default(),
        };
        story.push_back(Told { at: at.0, words: words.to_owned() });
        if story.len() > STORY_MAX {
            story.pop_front();
        }
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
        self.refused.push_back(refused.clone());
        if self.refused.len() > REFUSED_MAX {
            self.refused.pop_front();
        }
        refused
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
