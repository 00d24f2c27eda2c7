//! The schemas of this program over HTTP, in the shape of Confluent's Schema Registry (reading, and judging a new schema), so that the
//! tools that speak it work. A subject is the name of a type; `latest` is its last version.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use fleetfold_wire::id_hash;
use fleetfold_wire::schema::{Committed, breaks, committed};
use serde::Deserialize;
use serde_json::{Value, json};

/// The content type of its answers.
const KIND: &str = "application/vnd.schemaregistry.v1+json";
/// Largest schema that is judged.
const SCHEMA_BYTES_MAX: usize = 256 * 1024;

fn answer(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, KIND)], value.to_string()).into_response()
}

/// Codes and words of the registry's own errors.
fn error(status: StatusCode, code: u32, message: &str) -> Response {
    (status, [(header::CONTENT_TYPE, KIND)], json!({ "error_code": code, "message": message }).to_string())
        .into_response()
}

/// The number of a version among all of all types: it follows from both, and stays.
fn id(subject: &str, version: u32) -> u32 {
    (id_hash(subject, &version.to_string()) & 0x7fff_ffff) as u32
}

fn versions_of(subject: &str) -> Result<&'static [Committed], Box<Response>> {
    let found = committed().get(subject).map(Vec::as_slice);
    found.ok_or_else(|| Box::new(error(StatusCode::NOT_FOUND, 40401, "Subject not found.")))
}

fn version_of(subject: &str, version: &str) -> Result<&'static Committed, Box<Response>> {
    let versions = versions_of(subject)?;
    let found = match version {
        "latest" | "-1" => versions.last(),
        number => {
            let Some(number) = number.parse::<u32>().ok().filter(|&number| number > 0) else {
                let message = "The specified version is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"";
                return Err(Box::new(error(StatusCode::UNPROCESSABLE_ENTITY, 42202, message)));
            };
            versions.iter().find(|of| of.version == number)
        }
    };
    found.ok_or_else(|| Box::new(error(StatusCode::NOT_FOUND, 40402, "Version not found.")))
}

/// `GET /subjects`
pub(crate) async fn subjects() -> Response {
    answer(&json!(committed().keys().collect::<Vec<_>>()))
}

/// `GET /subjects/{subject}/versions`
pub(crate) async fn versions(Path(subject): Path<String>) -> Response {
    match versions_of(&subject) {
        Ok(versions) => answer(&json!(versions.iter().map(|of| of.version).collect::<Vec<_>>())),
        Err(refused) => *refused,
    }
}

/// `GET /subjects/{subject}/versions/{version}`
pub(crate) async fn version(Path((subject, version)): Path<(String, String)>) -> Response {
    match version_of(&subject, &version) {
        Ok(found) => answer(&json!({
            "subject": subject, "version": found.version, "id": id(&subject, found.version), "schemaType": "JSON",
            "schema": found.schema.to_string(),
        })),
        Err(refused) => *refused,
    }
}

/// `GET /schemas/ids/{id}`
pub(crate) async fn by_id(Path(wanted): Path<u32>) -> Response {
    let all = committed().iter().flat_map(|(name, versions)| versions.iter().map(move |of| (name, of)));
    match all.into_iter().find(|(name, of)| id(name, of.version) == wanted) {
        Some((_, of)) => answer(&json!({ "schemaType": "JSON", "schema": of.schema.to_string() })),
        None => error(StatusCode::NOT_FOUND, 40403, "Schema not found"),
    }
}

/// `GET /config`: the rule between versions.
pub(crate) async fn config() -> Response {
    answer(&json!({ "compatibilityLevel": "FULL_TRANSITIVE" }))
}

/// A schema that is to be judged.
#[derive(Deserialize)]
pub(crate) struct Asked {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct How {
    #[serde(default)]
    verbose: bool,
}

/// `POST /compatibility/subjects/{subject}/versions/{version}`
pub(crate) async fn compatible(
    Path((subject, version)): Path<(String, String)>,
    Query(how): Query<How>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Response {
    match version_of(&subject, &version) {
        Ok(found) => judged(std::slice::from_ref(found), &how, asked),
        Err(refused) => *refused,
    }
}

/// `POST /compatibility/subjects/{subject}/versions`: against all versions.
pub(crate) async fn compatible_with_all(
    Path(subject): Path<String>,
    Query(how): Query<How>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Response {
    match versions_of(&subject) {
        Ok(found) => judged(found, &how, asked),
        Err(refused) => *refused,
    }
}

fn judged(versions: &[Committed], how: &How, asked: Result<Json<Asked>, JsonRejection>) -> Response {
    let invalid = |what: &str| error(StatusCode::UNPROCESSABLE_ENTITY, 42201, &format!("Invalid schema: {what}"));
    let asked = match asked {
        Ok(Json(asked)) => asked,
        Err(refused) => return invalid(&refused.body_text()),
    };
    if asked.kind.as_deref().is_some_and(|kind| kind != "JSON") {
        return invalid("only schemaType JSON is known here");
    }
    if asked.schema.len() > SCHEMA_BYTES_MAX {
        return invalid(&format!("it has more than {SCHEMA_BYTES_MAX} bytes"));
    }
    let schema: Value = match serde_json::from_str(&asked.schema) {
        Ok(schema @ (Value::Object(_) | Value::Bool(_))) => schema,
        Ok(_) => return invalid("a JSON Schema is an object"),
        Err(refused) => return invalid(&refused.to_string()),
    };
    let found: Vec<String> = versions
        .iter()
        .flat_map(|of| {
            breaks(&of.schema, &schema).into_iter().map(move |broken| format!("version {}: {broken}", of.version))
        })
        .collect();
    let mut told = json!({ "is_compatible": found.is_empty() });
    if how.verbose {
        told["messages"] = json!(found);
    }
    answer(&told)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fleetfold_wire::schema::committed;

    use super::id;

    #[test]
    fn every_version_has_an_id_of_its_own() {
        let all: Vec<u32> =
            committed().iter().flat_map(|(name, versions)| versions.iter().map(|of| id(name, of.version))).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
