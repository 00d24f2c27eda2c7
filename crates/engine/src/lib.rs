//! Judgement: what a change makes stale, what to answer at once, which region to plan again, and when to say so.
//!
//! [`Engine::handle`] takes one input and appends the effects it wants. It never blocks, fails, or reads a clock.
//! Live operation, simulation and what-if replay run this same code; they differ only in who feeds it and who performs
//! the effects.
//!
//! Absent on purpose: sockets, files, threads, the time of day, and any question about which of those runs it.

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod account;
mod answer;
mod draft;
mod effect;
mod engine;
mod learn;
mod located;
mod moment;
mod observe;
mod outlook;
mod promises;
mod proposal;
mod region;
mod roads;
mod search;
mod searches;
pub mod virtual_time;

pub use draft::Draft;
pub use effect::{Effect, Input, Note, PositionReport};
pub use engine::Engine;
pub use learn::enough_seen;
pub use outlook::Outlook;
pub use search::{SolveJob, SolveReport, run};

#[cfg(test)]
mod tests;
