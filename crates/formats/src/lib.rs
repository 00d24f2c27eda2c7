//! Routing problems and public recorded days as files: texts in, problems and events out.
//!
//! [`read`] turns the text of a benchmark, VRPLIB, VROOM or city file into an [`Instance`]: a problem for the solver together
//! with the names that the file uses. [`days`] turns the tables of public recorded days into a day file of this program.
//! No reader panics: a file that makes no sense is refused with the line, field or column that is wrong, and with the reason
//! ([`ReadError`], [`days::ImportError`]). What a reader does not understand it refuses too, but for keys of a VROOM file that VROOM
//! does not have: these are warned of ([`Instance::warnings`]), or refused where reading is strict ([`VroomOptions`]).
//!
//! Absent on purpose: files and folders. Whoever calls opens the files and hands over their text.
//!
//! ```
//! use fleetfold_formats::{Objective, ProblemFormat, ReadError, read};
//!
//! // Solomon's format: a depot and two customers; the columns are number, x, y, demand, opens, closes, service.
//! let text = "tiny\nVEHICLE\nNUMBER CAPACITY\n1 10\nCUSTOMER\n0 0 0 0 0 90 0\n1 3 4 1 0 90 1\n2 6 8 1 0 90 1\n";
//! let instance = read(text, ProblemFormat::Auto, Objective::Distance)?;
//! let solution = fleetfold_solver::solve(
//!     &instance.problem,
//!     &fleetfold_solver::SearchLimits { rounds: 3, ..Default::default() },
//!     &std::sync::atomic::AtomicBool::new(false),
//! );
//! assert_eq!(instance.routes(&solution).len(), 1);
//! assert_eq!(instance.distance(&solution), 20.0); // out to (6, 8) and back
//!
//! // An error says which kind it is, and where.
//! let late = text.replace("1 3 4 1 0 90 1", "1 3 4 1 95 90 1");
//! let refused = read(&late, ProblemFormat::Auto, Objective::Distance).err().unwrap();
//! assert!(matches!(refused, ReadError::Impossible { .. }));
//! assert_eq!(refused.to_string(), "line 7: the window closes at 90, before it opens at 95");
//! # Ok::<(), ReadError>(())
//! ```

mod benchmark;
mod city;
pub mod days;
mod error;
mod faults;
mod fleets;
mod format;
mod instance;
mod names;
mod plot;
mod taken;
mod vroom;
mod vrplib;

pub use error::{ReadError, Spot, VroomCode, vroom_error, vroom_failure};
pub use format::{Objective, ProblemFormat, guess};
pub use instance::{Instance, NO_ROUTE, StopName};
pub use names::Names;
pub use plot::svg;
pub use taken::{PlanFile, TakenAt, TakenError, taken_from_table, taken_from_vroom};
pub use vroom::{
    BrokenPlan, Plan, Priorities, Streets, VroomOptions, Way, add_geometry, decode_polyline, encode_polyline, plan,
    read_vroom, read_vroom_on, solution,
};

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Its format.
    pub format: ProblemFormat,
    /// What the search makes small. A VROOM file says itself what its vehicles cost, and this is not used for it.
    pub objective: Objective,
    /// Refuse what a tolerant reader passes over or repairs: unknown keys, and a start plan that cannot be driven as it stands.
    pub strict: bool,
}

/// Reads a problem, tolerantly. A VROOM file says itself what its vehicles cost, and the objective is not used for it.
///
/// # Errors
///
/// What is wrong, and where in the file.
pub fn read(text: &str, format: ProblemFormat, objective: Objective) -> Result<Instance, ReadError> {
    read_with(text, ReadOptions { format, objective, strict: false })
}

/// Reads a problem.
///
/// # Errors
///
/// What is wrong, and where in the file.
pub fn read_with(text: &str, options: ReadOptions) -> Result<Instance, ReadError> {
    let ReadOptions { format, objective, strict } = options;
    let read = match if format == ProblemFormat::Auto { guess(text) } else { format } {
        ProblemFormat::Vroom => return read_vroom(text, VroomOptions { strict, ..VroomOptions::default() }),
        ProblemFormat::Solomon => benchmark::solomon(text, objective),
        ProblemFormat::LiLim => benchmark::li_lim(text, objective),
        ProblemFormat::Vrplib => vrplib::vrplib(text, objective),
        ProblemFormat::Mixed => fleets::mixed(text, objective),
        ProblemFormat::Depots => fleets::depots(text, objective),
        ProblemFormat::City => city::city(text, objective),
        ProblemFormat::Auto => Err(ReadError::UnknownFormat),
    };
    read.map(|instance| Instance { strict, ..instance })
}
