//! Single values of the document: names, words, hashes, counts, places and time windows.
//!
//! Each type here writes itself in one fixed way and refuses, while the document is read, what cannot be. So the error names
//! the path of the field that is wrong.

use std::fmt;
use std::marker::PhantomData;

use fleetfold_fleet::{Activity, Told, Turn};
use fleetfold_model::{
    AlertKind, FailReason, LoadDirection, MessageHash, Name, OnBoardRule, Position, Space, StopKind, TimeWindow,
    Timestamp, UnassignedReason,
};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// True for a value that the document leaves out: its reader fills in the default.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A value that is written as text.
trait Text: Sized {
    /// What a reader expects, for the error message.
    const EXPECTED: &'static str;
    fn of(text: &str) -> Option<Self>;
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::of(text).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            E::invalid_value(Unexpected::Str(&shown), &self)
        })
    }
}

fn read_text<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_str(TextVisitor(PhantomData))
}

// ---- names -------------------------------------------------------------------------------------------------------

/// An external id, written as it is.
#[derive(Clone, PartialEq)]
pub(super) struct NameText(pub(super) Name);

impl Text for NameText {
    const EXPECTED: &'static str = "an id of 1 to 64 visible characters";
    fn of(text: &str) -> Option<Self> {
        Name::new(text).map(Self)
    }
}

impl Serialize for NameText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for NameText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer)
    }
}

pub(super) fn texts(names: Vec<Name>) -> Vec<NameText> {
    names.into_iter().map(NameText).collect()
}

pub(super) fn names(texts: Vec<NameText>) -> Vec<Name> {
    texts.into_iter().map(|NameText(name)| name).collect()
}

// ---- hashes ------------------------------------------------------------------------------------------------------

/// A 64-bit hash: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Hash64(pub(super) u64);

impl Text for Hash64 {
    const EXPECTED: &'static str = "16 hexadecimal digits";
    fn of(text: &str) -> Option<Self> {
        let legal = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        legal.then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl Serialize for Hash64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hash64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer)
    }
}

/// The hash of a message: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Hash128(pub(super) MessageHash);

impl Text for Hash128 {
    const EXPECTED: &'static str = "32 hexadecimal digits";
    fn of(text: &str) -> Option<Self> {
        let legal = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        legal.then(|| u128::from_str_radix(text, 16).ok().map(|hash| Self(MessageHash(hash))))?
    }
}

impl Serialize for Hash128 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0.0))
    }
}

impl<'de> Deserialize<'de> for Hash128 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer)
    }
}

// ---- words -------------------------------------------------------------------------------------------------------

/// An enum whose values are fixed words in the document.
pub(super) trait Words: Copy {
    /// All words, for the error message.
    const ALL: &'static str;
    fn word(self) -> &'static str;
    fn of_word(word: &str) -> Option<Self>;
}

/// One table gives the word of each value and the value of each word. A value without a word does not compile.
macro_rules! words {
    ($type:ty: $($value:path => $word:literal),+ $(,)?) => {
        impl Words for $type {
            const ALL: &'static str = concat!("one of", $(" `", $word, "`"),+);
            fn word(self) -> &'static str {
                match self {
                    $($value => $word),+
                }
            }
            fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some($value),)+
                    _ => None,
                }
            }
        }
    };
}

words!(Space: Space::Geographic => "geographic", Space::Planar => "planar");
words!(StopKind: StopKind::Pickup => "pickup", StopKind::Delivery => "delivery");
words!(LoadDirection: LoadDirection::Delivery => "delivery", LoadDirection::Pickup => "pickup");
words!(OnBoardRule: OnBoardRule::Return => "return", OnBoardRule::Keep => "keep");
words!(FailReason:
    FailReason::NoShow => "no_show",
    FailReason::Refused => "refused",
    FailReason::NoAccess => "no_access",
    FailReason::Goods => "goods",
    FailReason::Other => "other",
);
words!(Told:
    Told::Work => "work",
    Told::Load => "load",
    Told::Skills => "skills",
    Told::Priority => "priority",
    Told::Release => "release",
    Told::Promised => "promised",
    Told::Cancelled => "cancelled",
    Told::Registered => "registered",
    Told::Shift => "shift",
    Told::Lost => "lost",
    Told::Loaded => "loaded",
    Told::Forced => "forced",
    Told::Pinned => "pinned",
    Told::Failed => "failed",
    Told::Driven => "driven",
    Told::PickupInferred => "pickup_inferred",
);
words!(Activity: Activity::Rest => "rest", Activity::Driving => "driving", Activity::AtStop => "at_stop");
words!(Turn:
    Turn::BreakEnded => "break_ended",
    Turn::Left => "left",
    Turn::Arrived => "arrived",
    Turn::Halted => "halted",
    Turn::Departed => "departed",
    Turn::BreakBegan => "break_began",
);
words!(AlertKind:
    AlertKind::PredictedLate => "predicted_late",
    AlertKind::Unassigned => "unassigned",
    AlertKind::Silent => "silent",
    AlertKind::SlaBurn => "sla_burn",
    AlertKind::LogLag => "log_lag",
    AlertKind::Degraded => "degraded",
    AlertKind::ClockSkew => "clock_skew",
);
words!(UnassignedReason:
    UnassignedReason::NoVehicle => "no_vehicle",
    UnassignedReason::Skills => "skills",
    UnassignedReason::Capacity => "capacity",
    UnassignedReason::Shift => "shift",
    UnassignedReason::Unreachable => "unreachable",
    UnassignedReason::Rejected => "rejected",
    UnassignedReason::NoPlace => "no_place",
    UnassignedReason::Aboard => "aboard",
    UnassignedReason::Stops => "stops",
    UnassignedReason::Silent => "silent",
    UnassignedReason::DrivingTime => "driving_time",
);

/// A value of an enum, written as its word.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Word<T>(pub(super) T);

impl<T: Words> Text for Word<T> {
    const EXPECTED: &'static str = T::ALL;
    fn of(text: &str) -> Option<Self> {
        T::of_word(text).map(Self)
    }
}

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de, T: Words> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer)
    }
}

// ---- counts and small numbers ------------------------------------------------------------------------------------

/// A number that is counted on from: it may not be so large that counting would overflow.
#[derive(Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Count<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Into<u64> + Copy> Deserialize<'de> for Count<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = T::deserialize(deserializer)?;
        // Half of what the type holds, and at most 2^53.
        let most = if size_of::<T>() == size_of::<u32>() { u64::from(u32::MAX / 2) } else { 1 << 53 };
        if count.into() > most {
            let expected = format!("at most {most}");
            return Err(D::Error::invalid_value(Unexpected::Unsigned(count.into()), &expected.as_str()));
        }
        Ok(Self(count))
    }
}

/// A number of at most `MOST`.
#[derive(Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct AtMost<const MOST: u8>(pub(super) u8);

impl<'de, const MOST: u8> Deserialize<'de> for AtMost<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        if number > MOST {
            let expected = format!("at most {MOST}");
            return Err(D::Error::invalid_value(Unexpected::Unsigned(number.into()), &expected.as_str()));
        }
        Ok(Self(number))
    }
}

// ---- places and periods ------------------------------------------------------------------------------------------

/// A place: 1e-7 degree (`x` is the longitude) or millimetres, as the zone's `space` says.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct PointV1 {
    x: i32,
    y: i32,
}

impl From<Position> for PointV1 {
    fn from(Position { x, y }: Position) -> Self {
        Self { x, y }
    }
}

impl From<PointV1> for Position {
    fn from(PointV1 { x, y }: PointV1) -> Self {
        Self { x, y }
    }
}

/// A period that does not close before it opens.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "TimeWindowFieldsV1", try_from = "TimeWindowFieldsV1")]
pub(super) struct TimeWindowV1(pub(super) TimeWindow);

#[derive(Serialize, Deserialize)]
struct TimeWindowFieldsV1 {
    opens_ms: i64,
    closes_ms: i64,
}

impl From<TimeWindowV1> for TimeWindowFieldsV1 {
    fn from(TimeWindowV1(window): TimeWindowV1) -> Self {
        Self { opens_ms: window.opens().0, closes_ms: window.closes().0 }
    }
}

impl TryFrom<TimeWindowFieldsV1> for TimeWindowV1 {
    type Error = &'static str;
    fn try_from(fields: TimeWindowFieldsV1) -> Result<Self, Self::Error> {
        TimeWindow::new(Timestamp(fields.opens_ms), Timestamp(fields.closes_ms))
            .map(Self)
            .ok_or("the window closes before it opens")
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{FailReason, LoadDirection, OnBoardRule, Space, StopKind, UnassignedReason};

    use super::Words;

    /// Bases are kept for years: a word may be added, and none may change.
    #[test]
    fn the_words_of_the_document_are_these() {
        assert_eq!(Space::ALL, "one of `geographic` `planar`");
        assert_eq!(StopKind::ALL, "one of `pickup` `delivery`");
        assert_eq!(LoadDirection::ALL, "one of `delivery` `pickup`");
        assert_eq!(OnBoardRule::ALL, "one of `return` `keep`");
        assert_eq!(FailReason::ALL, "one of `no_show` `refused` `no_access` `goods` `other`");
        assert_eq!(
            UnassignedReason::ALL,
            "one of `no_vehicle` `skills` `capacity` `shift` `unreachable` `rejected` `no_place` `aboard` `stops` `silent` `driving_time`"
        );
        assert_eq!((FailReason::NoAccess.word(), FailReason::of_word("goods")), ("no_access", Some(FailReason::Goods)));
        assert_eq!((UnassignedReason::NoPlace.word(), StopKind::of_word("Pickup")), ("no_place", None));
    }
}
