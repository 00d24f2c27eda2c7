//! The map that most cases are about: a short street `Test` (way 10, with the point 7 in its middle) from `West` to `East`, and a way
//! `Round` (way 20) that takes longer.

use std::fmt::Write as _;

use fleetfold_model::Position;

/// Longitude and latitude.
pub(crate) type Degrees = (f64, f64);

/// Keys and values.
pub(crate) type Tags = Vec<(String, String)>;

/// The western end of the map, beyond `Test`.
pub(crate) const WEST: Degrees = (6.9985, 50.0);
/// The eastern one.
pub(crate) const EAST: Degrees = (7.0075, 50.0);

pub(crate) fn place((lon, lat): Degrees) -> Position {
    Position { x: (lon * 1e7).round() as i32, y: (lat * 1e7).round() as i32 }
}

/// Tags as XML.
pub(crate) fn xml(tags: &Tags) -> String {
    let mut text = String::new();
    for (key, value) in tags {
        let value = value.replace('>', "&gt;").replace('<', "&lt;").replace('"', "&quot;");
        write!(text, "<tag k='{key}' v=\"{value}\"/>").unwrap();
    }
    text
}

/// The map with these tags on `Test` and on the point in its middle. `Round` leads so many times 1e-4 degrees to the north.
pub(crate) fn map(way: &Tags, node: &Tags, north: i32) -> String {
    let places = [(1, 0, 0), (2, 60, 0), (3, 0, north), (4, 60, north), (5, -20, 0), (6, 80, 0)];
    let mut text = String::from("<osm version='0.6'>");
    for (id, x, y) in places {
        let (lon, lat) = (7.0 + f64::from(x) * 1e-4, 50.0 + f64::from(y) * 1e-4);
        write!(text, "<node id='{id}' lon='{lon:.7}' lat='{lat:.7}'/>").unwrap();
    }
    write!(text, "<node id='7' lon='7.003' lat='50.0'>{}</node>", xml(node)).unwrap();
    write!(text, "<way id='10'><nd ref='1'/><nd ref='7'/><nd ref='2'/>{}<tag k='name' v='Test'/></way>", xml(way))
        .unwrap();
    for (id, nodes, name) in [(20, "1 3 4 2", "Round"), (30, "5 1", "West"), (31, "2 6", "East")] {
        let nodes = nodes.split(' ').map(|node| format!("<nd ref='{node}'/>")).collect::<Vec<String>>().concat();
        write!(text, "<way id='{id}'>{nodes}<tag k='highway' v='residential'/><tag k='name' v='{name}'/></way>")
            .unwrap();
    }
    text + "</osm>"
}
