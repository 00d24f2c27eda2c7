//! A street network while it is being put together.

use fleetfold_model::{Position, Space};

use super::item::Way;
use super::profile::Use;
use crate::ids::{JunctionId, SegmentId};
use crate::line::crow;
use crate::streets::{Edge, Segment};

/// A street network while it is being put together.
pub(super) struct Raw {
    /// OpenStreetMap's id of every junction.
    pub(super) ids: Vec<i64>,
    /// The place of every junction.
    pub(super) junctions: Vec<Position>,
    pub(super) segments: Vec<Segment>,
    pub(super) points: Vec<Position>,
    pub(super) edges: Vec<Edge>,
    pub(super) names: Vec<String>,
}

impl Raw {
    /// Adds a stretch of street along some points of a way, given by their indices, with an edge for each direction in which it
    /// may be driven. `ids` and `places` are those of all points of the extract; `junction_of` are the junctions made so far.
    #[expect(clippy::too_many_arguments, reason = "one call, and every argument is a column of the same table")]
    pub(super) fn stretch(
        &mut self,
        way: &Way,
        how: &Use,
        name: u32,
        line: &[usize],
        ids: &[i64],
        places: &[Option<Position>],
        junction_of: &mut [Option<JunctionId>],
    ) {
        let mut junction = |at: usize| {
            *junction_of[at].get_or_insert_with(|| {
                self.junctions.push(places[at].unwrap_or_default());
                self.ids.push(ids[at]);
                JunctionId::at(self.junctions.len() - 1)
            })
        };
        let (from, to) = (junction(line[0]), junction(line[line.len() - 1]));
        let line: Vec<Position> = line.iter().filter_map(|&at| places[at]).collect();
        let metres: f64 = line.windows(2).map(|ends| crow(Space::Geographic, ends[0], ends[1])).sum();
        let segment = SegmentId::at(self.segments.len());
        self.segments.push(Segment { road: way.id as u64, name, class: how.class, points: self.points.len() as u32 });
        self.points.extend(line);
        for (speed, from, to, along) in [(how.forward, from, to, true), (how.backward, to, from, false)] {
            let Some(kmh) = speed else { continue };
            let millis = ((metres / (kmh / 3.6) * 1000.0).round() as u32).max(1);
            self.edges.push(Edge { from, to, millis, metres: metres.round() as u32, segment, along });
        }
    }
}
