//! VROOM JSON: jobs, shipments and vehicles, with matrices or coordinates.
//!
//! Reads what VROOM's document of its API names. A key that VROOM does not have is warned of, or refused where reading is strict.
//! Costs follow VROOM's defaults: an hour of driving costs 3,600, so that the cost of a plan is its seconds of driving.
//!
//! `shapes` is the document as it is written; `places`, `clock`, `skills` and `prices` turn one kind of its values into those of
//! the solver, `problem` puts them together, in the `order` that does not depend on that of the file, and `given` reads routes that the document gives. `timing` finds the times of a route
//! for the output: `solution` of what the solver found, `plan` of what the document gave, with the times of `planned`; `judged` finds
//! what such a route breaks of our own rules.
//!
//! Absent on purpose: a routing engine. Where there is no matrix and no [`Streets`] are asked, vehicles drive straight lines between
//! coordinates.

mod clock;
mod given;
mod judged;
mod order;
mod places;
mod plan;
mod planned;
mod polyline;
mod prices;
mod problem;
mod reasons;
mod roads;
mod rules;
mod shapes;
mod skills;
mod solution;
mod timing;

pub(crate) use places::Location;
pub use plan::{Plan, plan};
pub use polyline::{decode_polyline, encode_polyline};
pub use roads::{Streets, Way, add_geometry};
pub use solution::{BrokenPlan, solution};

use crate::error::ReadError;
use crate::instance::Instance;

/// How a VROOM file is read. Fill in what you mean, take the rest from `default()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VroomOptions {
    /// What is only warned of otherwise is an error: unknown keys, and given routes that have to be repaired.
    pub strict: bool,
    /// What priorities weigh.
    pub priorities: Priorities,
    /// Lengths of ways are wanted also where a file has times only, as VROOM's `-g` has it; `options.g` says the same.
    pub lengths: bool,
}

/// What priorities of tasks weigh where not every task can be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priorities {
    /// As VROOM: the sum of the priorities that are served counts first, then the number of tasks.
    #[default]
    SumFirst,
    /// A task of priority p counts as much as 1 + p tasks of priority 0.
    Weighed,
}

impl std::str::FromStr for Priorities {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sum_first" => Ok(Self::SumFirst),
            "weighed" => Ok(Self::Weighed),
            other => Err(format!("\"{other}\" is unknown; \"sum_first\" and \"weighed\" are known")),
        }
    }
}

/// Reads a VROOM file.
///
/// # Errors
///
/// What is wrong, and where in the file.
pub fn read_vroom(text: &str, options: VroomOptions) -> Result<Instance, ReadError> {
    problem::read(text, options, None)
}

/// Reads a VROOM file; for profiles without a matrix streets are asked.
///
/// # Errors
///
/// What is wrong, and where in the file; or why there is no answer about streets.
pub fn read_vroom_on(text: &str, options: VroomOptions, streets: &dyn Streets) -> Result<Instance, ReadError> {
    problem::read(text, options, Some(streets))
}
