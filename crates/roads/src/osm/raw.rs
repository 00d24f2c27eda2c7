//! A street network while it is being put together.

use fleetfold_model::{Position, Space};

use super::item::Way;
use super::way::Use;
use crate::ids::{JunctionId, SegmentId};
use crate::line::crow;
use crate::streets::{Edge, Segment};

/// A street network while it is being put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raw {
    /// OpenStreetMap's id of every junction. `None` for the end of a stretch at a barrier that nobody passes.
    pub(crate) ids: Vec<Option<i64>>,
    /// The place of every junction.
    pub(crate) junctions: Vec<Position>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) points: Vec<Position>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) names: Vec<String>,
    /// By segment, and by whether it is driven along its line: only trips that begin or end there may use it.
    pub(crate) destination: Vec<[bool; 2]>,
    /// Private streets, tracks and private gates, each by a number, with a junction of every stretch that touches one.
    pub(crate) private: Vec<(u32, JunctionId)>,
    /// A junction of every stretch that a street or a barrier touches which is forbidden to the vehicle.
    pub(crate) forbidden: Vec<JunctionId>,
}

impl Raw {
    /// The points of a stretch.
    pub(crate) fn line_of(&self, segment: SegmentId) -> &[Position] {
        let end = self.segments.get(segment.0 as usize + 1).map_or(self.points.len(), |next| next.points as usize);
        &self.points[self.segments[segment].points as usize..end]
    }

    /// Adds a junction.
    pub(crate) fn junction(&mut self, place: Position, id: Option<i64>) -> JunctionId {
        self.junctions.push(place);
        self.ids.push(id);
        JunctionId::at(self.junctions.len() - 1)
    }

    /// Adds a stretch of street between two junctions with an edge for each direction in which it may be driven. If it is
    /// `barred`, only trips that begin or end there may use it.
    pub(crate) fn stretch(
        &mut self,
        way: &Way,
        how: &Use,
        name: u32,
        line: Vec<Position>,
        (from, to): (JunctionId, JunctionId),
        barred: bool,
    ) {
        let metres: f64 = line.windows(2).map(|ends| crow(Space::Geographic, ends[0], ends[1])).sum();
        let segment = SegmentId::at(self.segments.len());
        self.segments.push(Segment {
            road: way.id as u64,
            name,
            class: how.class,
            stopping: how.stopping,
            points: self.points.len() as u32,
        });
        self.points.extend(line);
        let mut destination = [barred; 2];
        for (drive, from, to, along) in [(how.forward, from, to, true), (how.backward, to, from, false)] {
            let Some(drive) = drive else { continue };
            destination[usize::from(along)] |= drive.destination;
            let millis = ((metres / (drive.kmh / 3.6) * 1000.0).round() as u32).max(1);
            self.edges.push(Edge { from, to, millis, metres: metres.round() as u32, segment, along });
        }
        self.destination.push(destination);
    }
}
