//! Fields of a payload that its type does not know: misspelt, misplaced, or from a newer version.
//!
//! The known fields are those of the type's own JSON Schema, so the check cannot drift from what the decoder reads.
//! Only what producers write is checked: the engine's own events may come from a newer version of this program, which may add
//! fields. Extension attributes of the envelope are never reported, because CloudEvents allows them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::event_type::{EventType, Writer};
use crate::warning::Warning;

/// Most unknown fields reported of one event.
const WARNINGS_MAX: usize = 20;
/// Most characters of a field's name that are repeated in a warning.
const FIELD_CHARS_MAX: usize = 64;

/// What a payload of a type may look like: only what is needed to find unknown fields.
#[derive(Debug)]
enum Shape {
    /// A number, a text, or anything else without fields.
    Plain,
    /// A list of these.
    List(Box<Shape>),
    /// An object with these fields; `others` is the shape of all other fields where any name is allowed.
    Object { fields: BTreeMap<String, Shape>, others: Option<Box<Shape>> },
}

impl Shape {
    /// The shape that a JSON Schema describes. `root` holds the definitions it refers to.
    fn of(schema: &Value, root: &Value) -> Self {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return root.pointer(name.trim_start_matches('#')).map_or(Self::Plain, |target| Self::of(target, root));
        }
        let mut shape = Self::Plain;
        for word in ["anyOf", "oneOf", "allOf"] {
            for part in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
                shape = shape.or(Self::of(part, root));
            }
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            return shape.or(Self::List(Box::new(Self::of(items, root))));
        }
        let fields: BTreeMap<String, Self> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), Self::of(schema, root)))
            .collect();
        let others = schema
            .get("additionalProperties")
            .filter(|others| others.is_object())
            .map(|others| Box::new(Self::of(others, root)));
        if fields.is_empty() && others.is_none() { shape } else { shape.or(Self::Object { fields, others }) }
    }

    /// Whatever either allows.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Object { mut fields, others }, Self::Object { fields: more, others: any }) => {
                fields.extend(more);
                Self::Object { fields, others: others.or(any) }
            }
            (Self::Plain, other) => other,
            (known, _) => known,
        }
    }

    /// Adds the path of every field, here and below.
    fn paths(&self, above: &str, paths: &mut Vec<String>) {
        match self {
            Self::Plain => {}
            Self::List(item) => item.paths(&format!("{above}[]"), paths),
            Self::Object { fields, .. } => {
                for (name, shape) in fields {
                    let path = below(above, name);
                    shape.paths(&path, paths);
                    paths.push(path);
                }
            }
        }
    }
}

/// The path of a field in an object.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Shapes in the order of [`EventType::ALL`].
static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shape = |kind: &EventType| {
        let schema = kind.schema();
        Shape::of(&schema, &schema)
    };
    EventType::ALL.iter().map(shape).collect()
});

/// The unknown fields of a payload, in the order of their names; none for the engine's own types.
pub(crate) fn unknown(kind: EventType, data: &Value) -> Vec<Warning> {
    let mut found = Vec::new();
    match kind.writer() {
        Writer::Engine => {}
        Writer::Producer => {
            let root = &SHAPES[kind as usize];
            walk(root, root, data, &Path::Root, &mut found);
        }
    }
    found
}

/// Where a value stands in the payload. Written as text only for a field that is unknown.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(above, name) => write!(f, "{above}.{name}"),
            Self::Item(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

fn walk(root: &Shape, shape: &Shape, value: &Value, path: &Path<'_>, found: &mut Vec<Warning>) {
    if let (Shape::List(item), Value::Array(values)) = (shape, value) {
        for (index, value) in values.iter().enumerate() {
            walk(root, item, value, &Path::Item(path, index), found);
        }
    }
    let (Shape::Object { fields, others }, Value::Object(values)) = (shape, value) else { return };
    for (name, value) in values {
        if let Some(inner) = fields.get(name).or(others.as_deref()) {
            walk(root, inner, value, &Path::Field(path, name), found);
        } else if found.len() < WARNINGS_MAX {
            let shown: String = name.chars().take(FIELD_CHARS_MAX).collect();
            let here =
                nearest(name, fields.keys().map(String::as_str)).map(|meant| Path::Field(path, meant).to_string());
            let hint = here.or_else(|| elsewhere(root, name));
            found.push(Warning::unknown_field(Path::Field(path, &shown).to_string(), hint));
        }
    }
}

/// The path of the field of the whole payload whose name is most like this one: it may be known, but at another place.
fn elsewhere(root: &Shape, name: &str) -> Option<String> {
    let mut paths = Vec::new();
    root.paths("", &mut paths);
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let names: Vec<String> = paths.iter().map(|path| last(path)).collect();
    let meant = nearest(name, names.iter().map(String::as_str))?;
    names.iter().position(|name| name == meant).map(|index| paths.swap_remove(index))
}

/// The known name that is most like a misspelt one: at most two fifths of its letters differ, or one letter in a short name.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    let near = known.map(|known| (distance(name, known), known)).min()?;
    let most = (letters.max(near.1.len()) * 2 / 5).max(1);
    (letters <= FIELD_CHARS_MAX && near.0 <= most).then_some(near.1)
}

/// Letters to insert, remove, replace, or swap with their neighbour to make one word the other: the optimal string alignment
/// distance (Damerau, "A technique for computer detection and correction of spelling errors", 1964).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(FIELD_CHARS_MAX + 1).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Shape, distance, nearest};
    use crate::event_type::EventType;

    #[test]
    fn the_distance_counts_letters() {
        for (a, b, expected) in
            [("skils", "skills", 1), ("sklils", "skills", 1), ("", "abc", 3), ("same", "same", 0), ("ab", "ba", 1)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn a_hint_is_given_only_for_what_is_like_it() {
        let known = ["service_seconds", "setup_seconds", "windows", "lon", "lat"];
        assert_eq!(nearest("service_minutes", known.into_iter()), Some("service_seconds"));
        assert_eq!(nearest("window", known.into_iter()), Some("windows"));
        assert_eq!(nearest("lan", known.into_iter()), Some("lat"));
        assert_eq!(nearest("remark", known.into_iter()), None);
    }

    #[test]
    fn every_type_has_a_shape_with_fields() {
        for kind in EventType::ALL {
            let schema = kind.schema();
            let shape = Shape::of(&schema, &schema);
            assert!(matches!(&shape, Shape::Object { fields, .. } if !fields.is_empty()), "{kind:?}: {shape:?}");
        }
    }
}
