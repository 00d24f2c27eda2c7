//! `/v1/replay`: a stretch of the past as a screen would have seen it, read out of the log: the picture at its beginning, then what changed
//! from step to step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleetfold_engine::Outlook;
use fleetfold_fleet::{Fleet, Tally};
use fleetfold_model::{Event, Millis, Timestamp};
use fleetfold_roads::Network;
use schemars::JsonSchema;
use serde::Deserialize;

use super::reasons::turn;
use super::{App, problem};
use crate::clock;
use crate::document::Document;
use crate::failure::Failure;
use crate::live::Live;
use crate::live::handover::{Figures, Glimpse, Stale};
use crate::readers::{Folded, Whole};
use crate::reasons::{Beside, instant};
use crate::times::UnixMillis;
use crate::view::{Changes, Kept, Memory, Pending, State as Shown};

/// Nobody waits longer for it.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// Steps, if the question does not say.
const STEPS: usize = 60;
/// Most steps.
const STEPS_MAX: usize = 240;
/// Longest stretch: a day.
const STRETCH_MAX: Millis = Millis(24 * 3_600_000);
/// An answer with more bytes than this is cut: it would fill the browser.
const BYTES_MAX: usize = 64 << 20;

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stretch {
    /// RFC 3339, zone time.
    from: String,
    /// The same; behind `from`, by a day at most.
    to: String,
    /// How many steps, 1 to 240; 60 without it.
    steps: Option<usize>,
}

/// What is answered, for the document of the routes: it is put together from fragments.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Replayed<'a> {
    #[schemars(with = "UnixMillis")]
    from: i64,
    /// Milliseconds from one frame to the next.
    step: i64,
    /// The first one is as `/v1/state`, the others have what changed.
    frames: Vec<ReplayFrame<'a>>,
}

/// All of a zone, or what has changed in it.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum ReplayFrame<'a> {
    All(Box<Shown<'a>>),
    Changed(Box<Changes<'a>>),
}

pub(super) async fn replay(State(app): State<Arc<App>>, Query(asked): Query<Stretch>, headers: HeaderMap) -> Response {
    let bad = |detail: &str| problem(StatusCode::BAD_REQUEST, "no such stretch", detail);
    let (from, to) = match (instant(&asked.from), instant(&asked.to)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(failure), _) | (_, Err(failure)) => return bad(&failure.what),
    };
    let steps = asked.steps.unwrap_or(STEPS);
    if to <= from || to - from > STRETCH_MAX || !(1..=STEPS_MAX).contains(&steps) {
        return bad(&format!("`to` is after `from`, by a day at most, and `steps` is between 1 and {STEPS_MAX}"));
    }
    let _turn = match turn(&app.reads_log).await {
        Ok(turn) => turn,
        Err(busy) => return busy,
    };
    match frames(&app.live, (from, to), steps).await {
        Ok(body) => Document::new(body).answer(&headers).await,
        Err(failure) => problem(StatusCode::SERVICE_UNAVAILABLE, "the log could not be read", &failure.to_string()),
    }
}

/// What a screen would show at an instant of the past.
fn glimpse(fleet: &Fleet, network: &Arc<Network>, tally: &Tally, now: Timestamp) -> Glimpse {
    Glimpse {
        fleet: fleet.clone_without_index(),
        network: Arc::clone(network),
        now,
        epoch: None,
        is_searching: false,
        overload: 0,
        figures: Figures::of(tally),
        watermark: None,
        late_observations: 0,
        taken: clock::monotonic(),
        marked: 0,
    }
}

/// The frames that have been made.
struct Film<'a> {
    network: &'a Arc<Network>,
    memory: Memory,
    tally: Tally,
    kept: Option<Kept>,
    stale: Stale,
    pending: Pending,
    body: String,
}

impl Film<'_> {
    /// The next frame: all of it, or what has changed since the one before.
    fn frame(&mut self, fleet: &Fleet, at: Timestamp) {
        let seen = glimpse(fleet, self.network, &self.tally, at);
        let body = if let Some(kept) = &mut self.kept {
            let stale = std::mem::take(&mut self.stale);
            kept.update(&seen, &self.memory, stale, &mut self.pending);
            kept.changes(&seen, &self.memory, std::mem::take(&mut self.pending), 0.0)
        } else {
            let kept = self.kept.insert(Kept::new(&seen, &self.memory));
            (self.stale, self.pending) = (Stale::default(), Pending::default());
            kept.body(&seen, &self.memory, 0.0)
        };
        let comma = if self.body.ends_with('[') { "" } else { "," };
        self.body.push_str(comma);
        self.body.push_str(&body);
    }
}

async fn frames(live: &Live, (from, to): (Timestamp, Timestamp), steps: usize) -> Result<String, Failure> {
    let began: Instant = clock::monotonic();
    let step = Millis(((to - from).0 / steps as i64).max(1));
    let mut film = Film {
        network: &live.network,
        memory: Memory::default(),
        tally: Tally::default(),
        kept: None,
        stale: Stale::default(),
        pending: Pending::default(),
        body: format!("{{\"from\":{},\"step\":{},\"frames\":[", from.0, step.0),
    };
    let mut next = from;
    let Some((mut folded, after)) = Folded::begin(&live.log, &live.zone).await? else {
        return Err(Failure::new("the log holds nothing of this zone", "ask again when something has happened"));
    };
    let mut whole = Whole::above(&live.log, &live.zone, after).await?;
    while let Some(message) = whole.next().await? {
        if began.elapsed() > READ_WITHIN {
            return Err(Failure::new("the log was not read to its end in time", "ask for a shorter stretch"));
        }
        let Some(mut entry) = folded.pass(&live.log, &message).await? else { continue };
        let labels = live.words.open_entry(&mut entry, &message.bytes).await;
        // What opens a zone sets its clock.
        let at = folded.fleet.zone().zone_time(entry.logged_at);
        let opens = matches!(entry.event, Event::ZoneOpened(_));
        while !opens && at > next && next <= to && film.body.len() < BYTES_MAX {
            tokio::task::block_in_place(|| film.frame(&folded.fleet, next));
            next = next + step;
        }
        if !opens && (at > to || film.body.len() >= BYTES_MAX) {
            break;
        }
        let change = folded.fleet.apply(&entry);
        film.tally.observe(&entry, &change, &folded.fleet);
        if let (Some(labels), None) = (labels, change.refused) {
            film.memory.call(&entry, *labels);
        }
        let now = folded.fleet.zone().zone_time(entry.logged_at);
        let (fleet, network) = (&folded.fleet, film.network);
        film.memory.beside(Beside::of(fleet, || Outlook::at(fleet, now, network), &entry));
        let decisions = film.memory.folded(&entry, &change, now);
        film.pending.decided(decisions);
        for (order, name) in &change.retired {
            film.stale.orders.remove(order);
            if let Some(kept) = &mut film.kept {
                kept.forget(name);
            }
        }
        film.stale.vehicles.extend(&change.vehicles);
        film.stale.vehicles.extend(&change.routes);
        film.stale.orders.extend(&change.orders);
        film.stale.alerts |=
            matches!(entry.event, Event::AlertRaised(_) | Event::AlertCleared(_) | Event::AlertAcknowledged(_));
        film.stale.roads |= matches!(entry.event, Event::RoadClosed(_) | Event::RoadSlowed(_) | Event::RoadReopened(_));
        if change.refused.is_none()
            && let Some(noted) = film.memory.note(&entry, now)
        {
            film.pending.noted(noted);
        }
    }
    // Nothing happened after that.
    while next <= to && film.body.len() < BYTES_MAX {
        tokio::task::block_in_place(|| film.frame(&folded.fleet, next));
        next = next + step;
    }
    film.body.push_str("]}");
    Ok(film.body)
}
