//! Where a node begins and whether it has read everything: expiry, bases, and a stream that other zones share. The judgement is the
//! journal's; what is asked of the log is asked in the order in which `node` asks it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fleetfold_engine::{Engine, Input};
use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::base::{self, object_name, parse};
use fleetfold_journal::{
    Address, Begin, Completeness, Covered, FanOut, FirstPlan, Held, Missing, Outcome, begin, own_message,
    still_the_same,
};
use fleetfold_model::{BaseWritten, Event, FORMAT, LogSeq, Millis, Space, Timestamp};
use fleetfold_wire::{What, assignment_from_json, decode, message_hash};

use crate::sim_log::SimMessage;

use super::deadly::{Ears, Settled};
use super::{Alive, Ask, Bug, Disk, Job, Reply, Run, Sender, is_own, plan_subject, zone};

/// How often a base is stored (log time): several times within the age to which the log keeps entries.
const BASE_EVERY: Millis = Millis(5_000);
/// How many bases are kept, as in `node`.
const BASES_KEPT: usize = 3;
/// A reader that nothing comes to for so many seconds asks whether something should, as in `node`.
const SILENT: u32 = 5;

/// A base that was read.
struct Base {
    fleet: Fleet,
}

impl Base {
    fn covered(&self) -> Covered {
        Covered { applied: self.fleet.applied().0, rev: self.fleet.chain().rev }
    }
}

impl Run<'_> {
    /// The stream forgets what is too old.
    pub(super) fn expire(&mut self) {
        if self.faults.expiry.0 > 0 {
            let before = self.now + Millis(-self.faults.expiry.0);
            self.log.expire("FLEET", before);
        }
    }

    /// The clock of a program that never stops.
    fn running(&self) -> Duration {
        Duration::from_millis((self.now - self.start).0.unsigned_abs())
    }

    /// First and last entry of the zone that the stream holds.
    fn zone_bounds(&self) -> Option<(u64, u64)> {
        let mut own = self.log.read("FLEET", 0).filter(|message| is_own(message)).map(|message| message.seq);
        let first = own.next()?;
        Some((first, own.last().unwrap_or(first)))
    }

    /// What the log holds for a start that has folded `applied`, and the names of bases; `None`: they are not asked for.
    fn held(&self, applied: u64) -> (Held, Option<Vec<String>>) {
        let objects: Vec<String> = self.bases.keys().cloned().collect();
        let (stream_first, stream_last) = self.log.bounds("FLEET");
        let plan = plan_subject();
        let mut first_plan = FirstPlan::default();
        let _ = self.log.read("FLEET", 0).any(|message| message.subject == plan && first_plan.look(&message.bytes));
        let zone = self.zone_bounds();
        let mut held = Held { stream_first, stream_last, zone, ..Held::default() };
        held.begins_with_plan(first_plan.found());
        let named: Vec<u64> = objects.iter().filter_map(|object| parse(object)).map(|(_, seq, _)| seq.0).collect();
        if !held.asks_for_bases(applied, &named) {
            return (held, None);
        }
        for seq in named {
            held.named(seq);
        }
        if held.may_lack(applied) {
            for message in self.log.read("ASSIGNMENT", 0) {
                if let Ok(assignment) = assignment_from_json(&message.bytes) {
                    held.named(assignment.revision.0);
                }
            }
            if let Some(mark) = self.mark {
                held.named(mark);
            }
        }
        (held, Some(objects))
    }

    fn open(&self, object: &str) -> Option<Base> {
        let (fleet, _) = base::read(self.bases.get(object)?, &zone()).ok()?;
        Some(Base { fleet })
    }

    /// The base that the log itself names last.
    fn vouched(&self) -> Option<Base> {
        let subject = zone().subject(&Address::Event { kind: "base_written".to_owned(), entity: "_".to_owned() });
        let message = self.log.last("FLEET", &subject)?;
        let What::Event(Event::BaseWritten(named)) = decode(&message.bytes).ok()?.what else { return None };
        let base = self.open(&named.object)?;
        let is_named = base.fleet.digest() == named.digest && base.fleet.applied() == named.applied;
        is_named.then_some(base)
    }

    /// A node starts: with its snapshot, with a base, or at the first entry; or it refuses to.
    pub(super) fn wake_up(&mut self, node: usize) -> Result<(), String> {
        self.expire();
        let left = match self.settles(node)? {
            Settled::GoesOn(left) => left,
            Settled::Later => return Ok(()),
        };
        let is_usable = |disk: &&Disk| !disk.torn && !self.is_of_no_use(disk.fleet.applied().0, &disk.passed);
        let disk = self.nodes[node].disk.iter().rev().find(is_usable).cloned();
        let (mut fleet, mut last_id, mut passed) =
            disk.map_or((Fleet::new(), None, None), |disk| (disk.fleet, Some(disk.last_id), Some(disk.passed)));
        let applied = fleet.applied().0;
        let vouched = if applied == 0 { self.vouched() } else { None };
        let (mut held, objects) = self.held(applied);
        let mut base = objects.and_then(|objects| objects.iter().rev().find_map(|object| self.open(object)));
        held.base = base.as_ref().map(Base::covered);
        if let Some(vouched) =
            vouched.filter(|vouched| base.as_ref().is_none_or(|base| base.covered() <= vouched.covered()))
        {
            (held.base, held.base_is_named) = (Some(vouched.covered()), true);
            base = Some(vouched);
        }
        let judged = begin(Covered { applied, rev: fleet.chain().rev }, held);
        let covered = if let Begin::AtBase { applied } = judged { applied } else { applied };
        let goes_on = matches!(judged, Begin::After { .. } | Begin::AtBase { .. });
        if goes_on && self.is_missing(covered + 1, held.stream_first) {
            // Nothing shows it. A node says at its start that entries may be missing, and goes on: what was lost has to be sent again.
            self.survived.unseen += 1;
            self.is_over = true;
            return Ok(());
        }
        let held = self.misheld(held);
        let begins = self.misbegun(begin(Covered { applied, rev: fleet.chain().rev }, held), applied);
        let mut last_read = None;
        let read = match begins {
            Begin::After { after, verify } => {
                let found = self.log.read("FLEET", after).find(|message| is_own(message));
                if verify {
                    last_read = found.map(|message| (message.seq, hash_of(message)));
                }
                if verify && found.map(|message| &message.id) != last_id.as_ref() {
                    return self.regressed(node, "the log is not the one of the snapshot");
                }
                self.read_behind(node, fleet.applied())
            }
            Begin::AtBase { applied } => {
                self.survived.at_base += 1;
                let base = base.ok_or("a start at a base has none")?;
                (fleet, last_id, passed) = (base.fleet, None, None);
                applied
            }
            Begin::Expired { needed } => {
                self.refuses(node, needed, held.stream_first)?;
                return Ok(());
            }
            Begin::Regressed { .. } => return self.regressed(node, "a start found its log gone"),
        };
        let life = self.nodes[node].life + 1;
        let mut completeness = Completeness::new(false, self.running());
        completeness.set_keeps(Duration::from_millis(self.faults.expiry.0.unsigned_abs()));
        // Nothing was read yet, so nothing can be missing.
        let _ = completeness.holds(held.stream_first, read, self.running());
        let pending = self.log.read("FLEET", read).filter(|message| is_own(message)).count() as u64;
        completeness.begins(pending, self.running());
        let goal =
            if self.has(Bug::ReadyByTheStream) { held.stream_last } else { held.zone.map_or(0, |(_, last)| last) };
        let changed = (fleet.applied().0, fleet.digest());
        let passed = self.passed_at_start(passed, fleet.applied().0);
        let ears = Arc::new(self.ears(node));
        let engine = Engine::new(fleet, Arc::clone(&self.day.network)).watched(Arc::<Ears>::clone(&ears));
        self.nodes[node].life = life;
        self.nodes[node].asleep_until = self.now;
        self.nodes[node].alive = Some(Alive {
            engine: engine.leaving(left),
            read,
            goal,
            last_id,
            seeks: false,
            lease: None,
            fan: FanOut::default(),
            waiting: BTreeMap::new(),
            telling: false,
            tick_at: None,
            pulling: true,
            completeness,
            silent: 0,
            writes_base: false,
            changed,
            marked: 0,
            marking: false,
            last_read,
            reconnects: false,
            unread: true,
            since: self.now,
            ears,
            passed,
            has_strayed: false,
        });
        self.later(1, Job::Pull(node, life));
        self.later(1_000, Job::Second(node, life));
        self.later(10_000, Job::Snapshot(node, life));
        Ok(())
    }

    /// Whether the stream has dropped an entry of the zone from `needed` on.
    fn is_missing(&self, needed: u64, first: u64) -> bool {
        self.history.iter().any(|message| (needed..first).contains(&message.seq))
    }

    /// A start is refused because entries from `needed` on have expired. It must be right, and somebody tries again.
    fn refuses(&mut self, node: usize, needed: u64, first: u64) -> Result<(), String> {
        // After the log went back, what was told of the entries that it lost still names them.
        if self.survived.rollbacks == 0 && !self.is_missing(needed, first) {
            return Err(format!("a start was refused for entries from {needed} on, and none of the zone is missing"));
        }
        self.survived.gaps += 1;
        // The log has lost the entries behind the newest base that is left, and those before have expired: nobody can begin, and says so.
        self.is_over = self.survived.rollbacks > 0 && self.nodes.iter().all(|node| node.alive.is_none());
        self.later(2_000, Job::Start(node));
        Ok(())
    }

    /// The log is not the one any more that was folded. That must be true, and whoever looks after the zone removes what was made of what is
    /// lost before the node starts again.
    fn regressed(&mut self, node: usize, what: &str) -> Result<(), String> {
        if self.survived.rollbacks == 0 {
            return Err(what.to_owned());
        }
        self.survived.regressed += 1;
        self.remove_what_is_lost(node);
        let delay = self.random.between(200, 4_000);
        self.later(delay, Job::Start(node));
        Ok(())
    }

    /// Looks whether the log is still the one that was read, after the connection broke. False: it is not, or entries may be missing, and
    /// the node has stopped.
    pub(super) fn is_the_same_log(&mut self, node: usize) -> bool {
        let keeps = Duration::from_millis(self.faults.expiry.0.unsigned_abs());
        let Some(alive) = &mut self.nodes[node].alive else { return false };
        if !std::mem::take(&mut alive.reconnects) || self.bug == Some(Bug::LogNotLookedAtAgain) {
            return true;
        }
        let (first, last) = self.log.bounds("FLEET");
        let stands = |seq: u64| {
            let message = self.log.read("FLEET", seq - 1).next().filter(|message| message.seq == seq);
            message.filter(|_| (first..=last).contains(&seq)).map(hash_of)
        };
        let mut read = alive.last_read.map(|(seq, hash)| (hash, stands(seq)));
        if self.bug == Some(Bug::LogKnownByItsEndOnly) {
            read = None;
        }
        let passed = alive.last_read.map_or(alive.read, |(seq, _)| seq);
        if still_the_same(passed, last, (0, 0), read).is_err() {
            self.survived.regressed += 1;
            self.remove_what_is_lost(node);
            self.stops(node);
            return false;
        }
        alive.completeness.reconnected();
        alive.completeness.set_keeps(keeps);
        let passed = alive.read;
        self.holds(node, passed)
    }

    /// A message has come to a node. False: entries before it may be missing, and the node does not go on.
    pub(super) fn came(&mut self, node: usize, seq: u64, pending: u64) -> bool {
        let now = self.running();
        let Some(alive) = &mut self.nodes[node].alive else { return false };
        alive.silent = 0;
        alive.completeness.ticked(now);
        if !alive.completeness.came(seq, pending, now) {
            return true;
        }
        self.holds(node, seq)
    }

    /// Looks at what the stream holds. False: entries may be missing, and the node has stopped.
    fn holds(&mut self, node: usize, passed: u64) -> bool {
        let now = self.running();
        let (first, _) = self.log.bounds("FLEET");
        let Some(alive) = &mut self.nodes[node].alive else { return false };
        let holds = alive.completeness.holds(first, passed, now);
        alive.completeness.is_awake(now);
        let fleet = alive.engine.fleet();
        let covered = Covered { applied: fleet.applied().0, rev: fleet.chain().rev };
        match holds {
            Ok(()) => true,
            _ if self.has(Bug::MissingEntriesPassedOver) => true,
            Err(Missing::Unsure(_)) => {
                let lacks = matches!(begin(covered, self.held(covered.applied).0), Begin::Expired { .. });
                if lacks {
                    self.stops(node);
                }
                !lacks
            }
            Err(Missing::Gap(_)) => {
                self.stops(node);
                false
            }
        }
    }

    /// A node may lack entries: it lets the zone go and publishes nothing any more. Somebody starts it again.
    fn stops(&mut self, node: usize) {
        self.survived.gaps += 1;
        self.feed(node, Input::Commit(Outcome::Lost));
        self.nodes[node].alive = None;
        self.nodes[node].life += 1;
        let delay = self.random.between(200, 4_000);
        self.later(delay, Job::Start(node));
    }

    /// What a node does every second: it sees that it runs, whether something should have come, and looks after bases and the mark.
    pub(super) fn second(&mut self, node: usize) {
        self.expire();
        let (now, log_now) = (self.running(), self.now);
        let (_, stream_last) = self.log.bounds("FLEET");
        let last = self.zone_bounds().map_or(0, |(_, last)| last);
        let keeps_bases = self.faults.expiry.0 > 0;
        let life = self.nodes[node].life;
        let Some(alive) = &mut self.nodes[node].alive else { return };
        if alive.lease.is_none() && self.stands_back(node) {
            return;
        }
        let Some(alive) = &mut self.nodes[node].alive else { return };
        alive.completeness.ticked(now);
        alive.silent += 1;
        if alive.silent >= SILENT && alive.read >= last {
            if alive.completeness.has_slept(now) {
                let passed = alive.read;
                if !self.holds(node, passed) {
                    return;
                }
            } else {
                alive.silent = 0;
                alive.completeness.has_all(now);
                alive.completeness.has_all_to(stream_last);
            }
        }
        let Some(alive) = &mut self.nodes[node].alive else { return };
        let fleet = alive.engine.fleet();
        if fleet.digest() != alive.changed.1 {
            alive.changed = (fleet.applied().0, fleet.digest());
        }
        let Some(epoch) = alive.engine.commit().epoch() else { return };
        if !keeps_bases {
            return;
        }
        if alive.changed.0 > alive.marked && !alive.marking {
            alive.marking = true;
            let folded = alive.changed.0;
            self.send(Sender::Node(node, life), Ask::Mark(folded));
        }
        self.base_if_due(node, epoch, log_now);
    }

    fn base_if_due(&mut self, node: usize, epoch: u64, now: Timestamp) {
        let every = if self.has(Bug::OneBaseOnly) { Millis(i64::MAX) } else { BASE_EVERY };
        let life = self.nodes[node].life;
        let Some(alive) = &mut self.nodes[node].alive else { return };
        let fleet = alive.engine.fleet();
        if alive.writes_base || !base::is_due(fleet, LogSeq(alive.changed.0), now, every) {
            return;
        }
        alive.writes_base = true;
        let object = object_name(&zone(), fleet.applied(), FORMAT);
        let document = base::write(fleet, &Tally::default(), &zone());
        let base = BaseWritten {
            applied: fleet.applied(),
            format: FORMAT,
            digest: fleet.digest(),
            object: object.clone(),
            hash: message_hash(&document).to_string(),
            bytes: document.len() as u64,
            epoch,
        };
        let said = own_message(&zone(), &Event::BaseWritten(base), Space::Geographic, now);
        self.send(Sender::Node(node, life), Ask::PutBase { object, document, said });
    }

    /// The answer to a part of storing a base, or of the mark.
    pub(super) fn base_stored(&mut self, node: usize, ask: Ask, reply: &Reply) {
        let life = self.nodes[node].life;
        let is_stored = matches!(reply, Reply::Stored { .. });
        let Some(alive) = &mut self.nodes[node].alive else { return };
        match ask {
            Ask::Mark(folded) => {
                alive.marking = false;
                if is_stored {
                    alive.marked = folded;
                }
            }
            Ask::PutBase { said, .. } if is_stored => self.send(Sender::Node(node, life), Ask::SayBase { said }),
            Ask::SayBase { said } if !is_stored => {
                self.later(100, Job::Send(Sender::Node(node, life), Ask::SayBase { said }));
            }
            Ask::SayBase { .. } => {
                alive.writes_base = false;
                let extra = self.bases.len().saturating_sub(BASES_KEPT);
                for _ in 0..extra {
                    self.bases.pop_first();
                }
            }
            _ => alive.writes_base = false,
        }
    }
}

/// The hash of a message, as long as the journal wants it.
pub(super) fn hash_of(message: &SimMessage) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&message_hash(&message.bytes).0.to_be_bytes());
    hash
}
