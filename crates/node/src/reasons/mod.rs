//! Reasons, trials and quotes: what the engine's room computes, asked of a log, a recording or a running engine, as documents and in
//! plain English.
//!
//! Nothing here writes to a log. A decision is explained from the log alone: it is folded up to what the deciding engine knew.

mod change;
mod documents;
mod explain;
mod offers;
mod quotes;
mod source;
mod what_if;
mod words;

pub(crate) use documents::{ExplainedOrder, ExplainedVehicle, Held, PlanReason, Quotes, Ranked, WhatIf};
pub(crate) use explain::{Asked, Subject, explain, explained, instant};
pub(crate) use offers::offers;
pub(crate) use quotes::{Asked as QuoteAsked, Keeps, Question, answer, keeps};
pub(crate) use source::{Reading, Source};
pub(crate) use what_if::{Change, Changes, events_in, tried, what_if};
