//! Waiting facts that are answered side by side, on several threads, as if they were answered one after the other.
//!
//! Optimistic concurrency with read sets: some tasks are answered for the same fleet, and each answer notes what it has read: vehicles
//! that it asked about, orders that it met on no route. When the answers before it turn out to change any of that, it is made anew. So the
//! plan is the same on any number of threads, and the same as without them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use fleetfold_fleet::Fleet;
use fleetfold_model::{ExchangeGroup, LogSeq, OrderId, VehicleId};
use fleetfold_roads::LegQuery;
use rayon::prelude::*;

use crate::answer::Task;
use crate::watch::Watch;

/// Most tasks that are answered for the same fleet. With more of them, more answers are made in vain, and a plan that is full
/// leaves more behind.
const SIDE_BY_SIDE: usize = 8;

/// What an answer depends on beside what does not change while a plan is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    /// Vehicles whose routes were looked at.
    pub(crate) vehicles: BTreeSet<VehicleId>,
    /// Orders that were asked for, or were met on no route.
    pub(crate) orders: BTreeSet<OrderId>,
    /// Every vehicle's slack was looked at.
    pub(crate) all_vehicles: bool,
}

impl Read {
    fn is_apart_from(&self, changed: &Self) -> bool {
        let sees_none = !self.all_vehicles || changed.vehicles.is_empty();
        sees_none && self.vehicles.is_disjoint(&changed.vehicles) && self.orders.is_disjoint(&changed.orders)
    }
}

/// The answer to one task.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Groups that do what it asks for.
    pub(super) groups: Vec<ExchangeGroup>,
    /// Stops and vehicles that were looked at.
    pub(super) work: usize,
    /// Legs that a routing server has not said yet.
    pub(super) missing: Option<LegQuery>,
    pub(super) read: Read,
}

/// Tasks in the order in which they are served.
#[derive(Debug)]
pub(crate) struct Queue {
    tasks: VecDeque<Task>,
    made: VecDeque<(Task, Made)>,
    /// What the answers have changed that were taken since `made` was made.
    changed: Read,
    most: usize,
    /// Hears which facts are answered next.
    watch: Option<Arc<dyn Watch>>,
}

impl Queue {
    pub(crate) fn new(tasks: Vec<Task>) -> Self {
        Self { tasks: tasks.into(), made: VecDeque::new(), changed: Read::default(), most: SIDE_BY_SIDE, watch: None }
    }

    /// The same, of which somebody hears.
    pub(super) fn watched(self, watch: Option<Arc<dyn Watch>>) -> Self {
        let alone = watch.as_ref().is_some_and(|watch| watch.wants_each_alone());
        Self { most: if alone { 1 } else { self.most }, watch, ..self }
    }

    #[cfg(test)]
    pub(crate) fn one_by_one(tasks: Vec<Task>) -> Self {
        Self { most: 1, ..Self::new(tasks) }
    }

    /// True while there is another task.
    pub(super) fn has_more(&self) -> bool {
        !self.made.is_empty() || !self.tasks.is_empty()
    }

    /// The next task and its answer. `make`: how a task is answered for the fleet as it is now.
    pub(super) fn next(&mut self, make: impl Fn(&Task) -> Made + Sync) -> Option<(Task, Made)> {
        if self.made.is_empty() {
            self.changed = Read::default();
            let together = self.tasks.iter().take(self.most).take_while(|task| is_about_orders(task)).count();
            let tasks: Vec<Task> = self.tasks.drain(..together.max(1).min(self.tasks.len())).collect();
            self.tell(&tasks);
            let made: Vec<Made> =
                if tasks.len() > 1 { tasks.par_iter().map(&make).collect() } else { tasks.iter().map(&make).collect() };
            self.made = tasks.into_iter().zip(made).collect();
        }
        let (task, mut made) = self.made.pop_front()?;
        if !made.read.is_apart_from(&self.changed) {
            self.tell(std::slice::from_ref(&task));
            let in_vain = made.work;
            made = make(&task);
            made.work += in_vain;
        }
        Some((task, made))
    }

    fn tell(&self, tasks: &[Task]) {
        if let Some(watch) = &self.watch {
            let facts: Vec<LogSeq> = tasks.iter().filter_map(|task| task.of).collect();
            watch.answering(&facts);
        }
    }

    /// The answers are joined to a plan: whatever goes wrong with that has to do with all of their facts.
    pub(super) fn joins(&self, parts: &[ExchangeGroup]) {
        if let Some(watch) = &self.watch {
            let facts: BTreeSet<LogSeq> = parts.iter().flat_map(|part| part.caused_by.iter().copied()).collect();
            watch.answering(&facts.into_iter().collect::<Vec<_>>());
        }
    }

    /// An answer was taken: the fleet is now as this group leaves it.
    pub(super) fn taken(&mut self, fleet: &Fleet, group: &ExchangeGroup) {
        for route in &group.routes {
            self.changed.vehicles.extend(fleet.vehicle_id(route.vehicle.as_str()));
            self.changed.orders.extend(route.visits.iter().filter_map(|visit| fleet.order_id(visit.order.as_str())));
        }
        self.changed.orders.extend(group.unassigned.iter().filter_map(|(order, _)| fleet.order_id(order.as_str())));
    }

    /// Tasks that were not reached.
    pub(super) fn left(self) -> impl Iterator<Item = Task> {
        self.made.into_iter().map(|(task, _)| task).chain(self.tasks)
    }
}

/// Only what asks about orders is answered side by side: what concerns vehicles and roads looks at more than it could note.
fn is_about_orders(task: &Task) -> bool {
    task.vehicles.is_empty() && !task.opened && !task.one_by_one && task.silent.is_none()
}
