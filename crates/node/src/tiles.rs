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
/// From this zoom on the names of streets are told: further out no street is long enough on a screen to bear its name.
pub(crate) const NAMED_FROM: u8 = 15;
/// Pieces go on straight where they turn by less than this (its sine, about 12 degrees).
const STRAIGHT: f64 = 0.2;
/// Ends that are nearer than this, in sides of a square, are one junction: the same place of the network, but for rounding.
const SAME: f64 = 1e-9;

/// A piece of street in the Mercator projection, 0 to 1 from the west and from the north.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: [f64; 2],
    to: [f64; 2],
    class: u8,
    /// Number of its name in [`Tiles::names`].
    name: Option<u32>,
}

/// Where the name of a street can be written in a square: along its longest part in there that is nearly straight.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct StreetName {
    pub(crate) name: String,
    /// `[x, y, x, y]` of that part's two ends, in 4,096ths of the square's side from its upper left corner.
    pub(crate) line: Vec<i32>,
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
    /// As they are written, each once.
    names: Vec<String>,
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
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
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
            let name = (!street.name.is_empty()).then(|| {
                *numbers.entry(street.name.clone()).or_insert_with(|| {
                    tiles.names.push(street.name);
                    tiles.names.len() as u32 - 1
                })
            });
            tiles.pieces.push(Piece { from, to, class: street.class.min(2), name });
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

    /// Numbers of the pieces in the squares that are kept and that a square covers, or lies in.
    fn near(&self, zoom: u8, x: u32, y: u32) -> Vec<u32> {
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
        found
    }

    /// The streets of a square: for each class a list of numbers, four for each piece, in [`UNITS`] of the square's side from its upper left corner.
    pub(crate) fn square(&self, zoom: u8, x: u32, y: u32) -> String {
        let scale = f64::from(1u32 << zoom);
        let found = self.near(zoom, x, y);
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

    /// The names of the streets of a square, those with the longest straight parts first; none further out than [`NAMED_FROM`].
    pub(crate) fn names(&self, zoom: u8, x: u32, y: u32) -> Vec<StreetName> {
        if zoom < NAMED_FROM {
            return Vec::new();
        }
        let side = f64::from(1u32 << zoom);
        let inside = |[px, py]: [f64; 2]| [px * side - f64::from(x), py * side - f64::from(y)];
        let mut parts: BTreeMap<u32, Vec<[[f64; 2]; 2]>> = BTreeMap::new();
        for piece in self.near(zoom, x, y).into_iter().map(|number| self.pieces[number as usize]) {
            let ends = [inside(piece.from), inside(piece.to)];
            let Some(name) = piece.name else { continue };
            if SHOWN_FROM[usize::from(piece.class)] <= zoom && cut(ends).is_some() {
                parts.entry(name).or_default().push(ends);
            }
        }
        let straight = parts.into_iter().filter_map(|(name, pieces)| {
            let longest = pieces.iter().filter_map(|&piece| cut(extended(piece, &pieces)));
            longest.max_by(|a, b| length(*a).total_cmp(&length(*b))).map(|line| (name, line))
        });
        let mut straight: Vec<(u32, [[f64; 2]; 2])> = straight.collect();
        straight.sort_by(|(_, a), (_, b)| length(*b).total_cmp(&length(*a)));
        let units =
            |line: [[f64; 2]; 2]| line.into_iter().flatten().map(|part| (part * UNITS).round() as i32).collect();
        straight
            .into_iter()
            .map(|(name, line)| StreetName { name: self.names[name as usize].clone(), line: units(line) })
            .collect()
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

fn length([from, to]: [[f64; 2]; 2]) -> f64 {
    (to[0] - from[0]).hypot(to[1] - from[1])
}

/// A piece and those that go on from its ends nearly straight, as one line from end to end.
fn extended(piece: [[f64; 2]; 2], pieces: &[[[f64; 2]; 2]]) -> [[f64; 2]; 2] {
    let along = |[from, to]: [[f64; 2]; 2]| {
        let long = length([from, to]).max(f64::MIN_POSITIVE);
        [(to[0] - from[0]) / long, (to[1] - from[1]) / long]
    };
    let way = along(piece);
    let onward = |from: [f64; 2], way: [f64; 2]| {
        let mut end = from;
        // Every step is one piece further, so there are at most as many steps as pieces, also on a ring.
        for _ in 0..pieces.len() {
            let next = pieces.iter().flat_map(|&[a, b]| [[a, b], [b, a]]).find(|&line| {
                let other = along(line);
                let turn = (way[0] * other[1] - way[1] * other[0]).abs();
                length([line[0], end]) < SAME && way[0] * other[0] + way[1] * other[1] > 0.0 && turn < STRAIGHT
            });
            let Some([_, further]) = next else { break };
            end = further;
        }
        end
    };
    [onward(piece[0], [-way[0], -way[1]]), onward(piece[1], way)]
}

/// The part of a line that lies in a square from 0 to 1.
fn cut([from, to]: [[f64; 2]; 2]) -> Option<[[f64; 2]; 2]> {
    let (mut first, mut last) = (0.0_f64, 1.0_f64);
    for axis in 0..2 {
        let step = to[axis] - from[axis];
        if step.abs() < f64::MIN_POSITIVE {
            if !(0.0..=1.0).contains(&from[axis]) {
                return None;
            }
            continue;
        }
        let [enters, leaves] = [-from[axis] / step, (1.0 - from[axis]) / step];
        first = first.max(enters.min(leaves));
        last = last.min(enters.max(leaves));
    }
    let at = |part: f64| [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
    (first < last).then(|| [at(first), at(last)])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fleetfold_roads::Network;

    use super::{KEPT_AT, NAMED_FROM, Tiles, UNITS, ZOOMS, mercator};

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
    fn a_square_says_the_names_of_its_streets_once_along_a_straight_part_within_it() {
        let tiles = Tiles::of(&town());
        let scale = f64::from(1u32 << NAMED_FROM);
        let mut told = 0;
        for piece in tiles.pieces.iter().step_by(11) {
            let Some(name) = piece.name.map(|name| &tiles.names[name as usize]) else { continue };
            let (x, y) = ((piece.from[0] * scale) as u32, (piece.from[1] * scale) as u32);
            let names = tiles.names(NAMED_FROM, x, y);
            let mine: Vec<_> = names.iter().filter(|street| street.name == *name).collect();
            // A piece that begins on the edge of a square need not have a part in it.
            assert!(mine.len() <= 1, "{name} is told {} times", mine.len());
            told += mine.len();
            for street in &names {
                assert!(street.line.iter().all(|part| (0..=UNITS as i32).contains(part)), "{street:?}");
            }
            let length = |line: &[i32]| f64::from(line[2] - line[0]).hypot(f64::from(line[3] - line[1]));
            assert!(names.is_sorted_by(|a, b| length(&a.line) + 2.0 >= length(&b.line)));
        }
        assert!(told > 20, "{told}");
        assert!(tiles.names(NAMED_FROM - 1, 0, 0).is_empty());
    }

    #[test]
    fn pieces_that_go_on_straight_bear_the_name_together() {
        let pieces = [[[0.2, 0.5], [0.4, 0.5]], [[0.6, 0.51], [0.4, 0.5]], [[0.6, 0.51], [0.6, 0.9]]];
        let same = |a: [[f64; 2]; 2], b: [[f64; 2]; 2]| {
            a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < super::SAME)
        };
        assert!(same(super::extended(pieces[0], &pieces), [[0.2, 0.5], [0.6, 0.51]]));
        assert!(same(super::extended(pieces[2], &pieces), pieces[2]));
        assert!(same(super::cut([[-1.0, 0.5], [2.0, 0.5]]).unwrap(), [[0.0, 0.5], [1.0, 0.5]]));
        assert!(super::cut([[-1.0, 1.5], [2.0, 1.5]]).is_none());
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
