//! `.osm`, the XML format.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::error::OsmError;
use super::item::{Item, Restriction, Wanted, Way};

/// The item to which the tags and members that follow belong.
enum Open {
    Nothing,
    Way(Way),
    Relation(Restriction),
}

pub(crate) fn read(text: impl BufRead, wanted: Wanted, sink: &mut dyn FnMut(Item)) -> Result<(), OsmError> {
    let mut reader = Reader::from_reader(text);
    let mut buffer = Vec::new();
    let mut open = Open::Nothing;
    let (mut begun, mut ended) = (false, false);
    loop {
        let byte = reader.buffer_position();
        let damaged = |what: &str| OsmError::Damaged(format!("byte {byte}: {what}"));
        match reader.read_event_into(&mut buffer).map_err(|error| damaged(&error.to_string()))? {
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                b"osm" => begun = true,
                b"node" if wanted == Wanted::Nodes => {
                    let degrees = |key: &str| {
                        let value = attribute(&tag, key).and_then(|value| value.parse::<f64>().ok());
                        value.filter(|value| value.abs() <= 180.0).map(|value| (value * 1e7).round() as i32)
                    };
                    // A deleted node, in the history of a map, has no coordinates.
                    if let (Some(id), Some(x), Some(y)) = (number(&tag, "id"), degrees("lon"), degrees("lat")) {
                        sink(Item::Node { id, x, y });
                    }
                }
                b"way" => {
                    let id = number(&tag, "id").ok_or_else(|| damaged("a way without an id"))?;
                    open = Open::Way(Way { id, ..Way::default() });
                }
                b"relation" => open = Open::Relation(Restriction::default()),
                b"nd" => {
                    if let Open::Way(way) = &mut open {
                        way.nodes.push(number(&tag, "ref").ok_or_else(|| damaged("a reference without a number"))?);
                    }
                }
                b"tag" => {
                    let pair = (attribute(&tag, "k").unwrap_or_default(), attribute(&tag, "v").unwrap_or_default());
                    match &mut open {
                        Open::Way(way) => way.tags.0.push(pair),
                        Open::Relation(relation) => relation.tags.0.push(pair),
                        Open::Nothing => {}
                    }
                }
                b"member" => {
                    if let (Open::Relation(relation), Some(id)) = (&mut open, number(&tag, "ref")) {
                        let role = attribute(&tag, "role").unwrap_or_default();
                        match (role.as_str(), attribute(&tag, "type").unwrap_or_default().as_str()) {
                            ("from", "way") => relation.from.push(id),
                            ("to", "way") => relation.to.push(id),
                            ("via", "node") => relation.via_nodes.push(id),
                            ("via", "way") => relation.via_ways.push(id),
                            _ => {}
                        }
                    }
                }
                _ => {}
            },
            Event::End(tag) => {
                ended |= tag.name().as_ref() == b"osm";
                if !matches!(tag.name().as_ref(), b"way" | b"relation") {
                    buffer.clear();
                    continue;
                }
                match std::mem::replace(&mut open, Open::Nothing) {
                    Open::Way(way) if wanted != Wanted::Nodes && way.tags.get("highway").is_some() => {
                        sink(Item::Way(way));
                    }
                    Open::Relation(relation)
                        if wanted != Wanted::Nodes && relation.tags.get("type") == Some("restriction") =>
                    {
                        sink(Item::Restriction(relation));
                    }
                    _ => {}
                }
            }
            Event::Eof if !begun => return Err(OsmError::Foreign),
            Event::Eof if !ended => return Err(damaged("the file ends before </osm>")),
            Event::Eof => return Ok(()),
            _ => {}
        }
        buffer.clear();
    }
}

fn attribute(tag: &BytesStart<'_>, key: &str) -> Option<String> {
    tag.try_get_attribute(key).ok().flatten()?.unescape_value().ok().map(std::borrow::Cow::into_owned)
}

fn number(tag: &BytesStart<'_>, key: &str) -> Option<i64> {
    attribute(tag, key)?.parse().ok()
}
