//! The recorded-day file: JSON lines. A header, events in order, and for a recording a footer with the digest.

use serde::{Deserialize, Serialize};

use crate::envelope::CloudEvent;

/// First line: what the day is and how its travel times come about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayHeader {
    /// Version of the format: 1.
    pub fleetfold_day: u32,
    /// What it is, for people.
    #[serde(default)]
    pub title: String,
    /// The network, if the day brings one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<serde_json::Value>,
    /// Drivers of this day drive exactly by the network (public benchmarks).
    #[serde(default)]
    pub exact_drivers: bool,
    /// What drives really take, which the map does not know (generated days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<serde_json::Value>,
    /// Orders whose customer will not be there (generated days).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_shows: Vec<String>,
    /// Sequences of the recorded log that were not folded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<u64>,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum DayLine {
    /// The first line.
    Header(Box<DayHeader>),
    /// An event; with its place and time in the log if the day was recorded from one.
    Event {
        /// Place in the log.
        seq: Option<u64>,
        /// Log time, RFC 3339.
        logged_at: Option<String>,
        /// The event.
        event: Box<CloudEvent>,
    },
    /// The last line of a recording.
    Footer {
        /// Digest after the last entry, hexadecimal.
        digest: String,
        /// Facts digest, hexadecimal.
        facts_digest: String,
        /// Last sequence.
        applied: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct RecordedV1 {
    seq: u64,
    logged_at: String,
    event: CloudEvent,
}

#[derive(Serialize, Deserialize)]
struct FooterV1 {
    digest: String,
    facts_digest: String,
    applied: u64,
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

/// Reads one line.
///
/// # Errors
///
/// Which line, and what is wrong with it.
pub fn read_day_line(line: usize, text: &str) -> Result<DayLine, DayError> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| DayError { line, what: format!("not JSON: {error}") })?;
    let parsed = if value.get("fleetfold_day").is_some() {
        serde_json::from_value::<DayHeader>(value).map(|header| DayLine::Header(Box::new(header)))
    } else if value.get("digest").is_some() {
        serde_json::from_value::<FooterV1>(value).map(|footer| DayLine::Footer {
            digest: footer.digest,
            facts_digest: footer.facts_digest,
            applied: footer.applied,
        })
    } else if value.get("seq").is_some() && value.get("event").is_some() {
        serde_json::from_value::<RecordedV1>(value).map(|recorded| DayLine::Event {
            seq: Some(recorded.seq),
            logged_at: Some(recorded.logged_at),
            event: Box::new(recorded.event),
        })
    } else {
        serde_json::from_value::<CloudEvent>(value).map(|event| DayLine::Event {
            seq: None,
            logged_at: None,
            event: Box::new(event),
        })
    };
    match parsed {
        Ok(DayLine::Header(header)) if header.fleetfold_day != 1 => {
            Err(DayError { line, what: format!("day format {} is newer than this program's 1", header.fleetfold_day) })
        }
        Ok(parsed) => Ok(parsed),
        Err(error) => Err(DayError { line, what: error.to_string() }),
    }
}

impl DayLine {
    /// The line as text, without the line break.
    pub fn to_text(&self) -> String {
        let value = match self {
            Self::Header(header) => serde_json::to_value(header),
            Self::Event { seq: Some(seq), logged_at: Some(logged_at), event } => {
                serde_json::to_value(RecordedV1 { seq: *seq, logged_at: logged_at.clone(), event: (**event).clone() })
            }
            Self::Event { event, .. } => serde_json::to_value(event),
            Self::Footer { digest, facts_digest, applied } => serde_json::to_value(FooterV1 {
                digest: digest.clone(),
                facts_digest: facts_digest.clone(),
                applied: *applied,
            }),
        };
        value.expect("wire types are plain JSON").to_string()
    }
}
