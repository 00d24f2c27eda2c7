//! What holds between stops, as values and by stop.

use super::spec::Stop;
use crate::index::StopIx;

/// What holds between stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// Those that are served are served by one tour.
    SameTour,
    /// No two of them are served by one tour.
    DifferentTours,
    /// No more than one of them is served.
    AtMostOne,
    /// Each is served only behind the one before it, by the same tour.
    InOrder,
    /// Each is served only directly behind the one before it.
    Directly,
}

/// Stops between which something holds. Both ends of a shipment belong to it if one does, but only the named ends are put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// What holds.
    pub kind: RelationKind,
    /// Between which stops, in order; none twice.
    pub stops: Vec<StopIx>,
}

impl Relation {
    /// Its stops follow each other in one tour.
    pub(crate) fn is_ordered(&self) -> bool {
        matches!(self.kind, RelationKind::InOrder | RelationKind::Directly)
    }

    /// True if a unit may join a tour. `tour_of`: where each stop is, or `none`.
    pub(crate) fn allows<T: PartialEq + Copy>(
        &self,
        unit: StopIx,
        tour: T,
        none: T,
        tour_of: impl Fn(StopIx) -> T,
    ) -> bool {
        let mut others = self.stops.iter().filter(|&&stop| stop != unit).map(|&stop| tour_of(stop));
        match self.kind {
            RelationKind::AtMostOne => others.all(|other| other == none),
            RelationKind::DifferentTours => others.all(|other| other != tour),
            RelationKind::SameTour => others.all(|other| other == none || other == tour),
            RelationKind::InOrder | RelationKind::Directly => {
                // Whatever comes before it is there already.
                let mut before = self.stops.iter().take_while(|&&stop| stop != unit);
                before.all(|&stop| tour_of(stop) == tour)
            }
        }
    }

    /// Its stops are taken out together: where one cannot move without the others.
    pub(crate) fn moves_as_one(&self) -> bool {
        self.kind == RelationKind::SameTour || self.is_ordered()
    }
}

/// The relations of a problem, found by unit (a job, or the pickup of a shipment).
#[derive(Clone, Debug, Default)]
pub(crate) struct Relations {
    /// With every stop as its unit, none twice.
    units: Vec<Relation>,
    /// By stop: the relations of its unit.
    of: Vec<Vec<u32>>,
    /// By stop: the stop that must be served before it, and whether directly.
    before: Vec<Vec<(StopIx, bool)>>,
    is_ordered: bool,
}

impl Relations {
    pub(crate) fn new(relations: &[Relation], stops: &[Stop]) -> Self {
        if relations.is_empty() {
            return Self::default();
        }
        let mut found = Self {
            units: Vec::with_capacity(relations.len()),
            of: vec![Vec::new(); stops.len()],
            before: vec![Vec::new(); stops.len()],
            is_ordered: relations.iter().any(Relation::is_ordered),
        };
        for (number, relation) in relations.iter().enumerate() {
            let mut units: Vec<StopIx> = Vec::new();
            for &stop in &relation.stops {
                let unit = unit_of(stops, stop);
                if !units.contains(&unit) {
                    units.push(unit);
                    found.of[unit.index()].push(number as u32);
                }
            }
            if relation.is_ordered() {
                for pair in relation.stops.windows(2) {
                    found.before[pair[1].index()].push((pair[0], relation.kind == RelationKind::Directly));
                }
            }
            found.units.push(Relation { kind: relation.kind, stops: units });
        }
        found
    }

    /// The problem has some.
    pub(crate) fn are_there(&self) -> bool {
        !self.units.is_empty()
    }

    /// Some put stops of a tour in order.
    pub(crate) fn are_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Some stops follow others directly.
    pub(crate) fn forbid_between(&self) -> bool {
        self.units.iter().any(|relation| relation.kind == RelationKind::Directly)
    }

    /// All, each with its units.
    pub(crate) fn units(&self) -> &[Relation] {
        &self.units
    }

    /// Stops that must be served before a stop, and whether directly.
    pub(crate) fn before(&self, stop: StopIx) -> &[(StopIx, bool)] {
        self.before.get(stop.index()).map_or(&[], Vec::as_slice)
    }

    /// True if a stop must be served directly behind another one, without a reload between them.
    pub(crate) fn is_direct(&self, stop: StopIx) -> bool {
        self.before(stop).iter().any(|&(_, directly)| directly)
    }

    /// Those of a unit.
    pub(crate) fn of(&self, unit: StopIx) -> impl Iterator<Item = &Relation> {
        let numbers = self.of.get(unit.index()).map_or(&[][..], Vec::as_slice);
        numbers.iter().map(|&number| &self.units[number as usize])
    }
}

fn unit_of(stops: &[Stop], stop: StopIx) -> StopIx {
    let its = &stops[stop.index()];
    if its.is_second_end() { its.mate } else { stop }
}
