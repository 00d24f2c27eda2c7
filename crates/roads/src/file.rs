//! Street networks as bytes: a header with version and checksum, then plain little-endian arrays, so that a mapped file is
//! read at the speed of memory.
//!
//! Layout: magic, version, BLAKE3 of what follows, then per section a count (u64) and its items. Version 3 begins with what the
//! streets were built for; version 2, which is still read, had no such section.

use fleetfold_model::Position;

use crate::cch::Topology;
use crate::ids::{JunctionId, SegmentId};
use crate::order::Part;
use crate::profile::{Dimensions, Profile};
use crate::streets::{Edge, SNAP_METRES_OF_OLD, Segment, Stopping, Streets};

const MAGIC: &[u8; 8] = b"FLTFGRPH";
/// Version of the layout: it is raised with every change of it.
const VERSION: u32 = 3;
/// The version before: it does not say what the streets were built for, nor where one may not stop.
const VERSION_BEFORE: u32 = 2;
/// The versions of the layout that are read; the last one is written.
pub const VERSIONS_READ: [u32; 2] = [VERSION_BEFORE, VERSION];
const HEADER: usize = 8 + 4 + 32;
/// Numbers in the section that says what the streets were built for.
const SETTINGS: usize = 7;

/// Why bytes are no street network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not a graph file at all.
    #[error("not a graph file")]
    Foreign,
    /// Written by another version of the program.
    #[error("a graph file of version {0}, this program reads {VERSION_BEFORE} and {VERSION}")]
    Version(u32),
    /// Cut short or changed.
    #[error("the graph file is cut short or damaged: its checksum differs")]
    Damaged,
}

/// True when the bytes begin like a graph file.
pub fn is_graph_file(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

impl Streets {
    /// The bytes of the graph file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut section = |count: usize, items: &mut dyn Iterator<Item = u32>| {
            body.extend((count as u64).to_le_bytes());
            items.for_each(|item| body.extend(item.to_le_bytes()));
        };
        section(SETTINGS, &mut self.settings().into_iter());
        let place = |p: &Position| [p.x as u32, p.y as u32];
        section(self.junctions.len(), &mut self.junctions.iter().flat_map(place));
        section(
            self.edges.len(),
            &mut self
                .edges
                .iter()
                .flat_map(|e| [e.from.0, e.to.0, e.millis, e.metres, e.segment.0 << 1 | u32::from(e.along)]),
        );
        section(
            self.segments.len(),
            &mut self.segments.iter().flat_map(|s| {
                [s.road as u32, (s.road >> 32) as u32, s.name, u32::from(s.class) | code_of(s.stopping) << 8, s.points]
            }),
        );
        section(self.points.len(), &mut self.points.iter().flat_map(place));
        for list in [&self.topology.up_first, &self.topology.up_head, &self.topology.arc_of_edge] {
            section(list.len(), &mut list.iter().copied());
        }
        let mut parts = Vec::new();
        flatten(&self.topology.part, &mut parts);
        section(parts.len() / 4, &mut parts.into_iter());
        body.extend((self.names.len() as u64).to_le_bytes());
        for name in &self.names {
            body.extend((name.len() as u32).to_le_bytes());
            body.extend(name.as_bytes());
        }
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(blake3::hash(&body).as_bytes());
        bytes.extend(body);
        bytes
    }

    /// Reads the bytes of a graph file.
    ///
    /// # Errors
    ///
    /// Foreign, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        if !is_graph_file(bytes) {
            return Err(FileError::Foreign);
        }
        let version = bytes.get(8..12).and_then(|v| v.try_into().ok()).map(u32::from_le_bytes);
        match version {
            Some(VERSION | VERSION_BEFORE) => {}
            Some(other) => return Err(FileError::Version(other)),
            None => return Err(FileError::Damaged),
        }
        let (sum, body) = (bytes.get(12..HEADER), bytes.get(HEADER..).unwrap_or_default());
        if sum != Some(blake3::hash(body).as_bytes().as_slice()) {
            return Err(FileError::Damaged);
        }
        Reader { left: body }.streets(version == Some(VERSION)).ok_or(FileError::Damaged)
    }

    /// The numbers of the section that says what the streets were built for: one more than the number of the profile, or zero if
    /// it is not known; the size; the limit of snapping.
    fn settings(&self) -> [u32; SETTINGS] {
        let (code, size) = self.vehicle.map_or((0, Dimensions::default()), |(profile, size)| {
            (1 + Profile::ALL.iter().position(|&one| one == profile).unwrap_or_default() as u32, size)
        });
        let Dimensions { height_cm, width_cm, length_cm, weight_kg, axle_load_kg } = size;
        [code, height_cm, width_cm, length_cm, weight_kg, axle_load_kg, self.snap_metres]
    }
}

fn code_of(stopping: Stopping) -> u32 {
    match stopping {
        Stopping::Allowed => 0,
        Stopping::Through => 1,
        Stopping::Under => 2,
    }
}

fn stopping_of(code: u32) -> Option<Stopping> {
    [Stopping::Allowed, Stopping::Through, Stopping::Under].into_iter().find(|&stopping| code_of(stopping) == code)
}

/// Writes a part and its halves, the whole before its halves, four numbers each.
fn flatten(part: &Part, into: &mut Vec<u32>) {
    into.extend([part.begin, part.separator, part.end, part.halves.len() as u32]);
    part.halves.iter().for_each(|half| flatten(half, into));
}

/// Reads what [`flatten`] wrote; `None` if the numbers make no tree or one deeper than 64.
fn unflatten(rows: &mut std::slice::Iter<'_, [u32; 4]>, deep: u32) -> Option<Part> {
    let &[begin, separator, end, halves] = rows.next()?;
    if deep > 64 || halves > 2 {
        return None;
    }
    let halves = (0..halves).map(|_| unflatten(rows, deep + 1)).collect::<Option<Vec<_>>>()?;
    Some(Part { begin, separator, end, halves })
}

/// The bytes that are still to be read. Every method is `None` where the bytes end too soon.
struct Reader<'b> {
    left: &'b [u8],
}

impl Reader<'_> {
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let (mine, rest) = self.left.split_at_checked(bytes)?;
        self.left = rest;
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(mine);
        Some(u64::from_le_bytes(wide))
    }

    fn rows<const N: usize>(&mut self) -> Option<Vec<[u32; N]>> {
        let count = usize::try_from(self.number(8)?).ok()?;
        let (mine, rest) = self.left.split_at_checked(count.checked_mul(4 * N)?)?;
        self.left = rest;
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Some(mine.chunks_exact(4 * N).map(|row| std::array::from_fn(|at| word(&row[4 * at..]))).collect())
    }

    fn places(&mut self) -> Option<Vec<Position>> {
        Some(self.rows::<2>()?.into_iter().map(|[x, y]| Position { x: x as i32, y: y as i32 }).collect())
    }

    /// What the streets were built for, and the limit of snapping.
    fn settings(&mut self) -> Option<(Option<(Profile, Dimensions)>, u32)> {
        let numbers = self.rows::<1>()?.into_iter().map(|[number]| number).collect::<Vec<u32>>();
        let [code, height_cm, width_cm, length_cm, weight_kg, axle_load_kg, snap_metres] = numbers[..] else {
            return None;
        };
        let size = Dimensions { height_cm, width_cm, length_cm, weight_kg, axle_load_kg };
        let vehicle = match code.checked_sub(1) {
            None => None,
            Some(number) => Some((*Profile::ALL.get(number as usize)?, size)),
        };
        Some((vehicle, snap_metres))
    }

    fn streets(mut self, says_settings: bool) -> Option<Streets> {
        let (vehicle, snap_metres) = if says_settings { self.settings()? } else { (None, SNAP_METRES_OF_OLD) };
        let junctions = self.places()?;
        let edges: Vec<Edge> = self
            .rows::<5>()?
            .into_iter()
            .map(|[from, to, millis, metres, segment]| Edge {
                from: JunctionId(from),
                to: JunctionId(to),
                millis,
                metres,
                segment: SegmentId(segment >> 1),
                along: segment & 1 == 1,
            })
            .collect();
        let segments: Vec<Segment> = self
            .rows::<5>()?
            .into_iter()
            .map(|[low, high, name, class, points]| {
                Some(Segment {
                    road: u64::from(high) << 32 | u64::from(low),
                    name,
                    class: class as u8,
                    stopping: if says_settings { stopping_of(class >> 8)? } else { Stopping::Allowed },
                    points,
                })
            })
            .collect::<Option<_>>()?;
        let points = self.places()?;
        let mut list = || self.rows::<1>().map(|rows| rows.into_iter().map(|[value]| value).collect::<Vec<u32>>());
        let (up_first, up_head, arc_of_edge) = (list()?, list()?, list()?);
        let parts = self.rows::<4>()?;
        let part = unflatten(&mut parts.iter(), 0)?;
        let count = usize::try_from(self.number(8)?).ok()?;
        let mut names = Vec::new();
        for _ in 0..count {
            let length = self.number(4)? as usize;
            let (mine, rest) = self.left.split_at_checked(length)?;
            self.left = rest;
            names.push(String::from_utf8(mine.to_vec()).ok()?);
        }
        let topology = Topology { part, up_first, up_head, arc_of_edge };
        let streets = Streets { junctions, edges, segments, points, names, topology, vehicle, snap_metres };
        is_sound(&streets).then_some(streets)
    }
}

/// True if every index is inside the list that it points into and every value is in its range. The checksum does not promise
/// that: anybody can compute one for a file of their own.
fn is_sound(streets: &Streets) -> bool {
    let (junctions, segments, points) = (streets.junctions.len(), streets.segments.len(), streets.points.len());
    let on_earth = |p: &Position| p.x.unsigned_abs() <= 1_800_000_000 && p.y.unsigned_abs() <= 900_000_000;
    junctions > 0
        && segments > 0
        && !streets.edges.is_empty()
        && streets.junctions.iter().chain(&streets.points).all(on_earth)
        && streets.edges.iter().all(|edge| {
            let ends = (edge.from.0 as usize) < junctions && (edge.to.0 as usize) < junctions;
            ends && (edge.segment.0 as usize) < segments - 1
                && (1..=1 << 27).contains(&edge.millis)
                && edge.metres < 1 << 24
        })
        && streets.segments.windows(2).all(|pair| pair[0].points.saturating_add(2) <= pair[1].points)
        && streets.segments[segments - 1].points as usize == points
        && streets.topology.is_sound(junctions, streets.edges.len())
}
