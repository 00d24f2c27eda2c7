//! Times in answers of HTTP: integers of Unix milliseconds, or texts as on the bus (RFC 3339, UTC) for those who ask with `times=rfc3339`.
//!
//! A field that is a point in time says so in the schema of its document ([`UnixMillis`]), and from the schemas of a route's answers a
//! [`Marks`] is made. An answer is written anew beside its marks: each integer that is marked becomes a text, and every other byte is copied
//! as it stands. What has no mark (spans, ages, counts, numbers of entries) stays a number.
//!
//! Absent on purpose: names of fields. A document with a new time has it as a text as soon as its schema says that it is one, and a test
//! finds a time whose schema does not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::extract::{MatchedPath, Query, Request};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use fleetfold_model::Timestamp;
use fleetfold_wire::instant_text;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::http::openapi;

/// The parameter of every route that says how times are written.
pub(crate) const PARAMETER: &str = "times";
/// The `format` of a marked integer in a JSON Schema.
pub(crate) const FORMAT: &str = "unix-millis";
/// Larger answers are written anew on a thread that may block (guess: below a millisecond of writing).
const ASIDE_FROM: usize = 64 << 10;
/// Deepest that schemas of answers lie in each other; none contains itself.
const DEPTH_MAX: usize = 64;

/// The schema of a field that is a point in time; its Rust type is `i64`.
pub(crate) struct UnixMillis;

impl JsonSchema for UnixMillis {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "UnixMillis".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "format": FORMAT })
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Times {
    /// Integers: milliseconds of Unix time.
    #[default]
    Unix,
    /// Texts in UTC.
    Rfc3339,
}

impl Times {
    const ALL: [(&str, Self); 2] = [("unix", Self::Unix), ("rfc3339", Self::Rfc3339)];

    /// Its word in the query.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Rfc3339 => "rfc3339",
        }
    }

    /// What a query asks for.
    ///
    /// # Errors
    ///
    /// In words, when it asks for anything else, or for two forms.
    pub(crate) fn asked(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut asked: Option<Self> = None;
        for (_, value) in pairs.iter().filter(|(name, _)| name == PARAMETER) {
            let Some(&(_, times)) = Self::ALL.iter().find(|(name, _)| name == value) else {
                return Err(format!("`{PARAMETER}` is `unix` (milliseconds) or `rfc3339` (texts), not `{value}`"));
            };
            if asked.is_some_and(|before| before != times) {
                return Err(format!("`{PARAMETER}` is `unix` or `rfc3339`, not both"));
            }
            asked = Some(times);
        }
        Ok(asked.unwrap_or_default())
    }
}

/// The OpenAPI document as it is when times are written so: each marked integer is a text of the format `date-time`.
pub(crate) fn described(document: &mut Value, times: Times) {
    fn describe(schema: &mut Value) {
        match schema {
            Value::Object(fields) => {
                if fields.get("format").is_some_and(|format| format == FORMAT) {
                    fields.insert("format".to_owned(), json!("date-time"));
                    let kinds = match fields.get_mut("type") {
                        Some(Value::Array(kinds)) => kinds.iter_mut().collect(),
                        kind => kind.into_iter().collect::<Vec<_>>(),
                    };
                    kinds.into_iter().filter(|kind| **kind == "integer").for_each(|kind| *kind = json!("string"));
                }
                fields.values_mut().for_each(describe);
            }
            Value::Array(items) => items.iter_mut().for_each(describe),
            _ => {}
        }
    }
    if times == Times::Rfc3339 {
        describe(document);
    }
}

/// Where times stand in a document. One without any is empty.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// It is a point in time.
    is_time: bool,
    /// It may be a number that is none.
    is_number: bool,
    /// Fields that have a time in them, by name.
    fields: BTreeMap<String, Marks>,
    /// Each field that has no name in the schema.
    others: Option<Box<Marks>>,
    /// The first items of a list, where each has a schema of its own.
    first: Vec<Marks>,
    /// Its other items.
    items: Option<Box<Marks>>,
}

impl Marks {
    /// The marks of a schema of the document.
    pub(crate) fn of(schema: &Value, document: &Value) -> Self {
        Self::at_depth(schema, document, 0)
    }

    fn at_depth(schema: &Value, document: &Value, depth: usize) -> Self {
        assert!(depth < DEPTH_MAX, "a schema of an answer contains itself: {schema}");
        let of = |schema: &Value| Self::at_depth(schema, document, depth + 1);
        let mut marks = Self::default();
        if let Some(to) = schema["$ref"].as_str() {
            let there = document.pointer(to.trim_start_matches('#'));
            marks.add(of(there.expect("every reference leads somewhere")));
        }
        let is_a = |name: &str| {
            let kind = &schema["type"];
            kind == name || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == name))
        };
        marks.is_time = schema["format"] == FORMAT;
        marks.is_number = !marks.is_time && (is_a("integer") || is_a("number"));
        for either in ["anyOf", "oneOf", "allOf"] {
            schema[either].as_array().into_iter().flatten().for_each(|schema| marks.add(of(schema)));
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            marks.fields.entry(name.clone()).or_default().add(of(schema));
        }
        let several = |name: &str| schema[name].is_object().then(|| Box::new(of(&schema[name])));
        let (others, items) = (several("additionalProperties"), several("items"));
        let first = schema["prefixItems"].as_array().into_iter().flatten().map(of).collect();
        marks.add(Self { others, first, items, ..Self::default() });
        marks
    }

    /// What stands here may be either of both.
    fn add(&mut self, other: Self) {
        self.is_time |= other.is_time;
        self.is_number |= other.is_number;
        // From an integer itself nobody could say which of both it is.
        assert!(!(self.is_time && self.is_number), "a field is a time in one schema and another number in the other");
        for (name, marks) in other.fields {
            self.fields.entry(name).or_default().add(marks);
        }
        for (mine, other) in [(&mut self.others, other.others), (&mut self.items, other.items)] {
            match (mine.as_mut(), other) {
                (Some(mine), Some(other)) => mine.add(*other),
                (None, other) => *mine = other,
                (Some(_), None) => {}
            }
        }
        for (place, marks) in other.first.into_iter().enumerate() {
            match self.first.get_mut(place) {
                Some(mine) => mine.add(marks),
                None => self.first.push(marks),
            }
        }
    }

    /// Leaves out what has no time in it; true when nothing is left.
    fn prune(&mut self) -> bool {
        let empty: Vec<bool> = self.fields.values_mut().map(Self::prune).collect();
        for several in [&mut self.others, &mut self.items] {
            if several.as_mut().is_some_and(|marks| marks.prune()) {
                *several = None;
            }
        }
        // A name without times must not be taken for one that the schema does not know.
        if self.others.is_none() {
            let mut empty = empty.into_iter();
            self.fields.retain(|_, _| !empty.next().unwrap_or(false));
        }
        let full = self.first.iter_mut().filter_map(|marks| (!marks.prune()).then_some(())).count();
        if full == 0 {
            self.first.clear();
        }
        !self.is_time && self.fields.is_empty() && self.others.is_none() && self.items.is_none() && full == 0
    }

    /// The document with its times as texts. It is JSON, which this program has written.
    pub(crate) fn as_texts(&self, json: &[u8]) -> Vec<u8> {
        let mut writing = Writing { json, at: 0, copied: 0, text: Vec::with_capacity(json.len() + json.len() / 4) };
        writing.value(Some(self));
        writing.text.extend_from_slice(&json[writing.copied..]);
        writing.text
    }
}

/// A document that is written anew.
struct Writing<'j> {
    json: &'j [u8],
    /// So far it was read.
    at: usize,
    /// So far it is in the text.
    copied: usize,
    text: Vec<u8>,
}

impl Writing<'_> {
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// Goes on to the next byte that is no space.
    fn space(&mut self) -> Option<u8> {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.peek()
    }

    /// Passes the next byte that is no space, if it is this one.
    fn passes(&mut self, byte: u8) -> bool {
        let passes = self.space() == Some(byte);
        self.at += usize::from(passes);
        passes
    }

    /// Passes a text, and returns it as it stands between its quotes.
    fn quoted(&mut self) -> &[u8] {
        let from = self.at + 1;
        self.at = from;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return &self.json[from..self.at - 1],
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        &[]
    }

    /// Passes a number or a word, and returns it.
    fn word(&mut self) -> &[u8] {
        let from = self.at;
        while self.peek().is_some_and(|byte| !matches!(byte, b',' | b']' | b'}') && !byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        &self.json[from..self.at]
    }

    /// Passes a value without a time in it, however deep.
    fn pass(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.space() {
                Some(b'"') => {
                    self.quoted();
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(b',' | b':') => self.at += 1,
                Some(_) => {
                    self.word();
                }
                None => return,
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn value(&mut self, marks: Option<&Marks>) {
        let Some(marks) = marks else { return self.pass() };
        match self.space() {
            Some(b'{') if !marks.fields.is_empty() || marks.others.is_some() => {
                self.at += 1;
                while self.space() == Some(b'"') {
                    // No name in a schema has a character that JSON escapes.
                    let name = std::str::from_utf8(self.quoted()).ok();
                    let field = name.and_then(|name| marks.fields.get(name)).or(marks.others.as_deref());
                    self.passes(b':');
                    self.value(field);
                    self.passes(b',');
                }
                self.passes(b'}');
            }
            Some(b'[') if !marks.first.is_empty() || marks.items.is_some() => {
                self.at += 1;
                let mut place = 0;
                while self.space().is_some_and(|byte| byte != b']') {
                    self.value(marks.first.get(place).or(marks.items.as_deref()));
                    self.passes(b',');
                    place += 1;
                }
                self.passes(b']');
            }
            Some(b'-' | b'0'..=b'9') if marks.is_time => self.time(),
            _ => self.pass(),
        }
    }

    fn time(&mut self) {
        let from = self.at;
        let number = std::str::from_utf8(self.word()).ok().and_then(|word| word.parse::<i64>().ok());
        let Some(millis) = number else { return };
        self.text.extend_from_slice(&self.json[self.copied..from]);
        self.text.push(b'"');
        self.text.extend_from_slice(instant_text(Timestamp(millis)).as_bytes());
        self.text.push(b'"');
        self.copied = self.at;
    }
}

/// The marks of the answers of a route; `None`: there is no time in them.
fn marks_of(method: &Method, path: &str) -> Option<&'static Marks> {
    static MARKS: OnceLock<BTreeMap<(String, String), Marks>> = OnceLock::new();
    let marks = MARKS.get_or_init(|| {
        let document = openapi::document(Times::Unix);
        let paths = document["paths"].as_object().into_iter().flatten();
        let routes = paths.flat_map(|(path, methods)| {
            methods.as_object().into_iter().flatten().map(move |(method, operation)| (method, path, operation))
        });
        let marked = routes.filter_map(|(method, path, operation)| {
            let marks = answers_of(operation, &document);
            marks.map(|marks| ((method.to_uppercase(), path.clone()), marks))
        });
        marked.collect()
    });
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    marks.get(&(method.to_owned(), path.to_owned()))
}

/// The marks of what a route answers with as JSON, whatever the status; `None`: there is no time in it.
pub(crate) fn answers_of(operation: &Value, document: &Value) -> Option<Marks> {
    let mut marks = Marks::default();
    for answer in operation["responses"].as_object().into_iter().flat_map(|answers| answers.values()) {
        marks.add(Marks::of(&answer["content"]["application/json"]["schema"], document));
    }
    (!marks.prune()).then_some(marks)
}

/// The query without the parameter, which no route reads by itself.
fn without_parameter(uri: &Uri, query: &str) -> Option<Uri> {
    let is_other = |pair: &&str| {
        let alone = format!("/?{pair}").parse::<Uri>().ok();
        let read = alone.and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
        read.is_none_or(|Query(pairs)| pairs.iter().all(|(name, _)| name != PARAMETER))
    };
    let rest: Vec<&str> = query.split('&').filter(is_other).collect();
    let path = uri.path();
    let target = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Hands a request on whose parameters are known to be right, and writes the times of its answer as it asks for. An answer to a request
/// without the parameter is not touched.
pub(crate) async fn answered(mut request: Request, next: Next) -> Response {
    let asked = request.uri().query().filter(|query| !query.is_empty()).and_then(|query| {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
        pairs.iter().any(|(name, _)| name == PARAMETER).then_some(())?;
        Some((Times::asked(&pairs).unwrap_or_default(), without_parameter(request.uri(), query)?))
    });
    let Some((times, uri)) = asked else { return next.run(request).await };
    *request.uri_mut() = uri;
    request.extensions_mut().insert(times);
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let marks = path.and_then(|path| marks_of(request.method(), &path)).filter(|_| times == Times::Rfc3339);
    let Some(marks) = marks else { return next.run(request).await };
    // What is packed could not be read: it is packed when it is written anew.
    request.headers_mut().remove(header::ACCEPT_ENCODING);
    written(next.run(request).await, marks).await
}

/// The same answer with its times as texts.
async fn written(answer: Response, marks: &'static Marks) -> Response {
    if answer.headers().get(header::CONTENT_TYPE) != Some(&HeaderValue::from_static("application/json")) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // It is in memory as a whole: every answer in JSON is made as one text.
    let json = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let is_large = json.len() >= ASIDE_FROM;
    let write = move || Bytes::from(marks.as_texts(&json));
    let text = if is_large { tokio::task::spawn_blocking(write).await.unwrap_or_default() } else { write() };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, text.into())
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Uri};
    use serde_json::{Value, json};

    use super::{FORMAT, Marks, Times, described, marks_of, without_parameter};
    use crate::http::openapi;

    fn marks(schema: &Value, components: &Value) -> Marks {
        let mut marks = Marks::of(schema, &json!({ "components": { "schemas": components } }));
        marks.prune();
        marks
    }

    #[test]
    fn marked_integers_become_texts_and_every_other_byte_stays() {
        let time = json!({ "type": ["integer", "null"], "format": FORMAT });
        let number = json!({ "type": "number" });
        let pair = json!({ "type": "array", "items": time, "minItems": 2, "maxItems": 2 });
        let moved = json!({ "type": "array", "prefixItems": [{ "type": "string" }, number, time] });
        let stop = json!({ "type": "object", "properties": { "at": time, "seconds": number, "windows": { "type": "array", "items": pair } } });
        let by_name = json!({ "type": "object", "additionalProperties": time, "properties": { "count": number } });
        let other = json!({ "type": "object", "properties": { "ends": time } });
        let schema = json!({ "type": "object", "properties": { "free": true, "moved": { "type": "array", "items": moved }, "named": by_name },
            "anyOf": [{ "$ref": "#/components/schemas/Stop" }, other, { "type": "null" }] });
        let marks = marks(&schema, &json!({ "Stop": stop }));
        let told = |document: &str| String::from_utf8(marks.as_texts(document.as_bytes())).unwrap();
        let before = r#" { "free":{"at":1,"x":"\"}]\\"}, "at" : 1780304400000 ,"seconds":1780304400000.0,"windows":[[0,1500],[],[null,-1]],
            "moved":[["v \u00e9 \"",0.10000000000000001,1780304400001],[]],"named":{"count":7,"a":60000,"b":null},"ends":1e3,"new":[1780304400000] } "#;
        let after = r#" { "free":{"at":1,"x":"\"}]\\"}, "at" : "2026-06-01T09:00:00Z" ,"seconds":1780304400000.0,"windows":[["1970-01-01T00:00:00Z","1970-01-01T00:00:01.5Z"],[],[null,"1969-12-31T23:59:59.999Z"]],
            "moved":[["v \u00e9 \"",0.10000000000000001,"2026-06-01T09:00:00.001Z"],[]],"named":{"count":7,"a":"1970-01-01T00:01:00Z","b":null},"ends":1e3,"new":[1780304400000] } "#;
        assert_eq!(told(before), after);
        for whole in ["", "null", "[]", "{}", "[1780304400000]", "1780304400000", r#"{"at":{"at":1}}"#] {
            assert_eq!(told(whole), whole);
        }
    }

    #[test]
    #[should_panic(expected = "a field is a time in one schema and another number in the other")]
    fn what_may_be_a_time_or_another_number_is_a_mistake() {
        let [time, number] = [json!({ "type": "integer", "format": FORMAT }), json!({ "type": "integer" })];
        let of = |at: Value| json!({ "type": "object", "properties": { "at": at } });
        marks(&json!({ "anyOf": [of(time), of(number)] }), &json!({}));
    }

    #[test]
    fn routes_with_times_have_marks_and_the_others_none() {
        for (method, path) in
            [(Method::GET, "/v1/state"), (Method::HEAD, "/v1/orders/{id}"), (Method::POST, "/v1/events")]
        {
            assert!(marks_of(&method, path).is_some(), "{path}");
        }
        for (method, path) in [(Method::GET, "/openapi.json"), (Method::GET, "/v1/basemap"), (Method::POST, "/solve")] {
            assert!(marks_of(&method, path).is_none(), "{path}");
        }
    }

    #[test]
    fn each_form_has_a_document_of_its_own() {
        let [unix, mut texts] = [Times::Unix, Times::Rfc3339].map(openapi::document);
        let at = "/components/schemas/Logged/properties/at";
        assert_eq!(unix.pointer(at).unwrap()["format"], FORMAT);
        assert_eq!(
            (&texts.pointer(at).unwrap()["type"], &texts.pointer(at).unwrap()["format"]),
            (&json!("string"), &json!("date-time"))
        );
        let due = &texts["components"]["schemas"]["RetiredOrder"]["properties"]["due"];
        assert_eq!(due["type"], json!(["string", "null"]));
        assert!(!texts.to_string().contains("\"unix-millis\"") && unix.to_string().contains("\"unix-millis\""));
        let before = texts.clone();
        described(&mut texts, Times::Rfc3339);
        assert_eq!(texts, before);
    }

    #[test]
    fn the_parameter_is_one_of_two_words_and_no_route_sees_it() {
        let asked = |values: &[&str]| {
            let pairs: Vec<_> = values.iter().map(|value| ("times".to_owned(), (*value).to_owned())).collect();
            Times::asked(&pairs)
        };
        assert_eq!(
            (asked(&[]), asked(&["unix"]), asked(&["rfc3339", "rfc3339"])),
            (Ok(Times::Unix), Ok(Times::Unix), Ok(Times::Rfc3339))
        );
        for wrong in [&["iso"][..], &[""], &["RFC3339"], &["unix", "rfc3339"]] {
            let what = asked(wrong).unwrap_err();
            assert!(what.contains("`unix`") && what.contains("`rfc3339`"), "{what}");
        }
        let without = |target: &str| {
            let uri: Uri = target.parse().unwrap();
            without_parameter(&uri, uri.query().unwrap()).unwrap().to_string()
        };
        assert_eq!(without("/v1/state?times=rfc3339"), "/v1/state");
        assert_eq!(without("/v1/search?q=a%26b&t%69mes=unix&limit=2"), "/v1/search?q=a%26b&limit=2");
        assert_eq!(without("http://host:1/v1/x?times=unix&q=times%3Dunix"), "http://host:1/v1/x?q=times%3Dunix");
    }
}
