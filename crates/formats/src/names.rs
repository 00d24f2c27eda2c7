//! What a VROOM solution repeats from the problem's file, and what its times and costs are computed from.

use fleetfold_solver::NodeIx;

use crate::vroom::Location;

/// What the solution says of a problem beside what the solver knows: ids, descriptions, priorities, locations, times and costs as the
/// file gave them.
pub struct Names {
    /// Stop → its task.
    pub(crate) tasks: Vec<TaskName>,
    /// Vehicle.
    pub(crate) vehicles: Vec<VehicleName>,
    /// Dimensions of load that the file uses.
    pub(crate) dimensions: usize,
    /// Node of the leg matrix → coordinates and index, as given.
    pub(crate) locations: Vec<Location>,
    /// Lengths of legs are known.
    pub(crate) has_distances: bool,
    /// At least one task or vehicle has a time window or a break.
    pub(crate) has_times: bool,
    /// See [`Names::wants_plan`].
    pub(crate) wants_plan: bool,
    /// See [`Names::wants_geometry`].
    pub(crate) wants_geometry: bool,
    /// Seconds of the file at the solver's time 0.
    pub(crate) time_base: i64,
    /// Units of the solver for one of the file's cost.
    pub(crate) cost_units: i64,
}

impl Names {
    /// The file asks (by `options.c`) for the times of the routes that it gives, not for better ones: see [`crate::plan`].
    pub fn wants_plan(&self) -> bool {
        self.wants_plan
    }

    /// The file, or whoever read it, asks for the lines that are driven: see [`crate::add_geometry`].
    pub fn wants_geometry(&self) -> bool {
        self.wants_geometry
    }
}

/// A task of the file.
pub(crate) struct TaskName {
    /// `job`, `pickup` or `delivery`.
    pub(crate) kind: &'static str,
    pub(crate) id: u64,
    /// Its position among the tasks of the file: jobs, then shipments.
    pub(crate) position: usize,
    pub(crate) description: String,
    pub(crate) priority: u32,
    /// Where it is, as the file says it of this task: others at the same node may have coordinates of their own.
    pub(crate) place: Location,
    /// When its set-up may begin, seconds.
    pub(crate) windows: Vec<(i64, i64)>,
    /// What it delivers and what it picks up, in every dimension of load.
    pub(crate) delivery: Vec<i64>,
    pub(crate) pickup: Vec<i64>,
}

/// A vehicle of the file.
pub(crate) struct VehicleName {
    pub(crate) id: u64,
    /// Its position among the vehicles of the file.
    pub(crate) position: usize,
    pub(crate) description: String,
    /// First and last second of its shift.
    pub(crate) shift: (i64, i64),
    pub(crate) capacity: Vec<i64>,
    /// Where it begins and ends, as the file says it of this vehicle; `None`: at its first task, or its last.
    pub(crate) start: Option<Location>,
    pub(crate) end: Option<Location>,
    pub(crate) profile: String,
    /// Costs in VROOM's units.
    pub(crate) fixed: i64,
    pub(crate) per_hour: i64,
    pub(crate) per_km: i64,
    pub(crate) per_task_hour: i64,
    /// Its legs have costs of their own, so that hours and kilometres do not count.
    pub(crate) custom_costs: bool,
    /// In the order of the solver's pauses.
    pub(crate) breaks: Vec<BreakName>,
    /// The route that the file gives it.
    pub(crate) steps: Vec<GivenStep>,
}

/// A break of a vehicle.
pub(crate) struct BreakName {
    pub(crate) id: u64,
    pub(crate) description: String,
    pub(crate) windows: Vec<(i64, i64)>,
    pub(crate) service: i64,
    pub(crate) max_load: Option<Vec<i64>>,
}

/// A step of a route that the file gives.
pub(crate) struct GivenStep {
    /// `start`, `job`, `pickup`, `delivery`, `break`, `reload`, `charge` or `end`.
    pub(crate) kind: &'static str,
    /// 0 for a start, an end or a halt.
    pub(crate) id: u64,
    /// What is done at a step that is neither a task nor a break of the vehicle's own.
    pub(crate) halt: Option<GivenHalt>,
    pub(crate) forced: Forced,
    /// The task has to be served by this vehicle.
    pub(crate) pinned: bool,
}

/// A halt of a route that the file gives; times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenHalt {
    /// The vehicle unloads and loads for so long.
    Reload(NodeIx, i64),
    /// It is charged for so long, by so many units of the file.
    Charge(NodeIx, i64, i64),
    /// A break for the sake of driving times.
    Rest(i64),
}

/// When a step of a given route has to begin, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forced {
    pub(crate) at: Option<i64>,
    pub(crate) after: Option<i64>,
    pub(crate) before: Option<i64>,
}
