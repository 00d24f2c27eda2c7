//! `.osm.pbf`, the binary format.

use std::io::Read;

use osmpbf::{Element, ElementReader, RelMemberType};

use super::error::OsmError;
use super::item::{Item, Restriction, Tags, Wanted, Way};

pub(crate) fn read(bytes: impl Read + Send, wanted: Wanted, sink: &mut dyn FnMut(Item)) -> Result<(), OsmError> {
    ElementReader::new(bytes)
        .for_each(|element| match (element, wanted) {
            (Element::Node(node), Wanted::Nodes) => {
                sink(Item::Node { id: node.id(), x: node.decimicro_lon(), y: node.decimicro_lat() });
            }
            (Element::DenseNode(node), Wanted::Nodes) => {
                sink(Item::Node { id: node.id(), x: node.decimicro_lon(), y: node.decimicro_lat() });
            }
            (Element::Way(way), Wanted::WaysAndRestrictions) if way.tags().any(|(key, _)| key == "highway") => {
                let tags = Tags(way.tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
                sink(Item::Way(Way { id: way.id(), nodes: way.refs().collect(), tags }));
            }
            (Element::Relation(relation), Wanted::WaysAndRestrictions)
                if relation.tags().any(|(key, value)| key == "type" && value == "restriction") =>
            {
                let mut restriction = Restriction {
                    tags: Tags(relation.tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
                    ..Restriction::default()
                };
                for member in relation.members() {
                    match (member.role().unwrap_or_default(), member.member_type) {
                        ("from", RelMemberType::Way) => restriction.from.push(member.member_id),
                        ("to", RelMemberType::Way) => restriction.to.push(member.member_id),
                        ("via", RelMemberType::Node) => restriction.via_nodes.push(member.member_id),
                        ("via", RelMemberType::Way) => restriction.via_ways.push(member.member_id),
                        _ => {}
                    }
                }
                sink(Item::Restriction(restriction));
            }
            _ => {}
        })
        .map_err(|error| OsmError::Damaged(error.to_string()))
}
