//! A pretend city: streets, demand, drivers, traffic, bad phones; runs the real engine in virtual time.
//!
//! Everything here follows from a seed. A failure prints the seed and the one command that repeats it. Time is virtual: it jumps from
//! event to event. Five ways in: [`simulate`] runs a generated [`Scenario`], [`backtest`] runs a recorded day, [`backtest_open`] runs it with
//! its own drivers, [`survive`] runs a small
//! day while everything around the engine fails; in all but `backtest_open` the drivers are simulated. [`scale()`] runs many zones on many nodes.
//!
//! ```
//! use fleetfold_sim::{Scenario, simulate};
//!
//! // A smaller city day: four vehicles, twenty orders. Every promise is checked after every entry of the log.
//! let mut day = Scenario::demo(7);
//! (day.vehicles, day.demand.orders) = (4, 20);
//! let outcome = simulate(&day, 1);
//! assert_eq!(outcome.broken, None);
//! assert!(outcome.report.served > 10);
//! ```

mod calm;
mod city;
mod docks;
mod driver;
mod faults;
mod recorded;
mod report;
mod run;
mod scale;
mod scenario;
mod seeded;
mod sim_log;
mod world;

pub use calm::Calm;
pub use city::{City, city, city_on};
#[cfg(feature = "planted")]
pub use faults::survive_with;
pub use faults::{Bug, Failure, Faults, SmallDay, Survived, survive};
pub use recorded::{Beside, Loop};
pub use report::Report;
pub use run::{Outcome, backtest, backtest_open, simulate};
pub use scale::{Scale, Scaled, Times, scale};
pub use scenario::{Demand, Incidents, Phones, Scenario, Script, Traffic, script};
pub use seeded::Seeded;
pub use sim_log::{SimLease, SimLog, SimMessage, SimRefusal};
pub use world::{Driving, Fact, Pretend};
