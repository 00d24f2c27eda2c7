//! Versions of schemas, and the one rule between them: within a major version of a type every version reads what every other one wrote
//! (`FULL_TRANSITIVE`). So fields are only added, and none is ever needed that was not needed before.
//!
//! [`breaks`] compares two schemas as readers of the log read: a field that is not known is passed over, everything else is as the
//! schema says. What it does not know how to compare must be the same.

mod committed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

pub use committed::{Committed, committed};

/// Who cannot read whose messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The later version cannot read what the earlier one allowed.
    Backward,
    /// The earlier version cannot read what the later one allows.
    Forward,
}

/// One reason why two versions do not read each other's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Who cannot read whose.
    pub direction: Direction,
    /// Where, as a path in the payload; empty: the payload itself.
    pub path: String,
    /// What has changed.
    pub what: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the payload" } else { &self.path };
        let who = match self.direction {
            Direction::Backward => "the later version cannot read earlier messages",
            Direction::Forward => "the earlier version cannot read later messages",
        };
        write!(f, "{path}: {} ({who})", self.what)
    }
}

/// Words of JSON Schema that say nothing about what is valid.
const WORDS_ONLY: [&str; 9] =
    ["$schema", "$id", "title", "description", "examples", "$comment", "$defs", "definitions", "x-personal"];
/// Words that are compared each in its own way.
const COMPARED: [&str; 15] = [
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "not",
    "contains",
    "propertyNames",
    "oneOf",
    "anyOf",
    "allOf",
    "prefixItems",
    "$ref",
];
/// Schemas are nested less deep than this. Deeper ones refer to themselves, and were compared before.
const DEPTH_MAX: usize = 24;

/// Why an earlier and a later schema do not read each other's messages. Empty: they do.
pub fn breaks(earlier: &Value, later: &Value) -> Vec<Break> {
    let mut pair = Pair { roots: [earlier, later], seen: BTreeSet::new(), found: Vec::new() };
    pair.compare(earlier, later, "");
    pair.found.dedup();
    pair.found
}

/// Whether two schemas allow the same: descriptions may differ.
pub fn same(one: &Value, other: &Value) -> bool {
    bare(one) == bare(other)
}

/// A schema without its words for people.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Object(all) => {
            let kept = all.iter().filter(|(word, _)| !WORDS_ONLY.contains(&word.as_str()) || word.as_str() == "$defs");
            Value::Object(
                kept.map(|(word, value)| {
                    (word.clone(), if NAMED.contains(&word.as_str()) { named(value) } else { bare(value) })
                })
                .collect(),
            )
        }
        Value::Array(all) => Value::Array(all.iter().map(bare).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

/// Below these words stand names of fields or definitions, which may be called like a word of the schema.
const NAMED: [&str; 3] = ["properties", "$defs", "patternProperties"];

fn named(value: &Value) -> Value {
    let Value::Object(all) = value else { return value.clone() };
    Value::Object(all.iter().map(|(name, schema)| (name.clone(), bare(schema))).collect())
}

struct Pair<'a> {
    roots: [&'a Value; 2],
    /// Pairs of definitions that are being compared, or were.
    seen: BTreeSet<(String, String)>,
    found: Vec<Break>,
}

/// An object with the parts of a schema; `true` is the empty one.
fn object(schema: &Value) -> Option<Map<String, Value>> {
    match schema {
        Value::Object(map) => Some(map.clone()),
        Value::Bool(true) => Some(Map::new()),
        Value::Null | Value::Bool(false) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

impl<'a> Pair<'a> {
    fn breaks(&mut self, direction: Direction, path: &str, what: impl Into<String>) {
        self.found.push(Break { direction, path: path.to_owned(), what: what.into() });
    }

    fn both(&mut self, path: &str, what: &str) {
        self.breaks(Direction::Backward, path, what);
        self.breaks(Direction::Forward, path, what);
    }

    /// A schema with the definitions that it names put in its place.
    fn resolved(&self, side: usize, schema: &'a Value) -> (Option<String>, &'a Value) {
        let (mut at, mut name) = (schema, None);
        for _ in 0..DEPTH_MAX {
            let only_names = at
                .as_object()
                .filter(|all| all.keys().all(|word| word == "$ref" || WORDS_ONLY.contains(&word.as_str())));
            let Some(said) = only_names.and_then(|all| all.get("$ref")).and_then(Value::as_str) else { break };
            let Some(found) = said.strip_prefix('#').and_then(|path| self.roots[side].pointer(path)) else { break };
            (at, name) = (found, Some(said.to_owned()));
        }
        (name, at)
    }

    fn compare(&mut self, earlier: &'a Value, later: &'a Value, path: &str) {
        let ((old_name, old), (new_name, new)) = (self.resolved(0, earlier), self.resolved(1, later));
        if path.matches(['.', '[']).count() > DEPTH_MAX {
            return;
        }
        if let (Some(old), Some(new)) = (old_name, new_name)
            && !self.seen.insert((old, new))
        {
            return;
        }
        let (Some(old_map), Some(new_map)) = (object(old), object(new)) else {
            if old != new {
                self.both(path, "it is another schema");
            }
            return;
        };
        // Beside other words a name says one more condition.
        let named = |side: usize, map: &Map<String, Value>| {
            let name = map.get("$ref").and_then(Value::as_str)?.to_owned();
            let found = name.strip_prefix('#').and_then(|path| self.roots[side].pointer(path))?;
            Some((name, found))
        };
        match (named(0, &old_map), named(1, &new_map)) {
            (None, None) if old_map.get("$ref") == new_map.get("$ref") => {}
            (Some((old_name, old)), Some((new_name, new))) => {
                if self.seen.insert((old_name, new_name)) {
                    self.compare(old, new, path);
                }
            }
            _ => self.both(path, "`$ref` names something else"),
        }
        self.types(&old_map, &new_map, path);
        self.values(&old_map, &new_map, path);
        self.fields(old, new, path);
        for word in ["items", "additionalProperties", "not", "contains", "propertyNames"] {
            let part =
                |schema: &'a Value| schema.get(word).filter(|part| !(is_any(part) && ALL_OR_NOTHING.contains(&word)));
            match (part(old), part(new)) {
                (None, None) => {}
                (Some(old), Some(new)) => self.compare(old, new, &format!("{path}[{word}]")),
                _ => self.both(path, &format!("`{word}` is said in one version only")),
            }
        }
        for word in ["oneOf", "anyOf", "allOf", "prefixItems"] {
            self.shapes(word, old, new, path);
        }
        let rest: BTreeSet<&String> = old_map.keys().chain(new_map.keys()).collect();
        for word in rest {
            if COMPARED.contains(&word.as_str()) || WORDS_ONLY.contains(&word.as_str()) {
                continue;
            }
            let (old, new) = (old_map.get(word), new_map.get(word));
            if old == new || is_same_number(old, new) {
                continue;
            }
            match direction_of(word, old, new) {
                Some(direction) => {
                    self.breaks(direction, path, format!("`{word}` was {}, is {}", said(old), said(new)));
                }
                None => self.both(path, &format!("`{word}` was {}, is {}", said(old), said(new))),
            }
        }
    }

    fn types(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &str) {
        let types = |map: &Map<String, Value>| -> Option<BTreeSet<String>> {
            let words = match map.get("type")? {
                Value::String(one) => vec![one.clone()],
                Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
            };
            Some(words.into_iter().collect())
        };
        let allows = |types: &Option<BTreeSet<String>>, word: &str| {
            types.as_ref().is_none_or(|types| types.contains(word) || (word == "integer" && types.contains("number")))
        };
        let (old, new) = (types(old), types(new));
        let all = ["array", "boolean", "integer", "null", "number", "object", "string"];
        for word in all {
            match (allows(&old, word), allows(&new, word)) {
                (true, false) => self.breaks(Direction::Backward, path, format!("`{word}` is not taken any more")),
                (false, true) => self.breaks(Direction::Forward, path, format!("`{word}` is taken now")),
                _ => {}
            }
        }
    }

    /// `enum` and `const`: the same values, in any order.
    fn values(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &str) {
        let values = |map: &Map<String, Value>| -> Option<BTreeSet<String>> {
            let mut all: BTreeSet<String> = BTreeSet::new();
            all.extend(map.get("const").map(Value::to_string));
            all.extend(map.get("enum").and_then(Value::as_array).into_iter().flatten().map(Value::to_string));
            (map.contains_key("const") || map.contains_key("enum")).then_some(all)
        };
        let (old, new) = (values(old), values(new));
        match (old, new) {
            (None, None) => {}
            (Some(_), None) => self.breaks(Direction::Forward, path, "any value is taken now"),
            (None, Some(_)) => self.breaks(Direction::Backward, path, "only some values are taken now"),
            (Some(old), Some(new)) => {
                for gone in old.difference(&new) {
                    self.breaks(Direction::Backward, path, format!("the value {gone} is not taken any more"));
                }
                for more in new.difference(&old) {
                    self.breaks(Direction::Forward, path, format!("the value {more} is new"));
                }
            }
        }
    }

    fn fields(&mut self, old: &'a Value, new: &'a Value, path: &str) {
        let properties = |schema: &'a Value| schema.get("properties").and_then(Value::as_object);
        let (of_old, of_new) = (properties(old), properties(new));
        let needed = |schema: &Value| -> BTreeSet<String> {
            let words = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            words.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (needs_old, needs_new) = (needed(old), needed(new));
        for name in needs_new.difference(&needs_old) {
            self.breaks(Direction::Backward, &field(path, name), "it is required now");
        }
        for name in needs_old.difference(&needs_new) {
            self.breaks(Direction::Forward, &field(path, name), "it is not required any more");
        }
        // What an object may have beside these fields is passed over, unless the schema forbids it.
        let is_closed = |schema: &Value| schema.get("additionalProperties") == Some(&Value::Bool(false));
        for (name, schema) in of_old.into_iter().flatten() {
            match of_new.and_then(|all| all.get(name)) {
                Some(later) => self.compare(schema, later, &field(path, name)),
                None => self.breaks(
                    Direction::Backward,
                    &field(path, name),
                    "the field is gone: what earlier messages say in it has no effect",
                ),
            }
        }
        for name in of_new.into_iter().flatten().map(|(name, _)| name) {
            if of_old.is_none_or(|all| !all.contains_key(name)) && is_closed(old) {
                self.breaks(
                    Direction::Forward,
                    &field(path, name),
                    "the field is new, and the earlier version takes no other fields",
                );
            }
        }
    }

    /// Alternatives: each one of one version is one of the other.
    fn shapes(&mut self, word: &str, old: &'a Value, new: &'a Value, path: &str) {
        let parts = |schema: &'a Value| schema.get(word).and_then(Value::as_array);
        if word == "allOf" {
            // A part that allows everything says nothing.
            let said = |schema: &'a Value| parts(schema).into_iter().flatten().filter(|part| !is_any(part)).collect();
            let (old_all, new_all): (Vec<&Value>, Vec<&Value>) = (said(old), said(new));
            match (old_all.len(), new_all.len()) {
                (old, new) if old == new => {}
                (0, _) | (_, 0) => self.both(path, "`allOf` is said in one version only"),
                _ => self.both(path, "`allOf` has another number of parts"),
            }
            for (old, new) in old_all.into_iter().zip(new_all) {
                self.compare(old, new, path);
            }
            return;
        }
        let (Some(old_all), Some(new_all)) = (parts(old), parts(new)) else {
            if parts(old).is_some() != parts(new).is_some() {
                self.both(path, &format!("`{word}` is said in one version only"));
            }
            return;
        };
        if word == "prefixItems" {
            if old_all.len() != new_all.len() {
                self.both(path, &format!("`{word}` has another number of parts"));
            }
            for (old, new) in old_all.iter().zip(new_all) {
                self.compare(old, new, path);
            }
            return;
        }
        let (old_by, new_by) = (self.by_name(0, old_all), self.by_name(1, new_all));
        for (name, schema) in &old_by {
            match new_by.get(name) {
                Some(later) => self.compare(schema, later, path),
                None => self.breaks(Direction::Backward, path, format!("the alternative {name} is gone")),
            }
        }
        for name in new_by.keys().filter(|name| !old_by.contains_key(*name)) {
            self.breaks(Direction::Forward, path, format!("the alternative {name} is new"));
        }
    }

    /// Alternatives by what tells them apart: a constant of a field, the fields that are needed, or the type.
    fn by_name(&self, side: usize, all: &'a [Value]) -> BTreeMap<String, &'a Value> {
        let mut by_name = BTreeMap::new();
        for (number, schema) in all.iter().enumerate() {
            let (_, at) = self.resolved(side, schema);
            let mut constants = at.get("properties").and_then(Value::as_object).into_iter().flatten();
            let constant = constants.find_map(|(name, schema)| Some(format!("{name}={}", schema.get("const")?)));
            let value = at.get("const").map(Value::to_string);
            let values = at.get("enum").map(|_| "values".to_owned());
            let needed = at.get("required").map(|needed| format!("with {needed}"));
            let kind = at.get("type").map(Value::to_string);
            let name = constant.or(value).or(values).or(needed).or(kind).unwrap_or_else(|| number.to_string());
            // Two that nothing tells apart are told apart by their place.
            let name = if by_name.contains_key(&name) { format!("{name} #{number}") } else { name };
            by_name.insert(name, schema);
        }
        by_name
    }
}

/// Words whose schema says nothing where it allows everything.
const ALL_OR_NOTHING: [&str; 3] = ["items", "additionalProperties", "propertyNames"];

/// Whether a schema allows everything.
fn is_any(schema: &Value) -> bool {
    object(schema).is_some_and(|all| all.keys().all(|word| WORDS_ONLY.contains(&word.as_str())))
}

/// 100 and 100.0 are one number.
fn is_same_number(old: Option<&Value>, new: Option<&Value>) -> bool {
    let numbers = old.and_then(Value::as_f64).zip(new.and_then(Value::as_f64));
    numbers.is_some_and(|(old, new)| old.total_cmp(&new).is_eq())
}

fn field(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn said(value: Option<&Value>) -> String {
    value.map_or_else(|| "not said".to_owned(), Value::to_string)
}

/// For a bound: whether it became narrower (the later version refuses earlier messages) or wider. `None`: it is no bound.
fn direction_of(word: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Direction> {
    let rises = match word {
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => true,
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => false,
        "uniqueItems" | "pattern" | "format" => {
            return match (old, new) {
                (None, Some(_)) => Some(Direction::Backward),
                (Some(_), None) => Some(Direction::Forward),
                _ => None,
            };
        }
        _ => return None,
    };
    Some(match (old.and_then(Value::as_f64), new.and_then(Value::as_f64)) {
        (None, _) => Direction::Backward,
        (Some(old), Some(new)) if (new > old) == rises => Direction::Backward,
        // Wider, or gone.
        (Some(_), _) => Direction::Forward,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::breaks;

    #[test]
    fn what_says_nothing_breaks_nothing() {
        let earlier = json!({ "type": "object", "properties": { "load": { "type": "integer", "maximum": 100 } } });
        for (more, value) in [
            ("additionalProperties", json!(true)),
            ("additionalProperties", json!({ "description": "any" })),
            ("propertyNames", json!({})),
            ("allOf", json!([{}])),
            ("allOf", json!([true, { "title": "more" }])),
        ] {
            let mut later = earlier.clone();
            later[more] = value;
            assert_eq!((breaks(&earlier, &later), breaks(&later, &earlier)), (vec![], vec![]), "{later}");
        }
        let mut later = earlier.clone();
        later["properties"]["load"]["maximum"] = json!(100.0);
        assert_eq!(breaks(&earlier, &later), []);
        for (more, value) in [
            ("additionalProperties", json!(false)),
            ("additionalProperties", json!({ "type": "string" })),
            ("allOf", json!([{ "required": ["load"] }])),
            ("not", json!({})),
            ("contains", json!(true)),
        ] {
            let mut later = earlier.clone();
            later[more] = value;
            assert!(!breaks(&earlier, &later).is_empty(), "{later}");
        }
        later["properties"]["load"]["maximum"] = json!(99.5);
        assert!(!breaks(&earlier, &later).is_empty());
    }
}
