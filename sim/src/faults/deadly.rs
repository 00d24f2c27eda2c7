//! Entries that end every engine which folds them, or which answers them, and the quarantine that lets the zone go on. The judgement is the
//! journal's ([`Suspect`]); what is asked of the log is asked in the order in which `node` asks it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use fleetfold_engine::{Effect, Input, Watch};
use fleetfold_fleet::Fleet;
use fleetfold_journal::base::parse;
use fleetfold_journal::{InHand, Suspect};
use fleetfold_model::{Event, LogSeq, MessageHash, Millis, Timestamp};
use fleetfold_wire::{What, assignment_from_json, decode, message_hash};

use super::strays::Read;
use super::{Bug, Job, Run, plan_subject, zone};

/// Who takes an entry out of the fold holds the zone's lease under this name.
const QUARANTINE: &str = "quarantine";
/// So long it is tried to get the lease, as in `node`.
const LEASE_TRIED: Millis = Millis(6_000);
/// After a run that ended over several answers so many facts are answered one after the other, as in `node`.
const ALONE: u32 = 2_000;
/// So often an entry may end the runs of one node: the start that follows passes it over, or leaves it unanswered.
const DEATHS_MAX: u32 = 2;

/// What is deadly about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deadly {
    /// Whoever folds it dies.
    Folded,
    /// Whoever answers it dies.
    Answered,
    /// Whoever answers it on this node dies, on a machine of less memory, say; the other one gets past it.
    AnsweredOn(usize),
}

/// Hears which facts an engine answers.
#[derive(Debug, Default)]
pub(super) struct Ears {
    heard: Mutex<Vec<Vec<LogSeq>>>,
    /// So many facts are still answered one after the other.
    alone: AtomicU32,
}

impl Watch for Ears {
    fn wants_each_alone(&self) -> bool {
        self.alone.load(Ordering::Relaxed) > 0
    }

    fn answering(&self, facts: &[LogSeq]) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(facts.to_vec());
        let alone = self.alone.load(Ordering::Relaxed);
        self.alone.store(alone.saturating_sub(u32::from(facts.len() == 1)), Ordering::Relaxed);
    }
}

impl Ears {
    fn take(&self) -> Vec<Vec<LogSeq>> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a node writes down beside its snapshots, and loses with them.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspicion {
    suspect: Option<Suspect>,
    /// Facts that are left unanswered, because their entries cannot be passed over, and the hashes of these (0: not known).
    left: BTreeMap<LogSeq, MessageHash>,
    /// What the last run had in hand when it ended.
    ended: InHand,
    /// The last run that ended over answers ended over several.
    several: bool,
    /// Since when the lease is wanted for a quarantine.
    wants_lease: Option<Timestamp>,
}

/// What a start makes of its suspect.
pub(super) enum Settled {
    /// It goes on; these facts are left unanswered.
    GoesOn(BTreeSet<LogSeq>),
    /// It is tried again later.
    Later,
}

impl Run<'_> {
    /// Chooses whether a fact that is sent next is deadly.
    pub(super) fn maybe_deadly(&mut self, number: usize) {
        let wanted = self.faults.deadly as usize;
        let is_order = matches!(self.outbox[number], Event::OrderCreated(_));
        if self.deadly_facts.len() >= wanted || !is_order || !self.random.chance(0.3) {
            return;
        }
        let deadly = match self.random.between(0, 3) {
            0 | 1 => Deadly::Folded,
            2 => Deadly::Answered,
            _ => Deadly::AnsweredOn(self.random.between(0, 1) as usize),
        };
        self.deadly_facts.insert(number, deadly);
    }

    /// What is deadly about an entry of the log.
    fn deadly(&self, seq: LogSeq) -> Option<Deadly> {
        self.deadly.get(&seq.0).copied()
    }

    /// A message was stored: if it is deadly, that goes with its sequence.
    pub(super) fn deadly_is_stored(&mut self, seq: u64, id: &str) {
        let number = id.strip_prefix("world/").and_then(|number| number.parse::<usize>().ok());
        if let Some(&deadly) = number.and_then(|number| self.deadly_facts.get(&number)) {
            self.deadly.insert(seq, deadly);
        }
    }

    /// The facts that may wait for ever: whoever answers them dies, and they cannot be passed over any more.
    pub(super) fn may_wait(&self, seq: LogSeq) -> bool {
        matches!(self.deadly(seq), Some(Deadly::Answered | Deadly::AnsweredOn(_)))
    }

    /// Hands an input to a node's engine; `None`: the node has died over it.
    pub(super) fn handled(&mut self, node: usize, input: Input) -> Option<Vec<Effect>> {
        let alive = self.nodes[node].alive.as_mut()?;
        if let Input::Entry(entry) = &input
            && self.deadly.get(&entry.seq.0) == Some(&Deadly::Folded)
        {
            let held = InHand::Entry { seq: entry.seq.0, hash: entry.hash };
            self.dies(node, held);
            return None;
        }
        let mut effects = Vec::new();
        alive.engine.handle(input, &mut effects);
        let kills = |deadly: Option<&Deadly>| match deadly {
            Some(Deadly::Answered) => true,
            Some(Deadly::AnsweredOn(which)) => *which == node,
            Some(Deadly::Folded) | None => false,
        };
        let heard = alive.ears.take();
        if let Some(facts) = heard.into_iter().find(|facts| facts.iter().any(|seq| kills(self.deadly.get(&seq.0)))) {
            let held = match facts[..] {
                [LogSeq(seq)] => InHand::Entry { seq, hash: MessageHash(0) },
                _ => InHand::Several,
            };
            self.dies(node, held);
            return None;
        }
        let fleet = alive.engine.fleet();
        let suspicion = &mut self.nodes[node].suspicion;
        if let Some(suspect) = suspicion.suspect
            && suspect.is_past(fleet.applied(), fleet.unanswered().contains_key(&LogSeq(suspect.seq)))
        {
            suspicion.suspect = None;
            alive.ears.alone.store(0, Ordering::Relaxed);
        }
        suspicion.left.retain(|seq, _| fleet.applied() < *seq || fleet.unanswered().contains_key(seq));
        Some(effects)
    }

    /// An entry ends a node, in the middle of this.
    fn dies(&mut self, node: usize, held: InHand) {
        self.survived.deaths += 1;
        let held = if self.has(Bug::NothingIsInHand) { InHand::Nothing } else { held };
        let life = self.nodes[node].life;
        self.crash(node);
        // Where nobody could pass it over, whoever folds it dies until somebody can: only its answer can be left out.
        let is_in_the_way = |seq: &u64| {
            self.deadly(LogSeq(*seq)) == Some(Deadly::Folded)
                && self.nodes[node].suspicion.left.contains_key(&LogSeq(*seq))
        };
        if let InHand::Entry { seq, .. } = held
            && !is_in_the_way(&seq)
            && self.nodes[node].keeps_folder
        {
            // A folder that was lost with the node would have forgotten this one and those before.
            let (of, deaths) = self.nodes[node].deaths.unwrap_or((seq, 0));
            let deaths = if of == seq { deaths + 1 } else { 1 };
            self.nodes[node].deaths = Some((seq, deaths));
            if deaths > DEATHS_MAX {
                self.broken =
                    Some(format!("entry {seq} has ended {deaths} runs in a row on node {node}, in life {life}"));
            }
        }
        if self.nodes[node].keeps_folder {
            self.nodes[node].suspicion.ended = held;
            self.nodes[node].suspicion.several |= held == InHand::Several;
        }
    }

    /// Before anything else a start looks at what the last run had in hand.
    pub(super) fn settles(&mut self, node: usize) -> Result<Settled, String> {
        let now = self.now;
        let suspicion = &mut self.nodes[node].suspicion;
        let ended = std::mem::replace(&mut suspicion.ended, InHand::Nothing);
        suspicion.suspect = Suspect::after(suspicion.suspect, ended);
        let Some(suspect) = suspicion.suspect.filter(|suspect| suspect.is_due()) else {
            return Ok(self.goes_on(node));
        };
        let next = self.log.read("FLEET", suspect.seq - 1).next();
        if next.is_some_and(|message| message.seq > suspect.seq) {
            // The log does not keep it any more.
            return Ok(self.leaves(node, suspect));
        }
        let is_it = next.is_some_and(|message| suspect.hash.0 == 0 || message_hash(&message.bytes) == suspect.hash);
        if !is_it || self.passed_over.contains_key(&suspect.seq) {
            self.nodes[node].suspicion.suspect = None;
            return Ok(self.goes_on(node));
        }
        let Some(lease) = self.log.acquire(&zone().key(), QUARANTINE, now) else {
            let since = *self.nodes[node].suspicion.wants_lease.get_or_insert(now);
            if now - since > LEASE_TRIED {
                self.nodes[node].suspicion.wants_lease = None;
                return Ok(self.leaves(node, suspect));
            }
            self.later(200, Job::Start(node));
            return Ok(Settled::Later);
        };
        self.epoch_max = self.epoch_max.max(lease.epoch);
        self.nodes[node].suspicion.wants_lease = None;
        let is_told = self.is_told(suspect.seq) && !self.has(Bug::TracesIgnored);
        if !is_told {
            self.quarantine(suspect.seq)?;
            self.nodes[node].suspicion.suspect = None;
        }
        self.log.release(&zone().key(), lease);
        if is_told {
            return Ok(self.leaves(node, suspect));
        }
        Ok(self.goes_on(node))
    }

    /// A suspect that cannot be passed over is left unanswered from now on, and another one may be found out.
    fn leaves(&mut self, node: usize, suspect: Suspect) -> Settled {
        let message = self.log.read("FLEET", suspect.seq - 1).next().filter(|message| message.seq == suspect.seq);
        let hash = message.map_or(suspect.hash, |message| message_hash(&message.bytes));
        let suspicion = &mut self.nodes[node].suspicion;
        suspicion.left.insert(LogSeq(suspect.seq), hash);
        suspicion.suspect = None;
        self.goes_on(node)
    }

    /// A start goes on, and leaves unanswered what was left before, as long as this is the same log.
    fn goes_on(&mut self, node: usize) -> Settled {
        let is_it = |seq: LogSeq, hash: MessageHash| match self.log.read("FLEET", seq.0 - 1).next() {
            // The log does not keep it any more, or has never had so much.
            Some(next) if next.seq > seq.0 => true,
            Some(message) => hash.0 == 0 || message_hash(&message.bytes) == hash,
            None => false,
        };
        let left = self.nodes[node].suspicion.left.iter().map(|(&seq, &hash)| (seq, hash));
        let left: BTreeMap<LogSeq, MessageHash> = left.filter(|&(seq, hash)| is_it(seq, hash)).collect();
        let facts = left.keys().copied().collect();
        self.nodes[node].suspicion.left = left;
        Settled::GoesOn(facts)
    }

    /// How many facts a new life answers one after the other.
    pub(super) fn ears(&mut self, node: usize) -> Ears {
        let suspicion = &mut self.nodes[node].suspicion;
        let is_suspected = suspicion.suspect.is_some_and(|suspect| !suspect.is_due());
        let several = std::mem::take(&mut suspicion.several);
        let alone = if is_suspected || several { ALONE } else { 0 };
        Ears { alone: AtomicU32::new(alone), ..Ears::default() }
    }

    /// Whether an engine has folded an entry and told of it.
    fn is_told(&self, seq: u64) -> bool {
        let plan = plan_subject();
        let by_plan = self.log.read("FLEET", seq).filter(|message| message.subject == plan).any(|message| {
            matches!(
                decode(&message.bytes).map(|decoded| decoded.what),
                Ok(What::Event(Event::PlanProposed(plan))) if plan.based_on.0 >= seq
            )
        });
        let by_base = self.bases.keys().filter_map(|object| parse(object)).any(|(_, applied, _)| applied.0 >= seq);
        let told = |bytes: &[u8]| assignment_from_json(bytes).is_ok_and(|told| told.revision.0 >= seq);
        let by_route = self.log.read("ASSIGNMENT", 0).any(|message| told(&message.bytes));
        by_plan || by_base || by_route || self.mark.is_some_and(|folded| folded >= seq)
    }

    /// Takes an entry out of the fold. What stands in the log must not have been made with it.
    fn quarantine(&mut self, seq: u64) -> Result<(), String> {
        if self.deadly(LogSeq(seq)).is_none() {
            return Err(format!("entry {seq} was quarantined, and ends nobody"));
        }
        self.survived.quarantined += 1;
        self.passed_over.insert(seq, false);
        (self.truth, self.digests) = (Fleet::new(), BTreeMap::new());
        for message in &self.history {
            match self.read(message)? {
                Read::Entry(entry) => {
                    if let Event::PlanProposed(plan) = &entry.event
                        && plan.based_on.0 >= seq
                        && self.digests.get(&plan.based_on.0).is_some_and(|&digest| digest != plan.fleet_digest)
                    {
                        return Err(format!("plan {} was made with entry {seq}, which was quarantined", plan.rev));
                    }
                    self.truth.apply(&entry);
                }
                Read::Skipped(on_plan_subject) => self.truth.skip(LogSeq(message.seq), on_plan_subject),
            }
            self.digests.insert(message.seq, self.truth.digest());
        }
        for node in &mut self.nodes {
            if let Some(alive) = &mut node.alive {
                alive.has_strayed |= alive.read >= seq && !alive.passed.contains(&seq);
            }
        }
        Ok(())
    }

    /// Whoever has folded what is quarantined meanwhile must not own the zone: somebody starts it again. True: it has been ended.
    pub(super) fn stands_back(&mut self, node: usize) -> bool {
        let Some(alive) = &self.nodes[node].alive else { return false };
        if !alive.has_strayed || self.has(Bug::StrayedOwns) {
            return false;
        }
        self.survived.stood_back += 1;
        self.nodes[node].alive = None;
        self.nodes[node].life += 1;
        let delay = self.random.between(200, 4_000);
        self.later(delay, Job::Start(node));
        true
    }

    /// What a start has passed over that begins with a snapshot, or with a base or nothing (`None`).
    pub(super) fn passed_at_start(&self, of_snapshot: Option<BTreeSet<u64>>, applied: u64) -> BTreeSet<u64> {
        of_snapshot.unwrap_or_else(|| self.passed_over.range(..=applied).map(|(&seq, _)| seq).collect())
    }

    /// Whether a snapshot has folded what is passed over now.
    pub(super) fn is_of_no_use(&self, applied: u64, passed: &BTreeSet<u64>) -> bool {
        !self.has(Bug::SnapshotOfAllEntries) && self.passed_over.range(..=applied).any(|(seq, _)| !passed.contains(seq))
    }
}
