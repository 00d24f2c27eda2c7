//! Logging in and out, and who one is.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::tokens::digest;
use super::{Auth, FAILED_TOO_OFTEN, Identity, Proof, Who, audit, too_often};
use crate::http::problem;

/// Largest body of a login.
const BODY_MAX: usize = 4096;

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Shown {
    /// A token of the file.
    Token(String),
    /// The word of a link that logs in once.
    Link(String),
}

fn as_json(body: &serde_json::Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, body.to_string()).into_response()
}

/// `GET /v1/me`.
pub(crate) async fn me(Extension(who): Extension<Identity>) -> Response {
    as_json(&json!({ "name": &*who.name, "role": who.role.name(), "session": who.is_person() }))
}

/// `POST /login`: a token, once, becomes the cookie of a session.
pub(crate) async fn log_in(Extension(auth): Extension<Arc<Auth>>, request: Request) -> Response {
    if let Err(answer) = auth.is_from_our_page(&request) {
        audit::refused(&request, None, answer.status());
        return answer;
    }
    // Before the token is looked at, so that nothing is learned of it.
    let address = audit::party_of(&request).map(Who::Address);
    if address.is_some_and(|who| !auth.failures.may(who)) {
        let answer = too_often(FAILED_TOO_OFTEN, auth.failures.again_after());
        audit::refused(&request, None, answer.status());
        return answer;
    }
    let (parts, body) = request.into_parts();
    let shown = axum::body::to_bytes(body, BODY_MAX).await.ok();
    let Some(shown) = shown.and_then(|body| serde_json::from_slice::<Shown>(&body).ok()) else {
        return problem(StatusCode::BAD_REQUEST, "no login", "send {\"token\":\"…\"} or {\"link\":\"…\"}");
    };
    let token = match &shown {
        Shown::Token(token) => Some(digest(token.trim().as_bytes())),
        Shown::Link(word) => auth.sessions.use_link(word),
    };
    let known = token.and_then(|token| Some((token, auth.holder(token, Proof::Token(token))?)));
    let Some((token, who)) = known else {
        let _ = address.is_some_and(|who| auth.failures.take(who));
        audit::refused(&Request::from_parts(parts, axum::body::Body::empty()), None, StatusCode::UNAUTHORIZED);
        let detail = match shown {
            Shown::Token(_) => "no line of the token file has this token",
            Shown::Link(_) => "this link was used, or is older than ten minutes: log in with a token",
        };
        return problem(StatusCode::UNAUTHORIZED, "no or wrong token", detail);
    };
    let cookie = auth.sessions.begin(token);
    audit::done(&who, "logged in");
    // The page says how it was reached, also where somebody else has put TLS in front of us.
    let is_encrypted = parts.headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https:"));
    let mut answer = as_json(&json!({ "name": &*who.name, "role": who.role.name(), "session": true }));
    set(&mut answer, &auth.cookie, &cookie, is_encrypted);
    answer
}

/// `POST /logout`.
pub(crate) async fn log_out(Extension(auth): Extension<Arc<Auth>>, request: Request) -> Response {
    if let Err(answer) = auth.is_from_our_page(&request) {
        return answer;
    }
    let Some(cookie) = auth.cookie_in(request.headers()).map(|cookie| digest(cookie.as_bytes())) else {
        return StatusCode::NO_CONTENT.into_response();
    };
    if let Some(who) = auth.known(Proof::Session(cookie), false) {
        audit::done(&who, "logged out");
    }
    auth.sessions.end(cookie);
    let mut answer = StatusCode::NO_CONTENT.into_response();
    let is_encrypted =
        request.headers().get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https:"));
    set(&mut answer, &auth.cookie, "; Max-Age=0", is_encrypted);
    answer
}

fn set(answer: &mut Response, name: &str, value: &str, is_encrypted: bool) {
    let (prefix, secure) = if is_encrypted { ("__Host-", "; Secure") } else { ("", "") };
    let cookie = format!("{prefix}{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

impl Auth {
    /// The path of a link that logs an administrator in once. What follows the `#` is never sent to a server as part of an address.
    pub(crate) fn login_link(&self) -> Option<String> {
        let token = self.tokens()?.first_admin()?;
        Some(format!("/login#{}", self.sessions.link(token)))
    }
}
