//! `.osm.pbf`, the binary format.

use std::io::Read;

use osmpbf::{Element, ElementReader, RelMemberType};

use super::barrier::is_barrier_key;
use super::error::OsmError;
use super::item::{Item, Key, Kind, Node, Restriction, Tags, Wanted, Way, is_restriction};

pub(crate) fn read(bytes: impl Read + Send, wanted: Wanted, sink: &mut dyn FnMut(Item)) -> Result<(), OsmError> {
    let mut out_of_range = None;
    ElementReader::new(bytes)
        .for_each(|element| match (element, wanted) {
            // Deleted items are in files of the history of a map only.
            (Element::Node(node), Wanted::Nodes) if node.info().deleted() => {
                let version = node.info().version().unwrap_or_default() as u32;
                sink(Item::Node(Node { id: node.id(), version, ..Node::default() }));
            }
            (Element::DenseNode(node), Wanted::Nodes) if node.info().is_some_and(osmpbf::DenseNodeInfo::deleted) => {
                let version = node.info().map_or(0, osmpbf::DenseNodeInfo::version) as u32;
                sink(Item::Node(Node { id: node.id(), version, ..Node::default() }));
            }
            (Element::Way(way), Wanted::WaysAndRestrictions) if way.info().deleted() => {
                let version = way.info().version().unwrap_or_default() as u32;
                sink(Item::Nothing(Key { kind: Kind::Way, id: way.id(), version }));
            }
            (Element::Relation(relation), Wanted::WaysAndRestrictions) if relation.info().deleted() => {
                let version = relation.info().version().unwrap_or_default() as u32;
                sink(Item::Nothing(Key { kind: Kind::Relation, id: relation.id(), version }));
            }
            (Element::Node(node), Wanted::Nodes) => {
                let place = (node.decimicro_lon(), node.decimicro_lat());
                let version = node.info().version().unwrap_or_default() as u32;
                keep(node.id(), version, place, node.tags(), &mut out_of_range, sink);
            }
            (Element::DenseNode(node), Wanted::Nodes) => {
                let place = (node.decimicro_lon(), node.decimicro_lat());
                let version = node.info().map_or(0, osmpbf::DenseNodeInfo::version) as u32;
                keep(node.id(), version, place, node.tags(), &mut out_of_range, sink);
            }
            (Element::Way(way), Wanted::WaysAndRestrictions) if way.tags().any(|(key, _)| key == "highway") => {
                let version = way.info().version().unwrap_or_default() as u32;
                sink(Item::Way(Way { id: way.id(), version, nodes: way.refs().collect(), tags: tags(way.tags()) }));
            }
            (Element::Relation(relation), Wanted::WaysAndRestrictions)
                if relation.tags().any(|(key, value)| key == "type" && is_restriction(value)) =>
            {
                let mut restriction = Restriction {
                    id: relation.id(),
                    version: relation.info().version().unwrap_or_default() as u32,
                    tags: tags(relation.tags()),
                    ..Restriction::default()
                };
                for member in relation.members() {
                    let kind = match member.member_type {
                        RelMemberType::Node => "node",
                        RelMemberType::Way => "way",
                        RelMemberType::Relation => "relation",
                    };
                    restriction.add(member.role().unwrap_or_default(), kind, member.member_id);
                }
                sink(Item::Restriction(restriction));
            }
            _ => {}
        })
        .map_err(|error| OsmError::Damaged(error.to_string()))?;
    out_of_range.map_or(Ok(()), Err)
}

fn tags<'t>(all: impl Iterator<Item = (&'t str, &'t str)>) -> Tags {
    Tags(all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// Hands over a point, or remembers that it is not on the globe.
fn keep<'t>(
    id: i64,
    version: u32,
    (x, y): (i32, i32),
    all: impl Iterator<Item = (&'t str, &'t str)> + Clone,
    out_of_range: &mut Option<OsmError>,
    sink: &mut dyn FnMut(Item),
) {
    if x.unsigned_abs() > 1_800_000_000 || y.unsigned_abs() > 900_000_000 {
        let place = format!("longitude {}, latitude {}", f64::from(x) / 1e7, f64::from(y) / 1e7);
        out_of_range.get_or_insert(OsmError::OutOfRange { node: id, place });
        return;
    }
    let bars = all.clone().any(|(key, _)| is_barrier_key(key));
    let tags = if bars { tags(all) } else { Tags::default() };
    sink(Item::Node(Node { id, version, place: Some((x, y)), tags }));
}
