//! When something was said and by whom, and words of dispatchers that wait for their order, version 1.

use fleetfold_fleet::{EarlyWord, SaidAt};
use fleetfold_model::{Numbered, Pin, PriorityRaised, Timestamp};
use serde::{Deserialize, Serialize};

use super::values::{Hash64, NameText, is_default};

/// The number of a fact of a source that counts.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct NumberedV1 {
    writer: Hash64,
    number: u64,
}

impl From<Numbered> for NumberedV1 {
    fn from(Numbered { writer, number }: Numbered) -> Self {
        Self { writer: Hash64(writer), number }
    }
}

impl From<NumberedV1> for Numbered {
    fn from(NumberedV1 { writer, number }: NumberedV1) -> Self {
        Self { writer: writer.0, number }
    }
}

/// When something was said.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct SaidAtV1 {
    at_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    numbered: Option<NumberedV1>,
}

impl From<SaidAt> for SaidAtV1 {
    fn from(SaidAt { at, numbered }: SaidAt) -> Self {
        Self { at_ms: at.0, numbered: numbered.map(Into::into) }
    }
}

impl From<SaidAtV1> for SaidAt {
    fn from(SaidAtV1 { at_ms, numbered }: SaidAtV1) -> Self {
        Self { at: Timestamp(at_ms), numbered: numbered.map(Into::into) }
    }
}

/// A word of a dispatcher about an order that nobody had asked for.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct EarlyWordV1 {
    at_ms: i64,
    order: NameText,
    word: WordV1,
}

/// What it says: `pinned` to a vehicle, `unpinned`, `forced` onto a vehicle, or `raised` to a priority.
#[derive(PartialEq, Serialize, Deserialize)]
enum WordV1 {
    #[serde(rename = "pinned")]
    Pinned(NameText),
    #[serde(rename = "unpinned")]
    Unpinned,
    #[serde(rename = "forced")]
    Forced(NameText),
    #[serde(rename = "raised")]
    Raised(u8),
}

impl From<(Timestamp, EarlyWord)> for EarlyWordV1 {
    fn from((at, word): (Timestamp, EarlyWord)) -> Self {
        let (order, word) = match word {
            EarlyWord::Pinned(Pin { order, vehicle }) => (order, WordV1::Pinned(NameText(vehicle))),
            EarlyWord::Unpinned(order) => (order, WordV1::Unpinned),
            EarlyWord::Forced(Pin { order, vehicle }) => (order, WordV1::Forced(NameText(vehicle))),
            EarlyWord::Raised(PriorityRaised { order, priority }) => (order, WordV1::Raised(priority)),
        };
        Self { at_ms: at.0, order: NameText(order), word }
    }
}

impl From<EarlyWordV1> for (Timestamp, EarlyWord) {
    fn from(EarlyWordV1 { at_ms, order: NameText(order), word }: EarlyWordV1) -> Self {
        let word = match word {
            WordV1::Pinned(vehicle) => EarlyWord::Pinned(Pin { order, vehicle: vehicle.0 }),
            WordV1::Unpinned => EarlyWord::Unpinned(order),
            WordV1::Forced(vehicle) => EarlyWord::Forced(Pin { order, vehicle: vehicle.0 }),
            WordV1::Raised(priority) => EarlyWord::Raised(PriorityRaised { order, priority }),
        };
        (Timestamp(at_ms), word)
    }
}
