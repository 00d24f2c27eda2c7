//! Telling drivers: the newest assignment of each vehicle, in order, fenced by the vehicle's last one.
//!
//! One vehicle never waits for another: who cannot be told now is tried again, after the others. What lasts is told by
//! `/readyz`. At the beginning of a term the owner reads what each vehicle was told last, and replaces what another log told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::assignment_id;
use fleetfold_journal::{Address, FanOut, Heard, Next};
use fleetfold_model::{Assignment, LogSeq, Name, Space};
use fleetfold_wire::{assignment_from_json, assignment_to_json};
use tokio::sync::{Notify, mpsc, watch};

use crate::clock;
use crate::live::Readiness;
use crate::log::{AppendError, Log, LogError, Stream, ZoneName};
use crate::references::References;
use crate::trace::Decision;

/// Pause before trying again those who could not be told.
const AGAIN: Duration = Duration::from_millis(200);
/// Questions to the log for one vehicle before the others have their turn.
const STEPS_MAX: usize = 6;
/// An attempt to make the stream again takes no longer.
const MAKE: Duration = Duration::from_secs(5);

/// A vehicle's route, the decision of a trace that it comes from, and the entry up to which the fold had come.
pub(crate) type Route = (Assignment, Space, Option<Decision>, LogSeq);

type Routes = BTreeMap<Name, Route>;

/// Where the engine says what drivers are to be told.
pub(crate) struct Publisher {
    routes: mpsc::UnboundedSender<Route>,
    owns: watch::Sender<bool>,
    again: Arc<Notify>,
}

impl Publisher {
    /// A vehicle's newest route. It is told as long as the program runs.
    pub(crate) fn send(&self, route: Route) {
        let _ = self.routes.send(route);
    }

    /// A term of ours begins (before its routes are sent), or is over: who does not own the zone tells nobody.
    pub(crate) fn term(&self, begins: bool) {
        self.owns.send_replace(begins);
    }

    /// What is notified when the assignments were lost: everybody is told anew.
    pub(crate) fn tell_again(&self) -> Arc<Notify> {
        Arc::clone(&self.again)
    }
}

/// Starts the task that tells drivers.
pub(crate) fn start(log: Log, zone: ZoneName, readiness: Arc<Readiness>, references: References) -> Publisher {
    let (routes, queue) = mpsc::unbounded_channel();
    let (owns, term) = watch::channel(false);
    let again = Arc::new(Notify::new());
    let teller = Teller {
        log,
        zone,
        readiness,
        references,
        fan: FanOut::default(),
        pending: Routes::new(),
        told: Routes::new(),
        more: BTreeSet::new(),
        unread: false,
    };
    tokio::spawn(teller.run(queue, term, Arc::clone(&again)));
    Publisher { routes, owns, again }
}

struct Teller {
    log: Log,
    zone: ZoneName,
    readiness: Arc<Readiness>,
    references: References,
    fan: FanOut,
    /// The newest route of each vehicle that is to be told.
    pending: Routes,
    /// The newest route of each vehicle in this term, told or not.
    told: Routes,
    /// Of whose newest route more of the same revision is to be told: its driver has accepted stops that stay as they are then.
    more: BTreeSet<Name>,
    /// A term of ours has begun, and what vehicles were told before has not been read.
    unread: bool,
}

impl Teller {
    async fn run(
        mut self,
        mut queue: mpsc::UnboundedReceiver<Route>,
        mut term: watch::Receiver<bool>,
        again: Arc<Notify>,
    ) {
        loop {
            if self.pending.is_empty() && !self.unread {
                tokio::select! {
                    route = queue.recv() => match route {
                        Some(route) => self.take(route),
                        None => return,
                    },
                    changed = term.changed() => match changed {
                        Ok(()) => term.mark_changed(),
                        Err(_) => return,
                    },
                    () = again.notified() => {
                        self.fan = FanOut::default();
                        self.pending.clone_from(&self.told);
                    }
                }
            }
            // Only the newest of each vehicle matters, so that a broker that was away is not told the past.
            while let Ok(route) = queue.try_recv() {
                self.take(route);
            }
            if term.has_changed().unwrap_or(false) {
                self.unread = *term.borrow_and_update();
                if self.unread {
                    self.fan = FanOut::default();
                } else {
                    // The next owner tells everybody.
                    self.pending.clear();
                    self.told.clear();
                }
            }
            if let Err(why) = self.tell_all().await {
                self.readiness.untold.met(format!("drivers cannot be told their routes: {why}"));
                // The stream may have been deleted.
                if let Ok(Err(error)) =
                    tokio::time::timeout(MAKE, self.log.ensure(Stream::Assignment, &self.zone)).await
                {
                    self.readiness.untold.met(format!("drivers cannot be told their routes: {}", error.what));
                }
                tokio::time::sleep(AGAIN).await;
            } else {
                self.readiness.untold.over();
            }
            if queue.is_closed() && queue.is_empty() {
                return;
            }
        }
    }

    fn take(&mut self, route: Route) {
        let frozen = |route: &Route| route.0.visits.iter().map(|visit| visit.frozen).collect::<Vec<_>>();
        let before = self.told.insert(route.0.vehicle.clone(), route.clone());
        if before.is_some_and(|before| before.0.revision == route.0.revision && frozen(&before) != frozen(&route)) {
            self.more.insert(route.0.vehicle.clone());
        }
        self.pending.insert(route.0.vehicle.clone(), route);
    }

    /// Tells all who are to be told, as far as that is possible now. `Err`: why some could not be.
    async fn tell_all(&mut self) -> Result<(), String> {
        if self.unread {
            self.look_at_what_was_told().await.map_err(|error| error.what)?;
            self.unread = false;
        }
        let mut failed = None;
        for vehicle in self.pending.keys().cloned().collect::<Vec<_>>() {
            let Some((assignment, space, decision, applied)) = self.pending.get(&vehicle).cloned() else { continue };
            self.fan.folded(&vehicle, assignment.revision, applied);
            match self.tell(&assignment, space, decision).await {
                Ok(()) => {
                    self.pending.remove(&vehicle);
                    self.more.remove(&vehicle);
                }
                Err(why) => failed = Some(format!("{vehicle}: {why}")),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Finds assignments that another log told: their revisions lie behind the end of this one. A vehicle that has no route
    /// here is told an empty one, of revision 0.
    async fn look_at_what_was_told(&mut self) -> Result<(), LogError> {
        let told = self.log.told(&self.zone).await?;
        let (_, end) = self.log.bounds(Stream::Fleet, &self.zone).await?;
        for (vehicle, (seq, revision)) in told {
            if self.fan.found(&vehicle, seq, revision, LogSeq(end)) {
                tracing::warn!(
                    vehicle = vehicle.as_str(),
                    revision = revision.0,
                    end,
                    "the driver was told a route of another log: it is replaced"
                );
                let none =
                    Assignment { vehicle: vehicle.clone(), revision: LogSeq(0), visits: Vec::new(), pause: None };
                self.pending.entry(vehicle).or_insert((none, Space::default(), None, LogSeq(0)));
            }
        }
        Ok(())
    }

    async fn tell(&mut self, assignment: &Assignment, space: Space, decision: Option<Decision>) -> Result<(), String> {
        let vehicle = &assignment.vehicle;
        let subject = self.zone.subject(&Address::of_assignment(vehicle));
        let reference = |order: &Name| self.references.of(order).map(|reference| reference.to_string());
        let bytes = Bytes::from(assignment_to_json(assignment, space, reference));
        let has_more = self.more.contains(vehicle);
        let revision = assignment.revision;
        let mut next =
            if has_more { self.fan.begin_again(vehicle, revision) } else { self.fan.begin(vehicle, revision) };
        let mut unconfirmed = "it is not confirmed".to_owned();
        for _ in 0..STEPS_MAX {
            let heard = match next {
                Next::Done => return Ok(()),
                Next::Append(expected) => {
                    let id = assignment_id(&self.zone, vehicle, assignment.revision, expected);
                    let trace = decision.map(|decision| decision.assignment(vehicle, assignment.revision));
                    let message = (subject.clone(), id, bytes.clone());
                    match self.log.append_traced(Stream::Assignment, message, Some(expected.0), trace).await {
                        Ok(stored) => {
                            if let Some(decision) = decision.filter(|_| !stored.duplicate) {
                                decision.told(&self.zone, vehicle, assignment.revision, clock::wall());
                            }
                            Heard::Stored(LogSeq(stored.seq))
                        }
                        Err(AppendError::WrongSequence) => Heard::WrongSequence,
                        Err(AppendError::Unknown(why) | AppendError::NotSent(why)) => {
                            tracing::warn!(vehicle = vehicle.as_str(), why, "assignment unconfirmed; reading back");
                            unconfirmed = why;
                            Heard::Unknown
                        }
                        // It is tried again, after the others, and said by `/readyz`.
                        Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                            return Err(format!("the log refuses it: {why}"));
                        }
                    }
                }
                Next::ReadLast => {
                    let last = self.log.last(Stream::Assignment, &subject).await.map_err(|error| error.what)?;
                    Heard::Last(last.map(|message| {
                        // Bytes that cannot be read are no assignment of an engine. Revision 0 is lower than any, so they are replaced.
                        let told = assignment_from_json(&message.bytes);
                        let lacks_more = has_more
                            && told.as_ref().is_ok_and(|told| told.revision == assignment.revision)
                            && message.bytes != bytes;
                        let told = told.ok().filter(|_| !lacks_more);
                        (LogSeq(message.seq), told.map_or(LogSeq(0), |assignment| assignment.revision))
                    }))
                }
            };
            next = self.fan.heard(vehicle, assignment.revision, heard);
        }
        Err(unconfirmed)
    }
}
