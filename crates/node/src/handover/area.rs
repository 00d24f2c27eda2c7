//! An area on the map, as an operator gives it: a ring of places.

use fleetfold_model::{Position, Space};

/// A closed ring of places in the zone's own coordinates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Area(Vec<Position>);

impl Area {
    /// Reads a GeoJSON polygon (alone, in a feature, or in the first feature of a collection; only its outer ring counts) or a list of
    /// places: `LON,LAT LON,LAT LON,LAT`. On a plane the numbers are metres.
    ///
    /// # Errors
    ///
    /// What is expected, in words.
    pub(crate) fn parse(text: &str, space: Space) -> Result<Self, String> {
        let pairs = if text.trim_start().starts_with('{') { geojson(text)? } else { list(text)? };
        let scale = match space {
            Space::Geographic => 1e7,
            Space::Planar => 1e3,
        };
        let mut ring = Vec::with_capacity(pairs.len());
        for [x, y] in pairs {
            if space == Space::Geographic && (x.abs() > 180.0 || y.abs() > 90.0) {
                return Err(format!(
                    "longitude {x}, latitude {y}: outside -180..180 and -90..90; longitude comes first"
                ));
            }
            ring.push(Position { x: (x * scale).round() as i32, y: (y * scale).round() as i32 });
        }
        if ring.first() == ring.last() {
            ring.pop();
        }
        if ring.len() < 3 {
            return Err("an area has at least three corners".to_owned());
        }
        Ok(Self(ring))
    }

    /// Whether a place lies in it: whether a line from the place to the east crosses the ring an odd number of times.
    pub(crate) fn holds(&self, place: Position) -> bool {
        let (px, py) = (i128::from(place.x), i128::from(place.y));
        let next = self.0.iter().cycle().skip(1);
        let crossings = self.0.iter().zip(next).filter(|(a, b)| {
            let (ax, ay, bx, by) = (i128::from(a.x), i128::from(a.y), i128::from(b.x), i128::from(b.y));
            if (ay > py) == (by > py) {
                return false;
            }
            // Is the place to the west of the side at its own height? Both sides are multiplied by (by - ay).
            let (left, right) = ((px - ax) * (by - ay), (py - ay) * (bx - ax));
            if by > ay { left < right } else { left > right }
        });
        crossings.count() % 2 == 1
    }
}

fn list(text: &str) -> Result<Vec<[f64; 2]>, String> {
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is no number"));
    text.split([' ', ';', '\n', '\t'])
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (x, y) = pair.split_once(',').ok_or("LON,LAT pairs are needed, as in -8.6,41.1 -8.5,41.1 -8.5,41.2")?;
            Ok([number(x)?, number(y)?])
        })
        .collect()
}

fn geojson(text: &str) -> Result<Vec<[f64; 2]>, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let value = value.pointer("/features/0").unwrap_or(&value);
    let geometry = value.get("geometry").unwrap_or(value);
    if geometry.get("type").and_then(serde_json::Value::as_str) != Some("Polygon") {
        return Err("a GeoJSON Polygon is needed".to_owned());
    }
    let ring = geometry.pointer("/coordinates/0").cloned().unwrap_or_default();
    serde_json::from_value::<Vec<Vec<f64>>>(ring)
        .ok()
        .and_then(|ring| ring.into_iter().map(|pair| Some([*pair.first()?, *pair.get(1)?])).collect())
        .ok_or_else(|| "the coordinates of the polygon are no list of [LON, LAT]".to_owned())
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Position, Space};

    use super::Area;

    fn at(x: i32, y: i32) -> Position {
        Position { x: x * 1000, y: y * 1000 }
    }

    #[test]
    fn a_place_is_in_an_area_with_a_notch_or_outside_of_it() {
        // The letter L: the notch is to the upper right.
        let area = Area::parse("0,0 10,0 10,4; 4,4 4,10 0,10", Space::Planar).unwrap();
        for (x, y, held) in
            [(1, 1, true), (9, 3, true), (3, 9, true), (5, 5, false), (9, 9, false), (-1, 1, false), (11, 1, false)]
        {
            assert_eq!(area.holds(at(x, y)), held, "{x} {y}");
        }
    }

    #[test]
    fn geojson_and_a_list_of_places_are_the_same_area() {
        let text = r#"{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[-8.7,41.1],[-8.6,41.1],[-8.6,41.2],[-8.7,41.1]]]}}"#;
        let listed = Area::parse("-8.7,41.1 -8.6,41.1 -8.6,41.2", Space::Geographic);
        assert_eq!(Area::parse(text, Space::Geographic), listed);
        assert!(listed.is_ok());
        for wrong in ["1,2 3,4", "1;2;3", "41.1,-8.7 200,1 3,3", r#"{"type":"Point"}"#, "{"] {
            assert!(Area::parse(wrong, Space::Geographic).is_err(), "{wrong}");
        }
    }
}
