//! Questions of a screen: what is called so, what an entry of the log says, what came of an event that was posted.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleetfold_journal::address::parse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{App, problem, state};
use crate::clock;
use crate::document::Document;
use crate::live::Live;
use crate::log::Stream;
use crate::screens::Question;
use crate::times::UnixMillis;
use crate::view::{Answered, text};

/// Most that is found of a kind, if the question does not say.
const FOUND: usize = 20;
/// Most that is found of a kind.
const FOUND_MAX: usize = 1_000;
/// Longest text that is looked for, in bytes.
const WANTED_MAX: usize = 256;
/// Most bytes of an entry that are shown: more than any event of a producer has.
const ENTRY_MAX: usize = 256 << 10;
/// An answer is waited for so long: longer than the engine takes under the highest level of overload.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// Time between two looks whether it is there.
const LOOK: Duration = Duration::from_millis(40);

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The text to look for, at most 256 bytes.
    q: String,
    /// Most that is found of a kind, 1 to 1,000; 20 without it.
    limit: Option<usize>,
}

/// Orders and vehicles by a part of an id, a street or a skill.
pub(super) async fn search(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>, headers: HeaderMap) -> Response {
    let most = wanted.limit.unwrap_or(FOUND);
    if !(1..=FOUND_MAX).contains(&most) || wanted.q.trim().is_empty() || wanted.q.len() > WANTED_MAX {
        let detail =
            format!("`q` is the text to look for (1 to {WANTED_MAX} bytes), `limit` is between 1 and {FOUND_MAX}");
        return problem(StatusCode::BAD_REQUEST, "nothing to look for", &detail);
    }
    match state::ask(&app, |reply| Question::Search(wanted.q.clone(), most, reply)).await {
        Ok(body) => Document::new(body).answer(&headers).await,
        Err(response) => response,
    }
}

/// One message of the log as it stands there.
#[derive(JsonSchema, Serialize)]
pub(super) struct Entry<'a> {
    seq: u64,
    /// Log time.
    #[schemars(with = "UnixMillis")]
    at: i64,
    subject: &'a str,
    size_bytes: usize,
    /// The message as text, cut after 256 KiB. Bytes that are no text are replaced.
    bytes: &'a str,
}

pub(super) async fn entry(State(app): State<Arc<App>>, Path(seq): Path<u64>, headers: HeaderMap) -> Response {
    // Entries are counted from 1: a broker calls 0 a mistake.
    let found = if seq == 0 { Ok(None) } else { app.live.log.get(Stream::Fleet, &app.live.zone, seq).await };
    match found {
        // On a shared stream every zone has entries of its own, and only those are shown.
        Ok(Some(message)) if parse(&message.subject).is_some_and(|(zone, _)| zone == app.live.zone) => {
            let cut = &message.bytes[..message.bytes.len().min(ENTRY_MAX)];
            let bytes = String::from_utf8_lossy(cut);
            let entry = Entry {
                seq,
                at: message.at.0,
                subject: &message.subject,
                size_bytes: message.bytes.len(),
                bytes: &bytes,
            };
            Document::new(text(&entry)).answer(&headers).await
        }
        Ok(_) => {
            problem(StatusCode::NOT_FOUND, "no such entry", &format!("the log does not hold entry {seq} of this zone"))
        }
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, "the log could not be read", &error.to_string()),
    }
}

/// Waits until the facts at these entries have their answers, or for [`ANSWER_WITHIN`]; tells what came of each.
pub(super) async fn answers(live: &Live, seqs: Vec<u64>) -> Vec<Answered> {
    let began = clock::monotonic();
    loop {
        let (reply, answer) = oneshot::channel();
        if live.questions.send(Question::Answered(seqs.clone(), reply)).await.is_err() {
            return Vec::new();
        }
        let Ok(answers) = answer.await else { return Vec::new() };
        let all = answers.iter().all(|answer| answer.state != "waiting");
        if all || began.elapsed() > ANSWER_WITHIN || live.has_ended() {
            return answers;
        }
        tokio::time::sleep(LOOK).await;
    }
}
