//! `.osm`, the XML format, as servers write it and as editors save it.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::barrier::is_barrier_key;
use super::error::OsmError;
use super::item::{Item, Key, Kind, Node, Restriction, Tags, Wanted, Way, is_restriction};

/// The item to which the tags and members that follow belong.
enum Open {
    Nothing,
    Node(Node),
    Way(Way, Alive),
    Relation(Restriction, Alive),
}

/// False for an item that is deleted: on the server, or in the editor that saved the file.
type Alive = bool;

pub(crate) fn read(text: impl BufRead, wanted: Wanted, sink: &mut dyn FnMut(Item)) -> Result<(), OsmError> {
    let mut reader = Reader::from_reader(text);
    let mut buffer = Vec::new();
    let mut open = Open::Nothing;
    let (mut begun, mut ended) = (false, false);
    loop {
        let byte = reader.buffer_position();
        let damaged = |what: &str| OsmError::Damaged(format!("byte {byte}: {what}"));
        let event = reader.read_event_into(&mut buffer).map_err(|error| damaged(&error.to_string()))?;
        let closes = matches!(event, Event::Empty(_));
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                match tag.name().as_ref() {
                    b"osm" => begun = true,
                    b"osmChange" if !begun => return Err(OsmError::Changes),
                    b"node" if wanted == Wanted::Nodes => {
                        open = node(&tag)?.map_or(Open::Nothing, Open::Node);
                    }
                    b"way" => {
                        let id = number(&tag, "id").ok_or_else(|| damaged("a way without an id"))?;
                        open = Open::Way(Way { id, version: version(&tag), ..Way::default() }, alive(&tag));
                    }
                    b"relation" => {
                        let id = number(&tag, "id").unwrap_or_default();
                        let relation = Restriction { id, version: version(&tag), ..Restriction::default() };
                        open = Open::Relation(relation, alive(&tag));
                    }
                    b"nd" => {
                        if let Open::Way(way, _) = &mut open {
                            let id = number(&tag, "ref").ok_or_else(|| damaged("a reference without a number"))?;
                            way.nodes.push(id);
                        }
                    }
                    b"tag" => {
                        let text = |key: &str| {
                            attribute(&tag, key).ok_or_else(|| {
                                damaged("a tag that cannot be read: save the file as UTF-8, or say its encoding in its first line")
                            })
                        };
                        match &mut open {
                            Open::Way(Way { tags, .. }, _)
                            | Open::Relation(Restriction { tags, .. }, _)
                            | Open::Node(Node { tags, .. }) => tags.0.push((text("k")?, text("v")?)),
                            Open::Nothing => {}
                        }
                    }
                    b"member" => {
                        if let (Open::Relation(relation, _), Some(id)) = (&mut open, number(&tag, "ref")) {
                            let role = attribute(&tag, "role").unwrap_or_default();
                            relation.add(&role, &attribute(&tag, "type").unwrap_or_default(), id);
                        }
                    }
                    _ => {}
                }
                if closes && matches!(tag.name().as_ref(), b"node" | b"way" | b"relation") {
                    close(&mut open, wanted, sink);
                }
            }
            Event::End(tag) => {
                ended |= tag.name().as_ref() == b"osm";
                if matches!(tag.name().as_ref(), b"node" | b"way" | b"relation") {
                    close(&mut open, wanted, sink);
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

/// A point whose tags follow. `None` for one without an id, or without coordinates although it is not deleted.
///
/// # Errors
///
/// Coordinates that are no numbers, or are not on the globe.
fn node(tag: &BytesStart<'_>) -> Result<Option<Node>, OsmError> {
    let Some(id) = number(tag, "id") else { return Ok(None) };
    let mut node = Node { id, version: version(tag), ..Node::default() };
    if alive(tag) {
        let (Some(lon), Some(lat)) = (attribute(tag, "lon"), attribute(tag, "lat")) else { return Ok(None) };
        let degrees = |text: &str, most: f64| text.trim().parse::<f64>().ok().filter(|value| value.abs() <= most);
        let (Some(lon), Some(lat)) = (degrees(&lon, 180.0), degrees(&lat, 90.0)) else {
            return Err(OsmError::OutOfRange { node: id, place: format!("longitude {lon}, latitude {lat}") });
        };
        node.place = Some(((lon * 1e7).round() as i32, (lat * 1e7).round() as i32));
    }
    Ok(Some(node))
}

/// Hands over the item that ends here.
fn close(open: &mut Open, wanted: Wanted, sink: &mut dyn FnMut(Item)) {
    let ways = wanted != Wanted::Nodes;
    match std::mem::replace(open, Open::Nothing) {
        Open::Node(mut node) => {
            if !node.tags.keys().any(is_barrier_key) {
                node.tags = Tags::default();
            }
            sink(Item::Node(node));
        }
        Open::Way(way, alive) if ways && alive && way.tags.get("highway").is_some() => sink(Item::Way(way)),
        Open::Way(way, _) if ways => {
            sink(Item::Nothing(Key { kind: Kind::Way, id: way.id, version: way.version }));
        }
        Open::Relation(relation, alive) if ways && alive && relation.tags.get("type").is_some_and(is_restriction) => {
            sink(Item::Restriction(relation));
        }
        Open::Relation(relation, _) if ways => {
            sink(Item::Nothing(Key { kind: Kind::Relation, id: relation.id, version: relation.version }));
        }
        Open::Way(..) | Open::Relation(..) | Open::Nothing => {}
    }
}

/// False if the item is deleted: `visible` is what a server says, `action` what an editor is about to do.
fn alive(tag: &BytesStart<'_>) -> Alive {
    attribute(tag, "visible").as_deref() != Some("false") && attribute(tag, "action").as_deref() != Some("delete")
}

fn version(tag: &BytesStart<'_>) -> u32 {
    attribute(tag, "version").and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn attribute(tag: &BytesStart<'_>, key: &str) -> Option<String> {
    tag.try_get_attribute(key).ok().flatten()?.unescape_value().ok().map(std::borrow::Cow::into_owned)
}

fn number(tag: &BytesStart<'_>, key: &str) -> Option<i64> {
    attribute(tag, key)?.parse().ok()
}
