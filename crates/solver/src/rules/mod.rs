//! Rules beyond windows, loads and shifts: one file for each. A rule of one tour is kept where a tour is driven
//! (`schedule`); a rule between tours is asked before a unit joins a tour.
//!
//! | file | rule |
//! |---|---|
//! | `relations` | stops that belong to one tour or to different ones, exclude each other, or follow each other |
//! | `soft_window` | a price for service before or after a preferred time |
//! | `reload` | goods are unloaded and loaded again on the way (multi-trip) |
//! | `driving_time` | breaks after so much driving, longest driving and longest duty |
//!
//! What unequal days of the vehicles cost (makespan, balance) is counted where a whole plan is.
//!
//! Absent on purpose: periodic visits over several days, docks that several vehicles share, electric range.

pub(crate) mod driving_time;
pub(crate) mod relations;
pub(crate) mod reload;
pub(crate) mod soft_window;
