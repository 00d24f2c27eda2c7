//! The streets of a network by squares of the map, so that a screen asks only for those that it shows.
//!
//! Squares are those of web maps: at zoom 0 one square is the whole world in the Mercator projection, at each further zoom each is cut
//! into four. Far out only the greater streets are told.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_roads::Network;
use schemars::JsonSchema;
use serde::Serialize;

use crate::view::{LonLat, lon_lat, text};

/// Pieces of street are kept by the squares of this zoom: in a town some hundred in each.
const KEPT_AT: u8 = 14;
/// The least and the most zoom at which squares are told.
pub(crate) const ZOOMS: std::ops::RangeInclusive<u8> = 4..=19;
/// Units of a side of a square in an answer.
const UNITS: f64 = 4096.0;
/// From this zoom on streets of each class are told: 0 motorways and bridges, 1 arterials, 2 others.
const SHOWN_FROM: [u8; 3] = [4, 9, 13];

/// A piece of street in the Mercator projection, 0 to 1 from the west and from the north.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: [f64; 2],
    to: [f64; 2],
    class: u8,
}

/// A street by its name.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct NamedStreet {
    pub(crate) name: String,
    /// The ids by which events name it: a street may have several.
    pub(crate) roads: BTreeSet<i64>,
    /// A place on it.
    pub(crate) at: LonLat,
}

/// Pieces of streets by squares.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    /// By their names in small letters.
    named: BTreeMap<String, NamedStreet>,
    pieces: Vec<Piece>,
    squares: BTreeMap<(u32, u32), Vec<u32>>,
}

fn mercator([lon, lat]: [f64; 2]) -> [f64; 2] {
    let lat = lat.clamp(-85.0, 85.0).to_radians();
    let y = (lat.tan() + 1.0 / lat.cos()).ln();
    [(lon + 180.0) / 360.0, (1.0 - y / std::f64::consts::PI) / 2.0]
}

impl Tiles {
    /// All streets of a network.
    pub(crate) fn of(network: &Network) -> Self {
        let space = network.space();
        let side = f64::from(1u32 << KEPT_AT);
        let mut tiles = Self::default();
        for street in network.streets() {
            if !street.name.is_empty() {
                let place = lon_lat(space, street.from);
                let named = tiles.named.entry(street.name.to_lowercase()).or_insert_with(|| NamedStreet {
                    name: street.name.clone(),
                    roads: BTreeSet::new(),
                    at: place,
                });
                named.roads.insert(street.road as i64);
            }
            let [from, to] = [street.from, street.to].map(|place| mercator(lon_lat(space, place)));
            let number = tiles.pieces.len() as u32;
            tiles.pieces.push(Piece { from, to, class: street.class.min(2) });
            let square = |value: f64| (value.clamp(0.0, 1.0) * side) as u32;
            // The box around a piece: pieces are short, so this is one square or two.
            for x in square(from[0].min(to[0]))..=square(from[0].max(to[0])) {
                for y in square(from[1].min(to[1]))..=square(from[1].max(to[1])) {
                    tiles.squares.entry((x, y)).or_default().push(number);
                }
            }
        }
        tiles
    }

    /// The streets of a square: for each class a list of numbers, four for each piece, in [`UNITS`] of the square's side from its upper left corner.
    pub(crate) fn square(&self, zoom: u8, x: u32, y: u32) -> String {
        let scale = f64::from(1u32 << zoom);
        let mut found: Vec<u32> = Vec::new();
        if zoom >= KEPT_AT {
            let down = zoom - KEPT_AT;
            found.extend(self.squares.get(&(x >> down, y >> down)).into_iter().flatten());
        } else {
            let up = KEPT_AT - zoom;
            for column in (x << up)..((x + 1) << up) {
                let rows = self.squares.range((column, y << up)..(column, (y + 1) << up));
                found.extend(rows.flat_map(|(_, pieces)| pieces));
            }
        }
        found.sort_unstable();
        found.dedup();
        let mut classes: [Vec<i32>; 3] = Default::default();
        for piece in found.into_iter().map(|number| self.pieces[number as usize]) {
            if SHOWN_FROM[usize::from(piece.class)] > zoom {
                continue;
            }
            let unit = |value: f64, corner: u32| ((value * scale - f64::from(corner)) * UNITS).round() as i32;
            let ends = [unit(piece.from[0], x), unit(piece.from[1], y), unit(piece.to[0], x), unit(piece.to[1], y)];
            // Inside the square, or through it.
            let inside = |a: i32, b: i32| a.max(b) >= 0 && a.min(b) <= UNITS as i32;
            if inside(ends[0], ends[2]) && inside(ends[1], ends[3]) && ends[..2] != ends[2..] {
                classes[usize::from(piece.class)].extend(ends);
            }
        }
        text(&classes)
    }

    /// Streets that have a text in their names, at most so many: those that begin with it first.
    pub(crate) fn named(&self, wanted: &str, most: usize) -> Vec<&NamedStreet> {
        let wanted = wanted.trim().to_lowercase();
        let has = self.named.iter().filter(|(name, _)| name.contains(&wanted));
        let (first, rest): (Vec<_>, Vec<_>) = has.partition(|(name, _)| name.starts_with(&wanted));
        first.into_iter().chain(rest).map(|(_, street)| street).take(most).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fleetfold_roads::Network;

    use super::{KEPT_AT, Tiles, UNITS, ZOOMS, mercator};

    fn town() -> Arc<Network> {
        fleetfold_sim::city(7).network
    }

    #[test]
    fn every_street_is_in_the_square_that_its_middle_lies_in() {
        let tiles = Tiles::of(&town());
        assert!(tiles.pieces.len() > 500, "{}", tiles.pieces.len());
        for (number, piece) in tiles.pieces.iter().enumerate().step_by(7) {
            let zoom = 13 + (number % 7) as u8;
            let middle = [f64::midpoint(piece.from[0], piece.to[0]), f64::midpoint(piece.from[1], piece.to[1])];
            let scale = f64::from(1u32 << zoom);
            let (x, y) = ((middle[0] * scale) as u32, (middle[1] * scale) as u32);
            let classes: [Vec<i32>; 3] = serde_json::from_str(&tiles.square(zoom, x, y)).unwrap();
            let unit = |value: f64, corner: u32| ((value * scale - f64::from(corner)) * UNITS).round() as i32;
            let ends = [unit(piece.from[0], x), unit(piece.from[1], y), unit(piece.to[0], x), unit(piece.to[1], y)];
            let is_there = classes[usize::from(piece.class)].chunks(4).any(|found| found == ends);
            assert!(is_there || ends[..2] == ends[2..], "piece {number} at zoom {zoom}");
        }
    }

    #[test]
    fn a_square_far_away_and_one_far_out_are_answered() {
        let tiles = Tiles::of(&town());
        assert_eq!(tiles.square(14, 0, 0), "[[],[],[]]");
        for zoom in ZOOMS {
            let [x, y] = mercator([-8.62, 41.15]);
            let scale = f64::from(1u32 << zoom);
            let whole = tiles.square(zoom, (x * scale) as u32, (y * scale) as u32);
            assert!(whole.starts_with("[["), "{zoom}, kept at {KEPT_AT}");
        }
    }
}
