//! The recorded-day file: JSON lines. A header, events in order, and for a recording a footer with the digest.
//!
//! A recording keeps each message as its bytes stand in the log, because plans are chained by the hash of these bytes: a
//! recorded line is `{"seq":7,"logged_at":"…","event":<the bytes>}`. A message that is not one line of text by itself stands
//! as a JSON string in `text` instead of `event`.
//!
//! Format 2 is written. Format 1 (version 0.1 of this program) is read: its events are as in format 2, but its footer's digest
//! and the hashes in its plans were made of that program's memory, so nothing can be compared with them.

use fleetfold_model::FORMAT;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::PLAN_BYTES_MAX;
use crate::envelope::CloudEvent;

/// The format of day files that this program writes, and the newest that it reads.
pub const DAY_FORMAT: u32 = 2;
/// Largest first line of a day file, in bytes: it may bring a network of streets.
pub const DAY_HEADER_BYTES_MAX: usize = 256 << 20;
/// Largest other line of a day file, in bytes: a message in which every byte is escaped, and what stands around it.
pub const DAY_LINE_BYTES_MAX: usize = 6 * PLAN_BYTES_MAX + 1024;

/// First line: what the day is and how its travel times come about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayHeader {
    /// Version of the format: [`DAY_FORMAT`] when written.
    pub fleetfold_day: u32,
    /// What it is, for people.
    #[serde(default)]
    pub title: String,
    /// The network, if the day brings one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Value>,
    /// Drivers of this day drive exactly by the network (public benchmarks).
    #[serde(default)]
    pub exact_drivers: bool,
    /// What drives really take, which the map does not know (generated days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Value>,
    /// Orders whose customer will not be there (generated days).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_shows: Vec<String>,
    /// The base that the recording begins with, where older entries had expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Value>,
    /// Sequences of the recorded log that were not folded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<u64>,
}

impl DayHeader {
    /// The header of a day in the current format that brings nothing but its title.
    pub fn new(title: String) -> Self {
        Self {
            fleetfold_day: DAY_FORMAT,
            title,
            network: None,
            exact_drivers: false,
            traffic: None,
            no_shows: Vec::new(),
            base: None,
            skipped: Vec::new(),
        }
    }
}

/// Last line of a recording: what the fleet was after the last entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFooter {
    /// How the digests were made ([`FORMAT`] when written); absent in format 1 of day files.
    #[serde(default = "first_format")]
    pub format: u16,
    /// Digest after the last entry, hexadecimal.
    pub digest: String,
    /// Facts digest, hexadecimal.
    pub facts_digest: String,
    /// Last sequence.
    pub applied: u64,
}

fn first_format() -> u16 {
    1
}

impl DayFooter {
    /// The footer of a recording that this program folded.
    pub fn new(digest: u64, facts_digest: u64, applied: u64) -> Self {
        Self { format: FORMAT, digest: format!("{digest:016x}"), facts_digest: format!("{facts_digest:016x}"), applied }
    }
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum DayLine {
    /// The first line.
    Header(Box<DayHeader>),
    /// An event of a day that was written for it.
    Event {
        /// The event, as structured JSON.
        message: String,
    },
    /// A message of a log.
    Recorded {
        /// Its position in the log.
        seq: u64,
        /// Log time, RFC 3339.
        logged_at: String,
        /// Its bytes as they stand in the log.
        message: String,
    },
    /// The last line of a recording.
    Footer(DayFooter),
}

/// A recorded line whose message is not one line of text by itself.
#[derive(Serialize)]
struct AsText<'a> {
    seq: u64,
    logged_at: &'a str,
    text: &'a str,
}

/// What a recorded line says besides its message.
#[derive(Deserialize)]
struct Stamp {
    seq: u64,
    logged_at: String,
    text: Option<String>,
}

/// Why a line is none of a day file's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct DayError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// Reads one line, without its line break. `line` is its number, from 1.
///
/// # Errors
///
/// Which line, and what is wrong with it.
pub fn read_day_line(line: usize, text: &str) -> Result<DayLine, DayError> {
    let fail = |what: String| DayError { line, what };
    let most = if line == 1 { DAY_HEADER_BYTES_MAX } else { DAY_LINE_BYTES_MAX };
    if text.len() > most {
        return Err(fail(format!("{} bytes; a line of a day file has at most {most}", text.len())));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| fail(format!("not JSON: {error}")))?;
    let Some(members) = value.as_object() else {
        return Err(fail("neither a header, an event nor a footer: not a JSON object".to_owned()));
    };
    let has = |name: &str| members.contains_key(name);
    // An event may have extension attributes of any name, so it is asked for first.
    if has("specversion") {
        return Ok(DayLine::Event { message: text.trim().to_owned() });
    }
    if let Some(version) = members.get("fleetfold_day") {
        return match version.as_u64() {
            Some(version) if version > u64::from(DAY_FORMAT) => Err(fail(format!(
                "day format {version} is newer than this program's {DAY_FORMAT}: read it with the version that wrote it"
            ))),
            Some(1..) => parse(value).map(|header| DayLine::Header(Box::new(header))).map_err(fail),
            Some(0) | None => Err(fail(format!("`fleetfold_day` is {version}, which is no day format"))),
        };
    }
    if has("digest") {
        return parse(value).map(DayLine::Footer).map_err(fail);
    }
    if !(has("seq") && (has("event") || has("text"))) {
        return Err(fail("neither a header, an event nor a footer".to_owned()));
    }
    let Stamp { seq, logged_at, text: escaped } = parse(value).map_err(&fail)?;
    let message = match escaped {
        Some(message) => message,
        None => member(text, "event").ok_or_else(|| fail("`event` cannot be found".to_owned()))?.to_owned(),
    };
    Ok(DayLine::Recorded { seq, logged_at, message })
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// The text of a member of a JSON object, exactly as it stands there. The text must be legal JSON.
fn member<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    /// Reads one JSON value off the front; returns it with the length of its text.
    fn front<T: DeserializeOwned>(text: &str) -> Option<(T, usize)> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
        let value = values.next()?.ok()?;
        Some((value, values.byte_offset()))
    }
    let mut rest = text.trim_start().strip_prefix('{')?;
    loop {
        let (name, length) = front::<String>(rest)?;
        let value = rest[length..].trim_start().strip_prefix(':')?.trim_start();
        let (_, length) = front::<IgnoredAny>(value)?;
        if name == wanted {
            return Some(&value[..length]);
        }
        rest = value[length..].trim_start().strip_prefix(',')?;
    }
}

impl DayLine {
    /// The line of an event that is written for a day.
    pub fn of(event: &CloudEvent) -> Self {
        Self::Event { message: serde_json::to_string(event).expect("wire types are plain JSON") }
    }

    /// The line as text, without the line break.
    pub fn to_text(&self) -> String {
        let json = |value: serde_json::Result<String>| value.expect("wire types are plain JSON");
        match self {
            Self::Header(header) => json(serde_json::to_string(header)),
            Self::Footer(footer) => json(serde_json::to_string(footer)),
            Self::Event { message } => message.replace(['\n', '\r'], " "),
            Self::Recorded { seq, logged_at, message } => {
                let one_line = message.starts_with('{') && message.ends_with('}') && !message.contains(['\n', '\r']);
                let plain = one_line.then(|| {
                    let stamp = json(serde_json::to_string(logged_at));
                    format!("{{\"seq\":{seq},\"logged_at\":{stamp},\"event\":{message}}}")
                });
                // Events are decoded field by field, and what a type does not know is passed over unread. A line is read as a whole, which
                // is stricter: a number too large for any type, half a surrogate pair, objects nested too deep. Such messages are text.
                plain
                    .filter(|line| read_day_line(2, line).as_ref() == Ok(self))
                    .unwrap_or_else(|| json(serde_json::to_string(&AsText { seq: *seq, logged_at, text: message })))
            }
        }
    }
}
