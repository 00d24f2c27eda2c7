//! The two engines: they start from what their disks hold, fold, own the zone in turn, tell drivers, sleep and die.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use fleetfold_engine::{Effect, Input, run as run_search};
use fleetfold_journal::{FanOut, Heard, Next, Outcome, own_message};
use fleetfold_model::{Assignment, LogSeq, Millis, Name, Space};
use fleetfold_wire::assignment_to_json;

use super::begin::hash_of;
use super::deadly::Suspicion;
use super::strays::Read;
use super::{Ask, Bug, Job, Reply, Run, Sender, is_own, zone};

impl Run<'_> {
    pub(super) fn crash(&mut self, node: usize) {
        self.survived.crashes += 1;
        self.nodes[node].keeps_folder = !self.random.chance(self.faults.folder_lost);
        if !self.nodes[node].keeps_folder {
            self.nodes[node].disk.clear();
            (self.nodes[node].suspicion, self.nodes[node].deaths) = (Suspicion::default(), None);
        }
        self.nodes[node].alive = None;
        self.nodes[node].life += 1;
        let delay = self.random.between(200, 4_000);
        self.later(delay, Job::Start(node));
    }

    pub(super) fn pull(&mut self, node: usize) -> Result<(), String> {
        let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
        alive.pulling = false;
        let read = alive.read;
        self.expire();
        if !self.is_the_same_log(node) {
            return Ok(());
        }
        let own = self.log.read("FLEET", read).filter(|message| is_own(message));
        let mut messages: Vec<_> = own.take(16).cloned().collect();
        let mut pending = self.log.read("FLEET", read).filter(|message| is_own(message)).count() as u64;
        if self.has(Bug::MessagePassedOver) && messages.len() > 2 {
            messages.remove(1);
        }
        if self.has(Bug::MessagesInWrongOrder) && messages.len() > 2 {
            messages.swap(0, 1);
        }
        let life = self.nodes[node].life;
        for message in &messages {
            pending = pending.saturating_sub(1);
            if self.nodes[node].asleep_until <= self.now && !self.came(node, message.seq, pending) {
                return Ok(());
            }
            let read = self.misread(self.read(message), message);
            let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
            if self.nodes[node].asleep_until > self.now {
                break; // it fell asleep over an effect: the rest is read when it wakes
            }
            let read = read?;
            alive.read = message.seq;
            alive.last_id = Some(message.id.clone());
            alive.last_read = Some((message.seq, hash_of(message)));
            let input = match read {
                Read::Entry(entry) => Input::Entry(entry),
                Read::Skipped(on_plan_subject) => {
                    alive.passed.insert(message.seq);
                    Input::Skipped { seq: LogSeq(message.seq), on_plan_subject }
                }
            };
            let Some(effects) = self.handled(node, input) else { return Ok(()) };
            let Some(alive) = &self.nodes[node].alive else { return Ok(()) };
            if Some(&alive.engine.fleet().digest()) != self.digests.get(&message.seq) && !alive.has_strayed {
                return Err(format!("entry {} was folded to another fleet on node {node}", message.seq));
            }
            self.perform(node, effects);
        }
        let last = self.history.last().map_or(0, |message| message.seq);
        let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
        if alive.read < last && !alive.pulling {
            alive.pulling = true;
            self.later(1, Job::Pull(node, life));
        }
        let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
        if alive.read >= alive.goal && !alive.seeks {
            alive.seeks = true;
            self.later(0, Job::Lease(node, life));
            if self.has(Bug::ProposesWithoutLease) {
                self.feed(node, Input::Commit(Outcome::Granted(1 << 20)));
            }
        }
        Ok(())
    }

    pub(super) fn feed(&mut self, node: usize, input: Input) {
        let Some(effects) = self.handled(node, input) else { return };
        let Some(alive) = &self.nodes[node].alive else { return };
        self.survived.overload = self.survived.overload.max(alive.engine.overload());
        self.perform(node, effects);
    }

    pub(super) fn perform(&mut self, node: usize, effects: Vec<Effect>) {
        let life = self.nodes[node].life;
        let mut rest = effects.into_iter();
        while let Some(effect) = rest.next() {
            if self.random.chance(self.faults.crash) {
                self.crash(node);
                return;
            }
            if self.random.chance(self.faults.sleep) {
                self.survived.sleeps += 1;
                let until = self.now + Millis(self.random.between(100, 10_000));
                self.nodes[node].asleep_until = until;
                let remaining = std::iter::once(effect).chain(rest).collect();
                self.at(until, Job::Effects(node, life, remaining));
                return;
            }
            match effect {
                Effect::Append { event, expected } => {
                    let message = own_message(&zone(), &self.spoilt(&event), Space::Geographic, self.now);
                    if self.has(Bug::OwnPlanFoldedAtOnce) {
                        self.fold_at_once(node, &event);
                    }
                    self.send(Sender::Node(node, life), Ask::Plan { message, expected: expected.0 });
                }
                Effect::ReadLastPlan => self.send(Sender::Node(node, life), Ask::ReadPlan),
                Effect::FetchLegs(query) => {
                    if let Some(alive) = &self.nodes[node].alive {
                        let answer = alive.engine.network().fetch(&query);
                        self.feed(node, Input::Legs(answer));
                    }
                }
                Effect::Solve(job) => {
                    let report = run_search(job, &AtomicBool::new(false));
                    let delay = self.random.between(20, 1_500);
                    self.later(delay, Job::Solved(node, life, Box::new(report)));
                }
                Effect::Publish(_) if self.has(Bug::NewOwnerTellsNobody) && self.is_new_owner(node) => {}
                Effect::Publish(assignment) => {
                    if let Some(alive) = &mut self.nodes[node].alive {
                        let applied = alive.engine.fleet().applied();
                        alive.fan.folded(&assignment.vehicle, assignment.revision, applied);
                        alive.waiting.insert(assignment.vehicle.clone(), assignment);
                    }
                    self.tell_next(node);
                }
                Effect::AppendOwn(event) => {
                    let message = own_message(&zone(), &event, Space::Geographic, self.now);
                    self.send(Sender::Node(node, life), Ask::Own { message });
                }
                Effect::Folded { .. } | Effect::Rerouted(_) | Effect::Tell(_) | Effect::Note(_) => {}
            }
        }
        let Some(alive) = &mut self.nodes[node].alive else { return };
        if let Some(at) = alive.engine.next_tick()
            && alive.tick_at.is_none_or(|planned| at < planned)
        {
            let at = at.max(self.now + Millis(1));
            alive.tick_at = Some(at);
            self.at(at, Job::Tick(node, life));
        }
    }

    pub(super) fn leased(&mut self, node: usize, life: u64, reply: &Reply) {
        let (now, trusted) = (self.now, self.trusted());
        let not_again = self.has(Bug::LeaseNotAskedForAgain);
        let granted = if let Reply::Lease(granted) = reply { *granted } else { None };
        let is_owner = self.nodes[node].alive.as_ref().is_some_and(|alive| alive.lease.is_some());
        if let (Some(lease), false) = (granted, is_owner)
            && self.stands_back(node)
        {
            self.log.release(&zone().key(), lease);
            return;
        }
        let Some(alive) = &mut self.nodes[node].alive else { return };
        match (alive.lease, granted) {
            (None, Some(lease)) => {
                let (read, digest) = (alive.read, alive.engine.fleet().digest());
                // Who has not noticed yet that the log went back has folded what is lost.
                let has_all = self.digests.get(&read).is_none_or(|&of_log| of_log == digest);
                if !has_all && self.survived.rollbacks == 0 {
                    self.broken =
                        Some(format!("node {node} owns the zone with another fleet than entry {read} leaves"));
                    return;
                }
                alive.lease = Some((lease, now));
                (alive.fan, alive.unread) = (FanOut::default(), true);
                self.send(Sender::Node(node, life), Ask::ReadAllTold);
                self.survived.terms += 1;
                self.later(1_000, Job::Lease(node, life));
                self.feed(node, Input::Commit(Outcome::Granted(lease.epoch)));
            }
            (None, None) if not_again => {}
            (None, None) => self.later(250, Job::Lease(node, life)),
            (Some(_), Some(lease)) => {
                alive.lease = Some((lease, now));
                self.later(1_000, Job::Lease(node, life));
            }
            (Some((_, renewed)), None) if now - renewed > trusted => {
                alive.lease = None;
                // The next owner tells everybody.
                (alive.unread, alive.waiting) = (true, BTreeMap::new());
                self.later(250, Job::Lease(node, life));
                self.feed(node, Input::Commit(Outcome::Lost));
            }
            (Some(_), None) => self.later(1_000, Job::Lease(node, life)),
        }
    }

    pub(super) fn tell_next(&mut self, node: usize) {
        let Some(alive) = &mut self.nodes[node].alive else { return };
        if alive.telling || alive.unread {
            return;
        }
        if let Some(vehicle) = alive.waiting.keys().next().cloned() {
            alive.telling = true;
            let revision = alive.waiting[&vehicle].revision;
            let next = alive.fan.begin(&vehicle, revision);
            self.tell(node, &vehicle, revision, next);
        }
    }

    /// What vehicles were told before this term: what another log told them is replaced.
    pub(super) fn told_before(&mut self, node: usize, told: Vec<(Name, LogSeq, LogSeq)>, end: LogSeq) {
        let Some(alive) = &mut self.nodes[node].alive else { return };
        if alive.lease.is_none() {
            return;
        }
        for (vehicle, seq, revision) in told {
            let kept = self.bug == Some(Bug::ForeignRoutesKept);
            if !kept && alive.fan.found(&vehicle, seq, revision, end) {
                let none =
                    Assignment { vehicle: vehicle.clone(), revision: LogSeq(0), visits: Vec::new(), pause: None };
                alive.waiting.entry(vehicle).or_insert(none);
            }
        }
        alive.unread = false;
        self.tell_next(node);
    }

    pub(super) fn heard(&mut self, node: usize, vehicle: &Name, revision: LogSeq, heard: Heard) {
        let Some(alive) = &mut self.nodes[node].alive else { return };
        let next = alive.fan.heard(vehicle, revision, heard);
        let once = self.has(Bug::RouteToldOnceAtMost) && heard == Heard::Unknown;
        let next = if once { Next::Done } else { next };
        self.tell(node, vehicle, revision, next);
    }

    pub(super) fn tell(&mut self, node: usize, vehicle: &Name, revision: LogSeq, next: Next) {
        let life = self.nodes[node].life;
        let Some(alive) = &mut self.nodes[node].alive else { return };
        let ask = match next {
            Next::Append(expected) => {
                // Only the newest matters; a newer one may have come while this was on its way.
                let Some(assignment) = alive.waiting.get(vehicle) else {
                    // The term in which it was to be told is over.
                    alive.telling = false;
                    self.tell_next(node);
                    return;
                };
                Ask::Tell {
                    vehicle: vehicle.clone(),
                    revision: assignment.revision,
                    bytes: assignment_to_json(assignment, Space::Geographic, |_| None),
                    expected: expected.0,
                }
            }
            Next::ReadLast => Ask::ReadTold { vehicle: vehicle.clone(), revision },
            Next::Done => {
                if alive.waiting.get(vehicle).is_some_and(|assignment| assignment.revision <= revision) {
                    alive.waiting.remove(vehicle);
                }
                alive.telling = false;
                self.tell_next(node);
                return;
            }
        };
        self.send(Sender::Node(node, life), ask);
    }
}
