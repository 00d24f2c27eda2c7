//! A pretend city: streets, demand, drivers, traffic, bad phones; runs the real engine in virtual time.
//!
//! Everything here follows from a seed. A failure prints the seed and the one command that repeats it.

mod city;
mod driver;
mod faults;
mod report;
mod run;
mod scenario;
mod seeded;
mod sim_log;
mod world;

pub use city::{City, city, city_on};
pub use faults::{Failure, Faults, SmallDay, Survived, survive};
pub use report::Report;
pub use run::{Outcome, backtest, simulate};
pub use scenario::{Demand, Incidents, Phones, Scenario, Script, Traffic, script};
pub use seeded::Seeded;
pub use sim_log::{SimLease, SimLog, SimMessage, SimRefusal};
pub use world::{Driving, Fact, Pretend};
