//! The thread of the screens of one zone: it keeps the picture, makes deltas, and answers every question about the state.
//!
//! It asks the engine's thread for a copy when somebody looks: a screen at most every [`DELTA_EVERY`], a question when the copy
//! that is here is older than what has been folded. Many questions share one copy, and many clients one text.
//!
//! Promise: an answer is not older than what was folded when its question came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use fleetfold_model::{Event, LogSeq};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::document::{Document, has};
use crate::doubt::{Known, Subject};
use crate::hub::Hub;
use crate::live::OVERLOAD_MAX;
use crate::live::handover::{Glimpse, Handover, News, Signals};
use crate::threads;
use crate::view::stories::Who;
use crate::view::{self, Answered, Finder, Kept, Memory, Page, Pending, Vehicle, WithStory, text};
use crate::warnings::Hints;

/// Deltas reach screens at most this often.
const DELTA_EVERY: Duration = Duration::from_millis(100);
/// Deltas reach screens at least this often, if there is something to tell.
const DELTA_SLOWEST: Duration = Duration::from_secs(1);
/// Bytes a second that go to all screens together before deltas become rarer. (Guess: loopback takes a gigabyte a second of a core;
/// this leaves the cores to the engine.)
const SENT_MAX: u64 = 24 << 20;
/// The share of this thread's time that making deltas may take is one in this many.
const DELTA_SHARE: u32 = 4;
/// Copies are asked for at most this often.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The whole picture is made at most this often.
const WHOLE_EVERY: Duration = Duration::from_millis(250);
/// A copy of this age is good enough where nothing has been folded since: positions may be as old.
const POSITIONS_AGE: Duration = Duration::from_millis(100);
/// An older copy is not good enough, because the figures that time moves are in it.
const COPY_AGE: Duration = Duration::from_secs(1);
/// Builds for tests compare the kept picture with one that is made anew where it has fewer vehicles and orders than this.
const CHECKED_MAX: usize = 500;
/// When nobody has looked for so long, picture and copy are let go.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// A question about the state.
pub(crate) enum Question {
    /// All of it, for a client that has the documents of these tags.
    State(Vec<String>, oneshot::Sender<Answer>),
    /// A part of it, for a client that has the documents of these tags.
    Page(Page, Vec<String>, oneshot::Sender<Answer>),
    Vehicle(String, oneshot::Sender<Option<String>>),
    Order(String, oneshot::Sender<Option<String>>),
    /// The decisions after this number and the last refusals, of one order or of all.
    Decisions(u64, Option<String>, oneshot::Sender<String>),
    /// What an event that is about to be taken depends on.
    Known(Subject, oneshot::Sender<Known>),
    /// What came of the facts at these entries.
    Answered(Vec<u64>, oneshot::Sender<Vec<Answered>>),
    /// Orders, vehicles and skills whose names have this text in them, at most so many of each.
    Search(String, usize, oneshot::Sender<String>),
    /// Not a question: what happened before everything that the engine has folded since it started.
    Earlier(Box<Memory>),
    /// What was learned.
    Features(oneshot::Sender<String>),
    /// The whole picture for a screen.
    Picture(oneshot::Sender<Arc<Picture>>),
}

/// The whole picture as the first frame of a screen.
pub(crate) struct Picture {
    /// The number of the last delta in it.
    pub(crate) seq: u64,
    pub(crate) frame: Utf8Bytes,
    /// The same for HTTP.
    pub(crate) document: Document,
    /// The state that is in it.
    whole: Arc<Document>,
}

/// A document, or the news that the client has it.
pub(crate) enum Answer {
    Same(String),
    Document(Arc<Document>),
}

/// A question, and what had happened when it came.
struct Asked {
    question: Question,
    applied: u64,
    marked: u64,
    at: Instant,
}

/// Entries a second over the last ten seconds.
#[derive(Debug, Default)]
struct Pace(VecDeque<(Instant, u32)>);

impl Pace {
    const OVER: Duration = Duration::from_secs(10);

    /// So many entries came by now.
    fn count(&mut self, entries: u32) {
        if entries > 0 {
            self.0.push_back((clock::monotonic(), entries));
        }
        self.forget();
    }

    fn forget(&mut self) {
        while self.0.front().is_some_and(|(at, _)| at.elapsed() > Self::OVER) {
            self.0.pop_front();
        }
    }

    fn per_second(&mut self) -> f64 {
        self.forget();
        let entries: u32 = self.0.iter().map(|(_, entries)| entries).sum();
        f64::from(entries) / Self::OVER.as_secs_f64()
    }
}

/// The copy that is here, and the picture of it.
struct Scene {
    seen: Box<Glimpse>,
    kept: Kept,
    /// What the next delta will tell.
    pending: Pending,
    /// The whole picture as it was last made, and of which revision.
    whole: Option<(u64, Instant, Arc<Document>)>,
    /// The same for screens.
    picture: Option<Arc<Picture>>,
    finder: Finder,
}

struct Screens {
    signals: Arc<Signals>,
    hub: Arc<Hub>,
    memory: Memory,
    pace: Pace,
    scene: Option<Scene>,
    waiting: Vec<Asked>,
    /// A copy was asked for and has not come.
    looks: bool,
    /// When waiting questions are looked at again.
    again_at: Option<Instant>,
    /// When somebody last looked.
    looked_at: Instant,
    /// Raised whenever the picture changes.
    revision: u64,
    /// Number of the last delta.
    delta: u64,
    delta_at: Instant,
    delta_every: Duration,
    /// Unknown names that are compared with known ones.
    hints: Hints,
}

/// Starts the thread. It ends with the engine's.
///
/// # Errors
///
/// When the machine has no thread for it.
pub(crate) fn start(
    signals: Arc<Signals>,
    hub: Arc<Hub>,
    handed: mpsc::UnboundedReceiver<Handover>,
    questions: mpsc::Receiver<Question>,
) -> std::io::Result<()> {
    let screens = Screens {
        signals,
        hub,
        memory: Memory::default(),
        pace: Pace::default(),
        scene: None,
        waiting: Vec::new(),
        looks: false,
        again_at: None,
        looked_at: clock::monotonic(),
        revision: 0,
        delta: 0,
        delta_at: clock::monotonic(),
        delta_every: DELTA_EVERY,
        hints: Hints::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let name = "screens".to_owned();
    std::thread::Builder::new().name(name).spawn(move || {
        threads::give_way(threads::SCREENS);
        runtime.block_on(screens.run(handed, questions));
    })?;
    Ok(())
}

impl Screens {
    async fn run(mut self, mut handed: mpsc::UnboundedReceiver<Handover>, mut questions: mpsc::Receiver<Question>) {
        let hub = Arc::clone(&self.hub);
        let mut asked_open = true;
        loop {
            let wake = self.wake();
            tokio::select! {
                batch = handed.recv() => {
                    let Some(batch) = batch else { return };
                    self.take(batch);
                }
                question = questions.recv(), if asked_open => {
                    let Some(question) = question else { asked_open = false; continue };
                    let (applied, marked) = (self.signals.applied(), self.signals.marked());
                    self.waiting.push(Asked { question, applied, marked, at: clock::monotonic() });
                }
                () = hub.came() => {}
                () = tokio::time::sleep(wake) => {}
            }
            self.work();
        }
    }

    /// How long nothing happens by itself.
    fn wake(&self) -> Duration {
        let screens = self.hub.screens();
        let delta = (screens > 0).then(|| self.delta_every.saturating_sub(self.delta_at.elapsed()));
        let again = self.again_at.map(|at| at.saturating_duration_since(clock::monotonic()));
        let release = (screens == 0 && self.scene.is_some()).then(|| KEPT_FOR.saturating_sub(self.looked_at.elapsed()));
        // Who waits for a copy that was asked for is woken by it.
        let delta = delta.filter(|_| !self.looks);
        [delta, again, release].into_iter().flatten().min().unwrap_or(KEPT_FOR).max(Duration::from_millis(1))
    }

    /// What the engine's thread handed over.
    fn take(&mut self, batch: Handover) {
        self.signals.taken();
        let mut entries = 0;
        let mut begins_anew = false;
        let has_news = !batch.news.is_empty();
        for news in batch.news {
            match news {
                News::Folded { entry, change, at, labels, beside } => {
                    entries += 1;
                    // The words of a person are in what was made before; a zone that opens has another clock.
                    begins_anew |= matches!(entry.event, Event::PersonForgotten(_) | Event::ZoneOpened(_));
                    if let (Some(labels), None) = (labels, change.refused) {
                        self.memory.call(&entry, *labels);
                    }
                    let noted = if change.refused.is_none() { self.memory.note(&entry, at) } else { None };
                    self.memory.beside(beside);
                    let decisions = self.memory.folded(&entry, &change, at);
                    if let Some(scene) = &mut self.scene {
                        scene.pending.decided(decisions);
                        if let Some(noted) = noted {
                            scene.pending.noted(noted);
                        }
                        change.retired.iter().for_each(|(_, name)| scene.kept.forget(name));
                    }
                }
                News::Refused { seq, at, reason, detail, message } => {
                    let refused = self.memory.refuse(seq, at, (reason, &detail), &message);
                    if let Some(scene) = &mut self.scene {
                        scene.pending.refused(refused);
                    }
                }
            }
        }
        self.pace.count(entries);
        self.revision += u64::from(has_news);
        if begins_anew {
            // Every screen gets a fresh picture.
            self.scene = None;
            self.delta += 1;
            self.hub.skip(self.delta);
        }
        let Some((seen, stale, missed)) = batch.glimpse else { return };
        self.looks = false;
        match &mut self.scene {
            Some(scene) if !missed => {
                let changed = scene.kept.update(&seen, &self.memory, stale, &mut scene.pending);
                let same = (scene.seen.fleet.applied(), scene.seen.epoch) == (seen.fleet.applied(), seen.epoch);
                self.revision += u64::from(changed || !same);
                if cfg!(debug_assertions) && scene.kept.len() < CHECKED_MAX {
                    scene.kept.check(&seen, &self.memory).expect("what became stale was noted");
                }
                scene.seen = seen;
            }
            scene => {
                // Nobody looked for a while: there is no telling what changed.
                let kept = Kept::new(&seen, &self.memory);
                *scene = Some(Scene {
                    seen,
                    kept,
                    pending: Pending::default(),
                    whole: None,
                    picture: None,
                    finder: Finder::default(),
                });
                self.revision += 1;
                self.delta += 1;
                self.hub.skip(self.delta);
            }
        }
    }

    fn work(&mut self) {
        let now = clock::monotonic();
        let mut wants = self.delta_if_due(now);
        self.again_at = None;
        for asked in std::mem::take(&mut self.waiting) {
            if self.is_answered_by_now(&asked) {
                self.looked_at = now;
                if let Some(question) = self.answer(asked.question, now) {
                    self.again_at = self.scene.as_ref().and_then(|scene| Some(scene.whole.as_ref()?.1 + WHOLE_EVERY));
                    self.waiting.push(Asked { question, ..asked });
                }
            } else {
                self.waiting.push(asked);
                wants = true;
            }
        }
        if wants && !self.looks {
            let may = self.scene.as_ref().map(|scene| scene.seen.taken + LOOK_EVERY).filter(|&may| may > now);
            if let Some(may) = may {
                self.again_at = Some(self.again_at.map_or(may, |at| at.min(may)));
            } else {
                self.looks = true;
                self.signals.want();
            }
        }
        self.release_if_alone(now);
    }

    /// Without screens nobody asks for what changed; without questions too the picture need not be kept.
    fn release_if_alone(&mut self, now: Instant) {
        if self.hub.screens() > 0 {
            self.looked_at = now;
            return;
        }
        let Some(scene) = &mut self.scene else { return };
        let alone = !self.looks && self.waiting.is_empty() && now.duration_since(self.looked_at) >= KEPT_FOR;
        if alone || scene.pending.is_large() {
            // A screen that comes back gets a picture instead of this.
            scene.pending = Pending::default();
            self.delta += 1;
            self.hub.skip(self.delta);
        }
        if alone {
            self.signals.release();
            self.scene = None;
        }
    }

    /// The copy that is here knows everything that a question may ask for.
    fn is_answered_by_now(&self, asked: &Asked) -> bool {
        let Some(Scene { seen, .. }) = &self.scene else { return false };
        let age = asked.at.saturating_duration_since(seen.taken);
        seen.fleet.applied().0 >= asked.applied
            && age < COPY_AGE
            && (age < POSITIONS_AGE || seen.marked >= asked.marked)
    }

    /// Makes the next delta if it is time for one. Returns true if a newer copy is wanted for it.
    fn delta_if_due(&mut self, now: Instant) -> bool {
        if self.hub.screens() == 0 || now.duration_since(self.delta_at) < self.delta_every {
            return false;
        }
        let Some(scene) = &self.scene else { return true };
        if self.signals.marked() != scene.seen.marked && scene.seen.taken < self.delta_at + self.delta_every {
            return true;
        }
        self.tell(now);
        false
    }

    /// Publishes what changed since the last delta, if anything did.
    fn tell(&mut self, now: Instant) {
        let Some(scene) = &mut self.scene else { return };
        self.delta_at = now;
        if scene.pending.is_empty() {
            return;
        }
        let began = clock::monotonic();
        let pending = std::mem::take(&mut scene.pending);
        let body = scene.kept.changes(&scene.seen, &self.memory, pending, self.pace.per_second());
        let prev = self.delta;
        self.delta += 1;
        let (seq, sent_at) = (self.delta, clock::wall().0);
        let frame =
            format!("{{\"type\":\"delta\",\"seq\":{seq},\"prev\":{prev},\"sent_at\":{sent_at},\"body\":{body}}}");
        let sent = frame.len() as u64 * self.hub.screens() as u64;
        self.hub.publish(seq, frame.into());
        let by_bytes = Duration::from_millis(sent * 1000 / SENT_MAX);
        let by_work = began.elapsed() * DELTA_SHARE;
        // Under the highest overload screens are told as seldom as is allowed.
        let fastest = if scene.seen.overload >= OVERLOAD_MAX { DELTA_SLOWEST } else { DELTA_EVERY };
        self.delta_every = by_bytes.max(by_work).clamp(fastest, DELTA_SLOWEST);
    }

    fn tag(&self) -> String {
        format!("W/\"{:x}-{}\"", self.hub.start, self.revision)
    }

    /// Answers a question, or gives it back because the next picture may not be made yet.
    fn answer(&mut self, question: Question, now: Instant) -> Option<Question> {
        let tag = self.tag();
        match question {
            Question::State(known, reply) => {
                if has(&known, &tag) {
                    let _ = reply.send(Answer::Same(tag));
                    return None;
                }
                let Some(whole) = self.whole(now) else { return Some(Question::State(known, reply)) };
                let _ = reply.send(Answer::Document(whole));
            }
            Question::Picture(reply) => {
                let Some(picture) = self.picture(now) else { return Some(Question::Picture(reply)) };
                let _ = reply.send(picture);
            }
            Question::Page(_, known, reply) if has(&known, &tag) => {
                let _ = reply.send(Answer::Same(tag));
            }
            Question::Page(page, _, reply) => {
                let (scene, pace) = (self.scene.as_ref()?, self.pace.per_second());
                let page = scene.kept.page(&page, &scene.seen, &self.memory, pace);
                let _ = reply.send(Answer::Document(Arc::new(Document::tagged(page, tag))));
            }
            Question::Vehicle(name, reply) => {
                let seen = &self.scene.as_ref()?.seen;
                let found = seen.fleet.vehicle_id(&name).map(|id| {
                    let detail = view::vehicle_detail(seen, &self.memory, id);
                    let driven = detail.as_ref().and_then(|detail| detail.driving_time.as_ref());
                    let hours = driven.and_then(|driven| driven.violations.first().copied());
                    let (head, route) = (view::vehicle_head(seen, id), view::vehicle_route(seen, id, hours));
                    let shown = Vehicle { head, route, detail };
                    text(&WithStory {
                        shown,
                        detail: None,
                        arrival: None,
                        story: self.memory.story(Who::Vehicle(&seen.fleet.vehicle(id).name)),
                    })
                });
                let _ = reply.send(found);
            }
            Question::Order(name, reply) => {
                let seen = &self.scene.as_ref()?.seen;
                let found = seen.fleet.order_id(&name).map(|id| {
                    let story = self.memory.story(Who::Order(&seen.fleet.order(id).name));
                    let detail = view::order_detail(seen, &self.memory, id);
                    text(&WithStory {
                        shown: view::order(seen, &self.memory, id),
                        detail,
                        arrival: view::arrival(seen, id),
                        story,
                    })
                });
                let _ = reply.send(found);
            }
            Question::Known(subject, reply) => {
                // Whoever does not wait any more needs no answer, and a flood of unknown names holds nobody up.
                if reply.is_closed() {
                    return None;
                }
                let seen = &self.scene.as_ref()?.seen;
                let of = |hints: bool| Known::of(&seen.fleet, &seen.network, seen.now, &subject, hints);
                let mut known = of(false);
                if known.is_strange() && self.hints.one_more() {
                    known = of(true);
                }
                let _ = reply.send(known);
            }
            Question::Answered(seqs, reply) => {
                let fleet = &self.scene.as_ref()?.seen.fleet;
                let (applied, unanswered) = (fleet.applied(), fleet.unanswered());
                let waits = |seq: u64| LogSeq(seq) > applied || unanswered.contains_key(&LogSeq(seq));
                let answers = seqs.into_iter().map(|seq| self.memory.answered(seq, waits(seq)));
                let _ = reply.send(answers.collect());
            }
            Question::Search(wanted, most, reply) => {
                let scene = self.scene.as_mut()?;
                let _ = reply.send(text(&scene.finder.find(&scene.seen, &self.memory, &wanted, most)));
            }
            Question::Earlier(memory) => {
                self.memory.precede(*memory);
                self.revision += 1;
                // Names of orders are in every fragment: screens get a fresh picture.
                if let Some(scene) = &mut self.scene {
                    scene.kept = Kept::new(&scene.seen, &self.memory);
                    scene.pending = Pending::default();
                    self.delta += 1;
                    self.hub.skip(self.delta);
                }
            }
            Question::Features(reply) => {
                let _ = reply.send(text(&view::features(&self.scene.as_ref()?.seen)));
            }
            Question::Decisions(after, order, reply) => {
                let _ = reply.send(text(&self.memory.decided(after, order.as_deref())));
            }
        }
        None
    }

    /// The whole picture: the last one while it is true, else a new one; `None` if it is too early for a new one.
    fn whole(&mut self, now: Instant) -> Option<Arc<Document>> {
        let tag = self.tag();
        let pace = self.pace.per_second();
        let scene = self.scene.as_mut()?;
        if let Some((revision, made, whole)) = &scene.whole {
            let age = now.saturating_duration_since(*made);
            if *revision == self.revision && age < COPY_AGE {
                return Some(Arc::clone(whole));
            }
            if age < WHOLE_EVERY {
                return None;
            }
        }
        let body = scene.kept.body(&scene.seen, &self.memory, pace);
        let whole = Arc::new(Document::tagged(body, tag));
        scene.whole = Some((self.revision, now, Arc::clone(&whole)));
        Some(whole)
    }

    /// The whole picture for a screen.
    fn picture(&mut self, now: Instant) -> Option<Arc<Picture>> {
        let whole = self.whole(now)?;
        // The picture has what the next delta would tell.
        self.tell(now);
        let (seq, start, sent_at) = (self.delta, self.hub.start, clock::wall().0);
        let scene = self.scene.as_mut()?;
        if let Some(picture) = &scene.picture
            && picture.seq == seq
            && Arc::ptr_eq(&picture.whole, &whole)
        {
            return Some(Arc::clone(picture));
        }
        let body = std::str::from_utf8(whole.plain()).expect("JSON is text");
        let frame = Utf8Bytes::from(format!(
            "{{\"type\":\"snapshot\",\"epoch\":{start},\"seq\":{seq},\"sent_at\":{sent_at},\"body\":{body}}}"
        ));
        let document = Document::new(Bytes::from(frame.clone()));
        let picture = Arc::new(Picture { seq, frame, document, whole });
        scene.picture = Some(Arc::clone(&picture));
        Some(picture)
    }
}
