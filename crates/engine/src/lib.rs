//! Judgement: what a change makes stale, what to answer at once, which region to plan again, and when to say so.
//!
//! [`Engine::handle`] takes one [`Input`] and appends the [`Effect`]s it wants. It never blocks, fails, or reads a clock.
//! Live operation, simulation and what-if replay run this same code. They differ only in who feeds it and who performs
//! the effects.
//!
//! Promise: a plan that leaves the engine places each order that its facts ask for, or says why it is on no route.
//! Absent on purpose: sockets, files, threads, the time of day, and any question about which of those runs it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use fleetfold_engine::{Effect, Engine, Input};
//! use fleetfold_fleet::Fleet;
//! use fleetfold_journal::Outcome;
//! use fleetfold_model::{Event, Job, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Millis, Name, NetworkSpec};
//! use fleetfold_model::{Order, OrderWork, Position, Space, StopSpec, Timestamp, UnassignedReason};
//! use fleetfold_roads::Network;
//!
//! // Straight lines at 500 metres a minute, an empty fleet, and we own the zone in epoch 1.
//! let (space, metres_per_minute) = (Space::Geographic, 500.0);
//! let network = NetworkSpec::Line { space, metres_per_minute, detour_percent: 130, round_up_seconds: 0 };
//! let mut engine = Engine::new(Fleet::new(), Arc::new(Network::new(&network).expect("a legal network")));
//! let mut effects = Vec::new();
//! engine.handle(Input::Commit(Outcome::Granted(1)), &mut effects);
//!
//! // An order comes: the first entry of the log.
//! let stop = StopSpec { position: Position { x: 0, y: 0 }, windows: Vec::new(), service: Millis(60_000), setup: Millis(0) };
//! let order = Order {
//!     name: Name::new("ord-1").expect("a legal name"),
//!     work: OrderWork::Job(Job { stop, direction: LoadDirection::Delivery }),
//!     load: Load::default(),
//!     skills: Vec::new(),
//!     priority: 0,
//!     release: None,
//!     promised: None,
//!     placed: Timestamp(0),
//! };
//! let (hash, event) = (MessageHash::default(), Event::OrderCreated(order));
//! engine.handle(Input::Entry(LogEntry { numbered: None, seq: LogSeq(1), logged_at: Timestamp(0), id: 1, time: None, hash, event }), &mut effects);
//!
//! // The answer is a plan to be appended to the log. There is no vehicle yet, and it says so.
//! let Some(Effect::Append { event, .. }) = effects.last() else { panic!("an answer") };
//! let Event::PlanProposed(proposal) = &**event else { panic!("a plan") };
//! assert_eq!(proposal.groups[0].caused_by, [LogSeq(1)]);
//! assert_eq!(proposal.groups[0].unassigned[0].1, UnassignedReason::NoVehicle);
//! ```

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod account;
mod alerts;
mod answer;
mod bounds;
mod calm;
mod coverage;
mod draft;
mod effect;
mod engine;
mod etas;
mod forced;
mod holds;
mod join;
mod learn;
mod legs;
mod located;
mod moment;
mod observe;
mod outlook;
mod overload;
mod pace;
mod periods;
mod plausible;
mod promises;
mod proposal;
pub mod reasons;
mod region;
mod relief;
mod retries;
mod returns;
mod roads;
mod search;
mod searches;
pub mod virtual_time;
mod watch;
mod way_home;
mod words;

pub use draft::Draft;
pub use effect::{Effect, Input, Note, PositionReport, Withheld};
pub use engine::Engine;
pub use learn::enough_seen;
pub use outlook::Outlook;
pub use pace::Backlog;
pub use search::{SolveJob, SolveReport, run};
pub use watch::Watch;
pub use way_home::travel_home;

#[cfg(test)]
mod tests;
