//! `POST /v1/forget`: a person is forgotten ([`crate::forget`]).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use fleetfold_model::{Name, Person};
use schemars::JsonSchema;
use serde::Deserialize;

use super::reasons::turn;
use super::{App, as_json, problem, take};
use crate::auth::{Identity, audit};
use crate::failure::Failure;
use crate::forget::{self, Hindered};
use crate::view::text;

/// It is waited so long for the engine's own fold.
const FOLDED_WITHIN: Duration = Duration::from_secs(5);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Who is to be forgotten: exactly one of `order_id` and `vehicle_id`.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgetAsked {
    /// The customer of this order.
    order_id: Option<String>,
    /// The driver who is known by this vehicle.
    vehicle_id: Option<String>,
    /// Also while the order is open, or somebody has signed on to the vehicle.
    #[serde(default)]
    even_if_open: bool,
}

pub(super) async fn forget(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Identity>,
    Json(asked): Json<ForgetAsked>,
) -> Response {
    let person = match (asked.order_id, asked.vehicle_id) {
        (Some(order), None) => Name::new(&order).map(Person::Order),
        (None, Some(vehicle)) => Name::new(&vehicle).map(Person::Driver),
        _ => None,
    };
    let Some(person) = person else {
        let detail = "give exactly one of `order_id` and `vehicle_id`, an id of 1 to 64 visible characters";
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "nobody is named", detail);
    };
    let _turn = match turn(&app.reads_log).await {
        Ok(turn) => turn,
        Err(busy) => return busy,
    };
    match done(&app, &who, &person, asked.even_if_open).await {
        Ok(response) | Err(response) => response,
    }
}

async fn done(app: &App, who: &Identity, person: &Person, even_if_open: bool) -> Result<Response, Response> {
    let live = &app.live;
    let (log, zone) = (&live.log, &live.zone);
    let unread = |failure: &Failure| {
        let detail = format!("{}; try: {}, and ask again: it finishes what was begun", failure.what, failure.hint);
        problem(StatusCode::SERVICE_UNAVAILABLE, "the log could not be read", &detail)
    };
    let said = forget::survey(log, zone, person).await.map_err(|failure| unread(&failure))?;
    let Some(copy) = live.copy().await else {
        return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", "ask another engine of the zone"));
    };
    let may = forget::may(log, zone, (&copy.fleet, &said), person, even_if_open).await;
    match may.map_err(|error| unread(&error.into()))? {
        Ok(()) => {}
        Err(Hindered::Open(why)) => {
            let detail = format!("{why}; or say `even_if_open`");
            return Err(problem(StatusCode::CONFLICT, "work goes on", &detail));
        }
        Err(Hindered::Unknown) => {
            let title = if matches!(person, Person::Order(_)) { "no such order" } else { "no such vehicle" };
            return Err(problem(
                StatusCode::NOT_FOUND,
                title,
                &format!("nothing in the log names {}", forget::named(person)),
            ));
        }
    }
    // First the one that is at hand: what comes from now on is not kept.
    live.words.forget(person);
    let erased = forget::destroy(log, zone, person).await.map_err(|failure| unread(&failure))?;
    let taken = take(live, Bytes::from(forget::fact(person).to_bytes()), who).await?;
    audit::done(who, &format!("forgot {}: entry {}", forget::named(person), taken.seq));
    let began = crate::clock::monotonic();
    while live.applied() < taken.seq && began.elapsed() < FOLDED_WITHIN && !live.has_ended() {
        tokio::time::sleep(LOOK).await;
    }
    Ok(as_json(text(&forget::outcome(taken.seq, erased, said))))
}
