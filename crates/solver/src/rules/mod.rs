//! Rules beyond windows, loads and shifts: one file for each. A rule of one tour is kept where a tour is driven
//! (`schedule`); a rule between tours is asked before a unit joins a tour.
//!
//! | file | rule |
//! |---|---|
//! | `relations` | stops that belong to one tour or to different ones, exclude each other, or follow each other |
//! | `soft_window` | a price for service before or after a preferred time |
//! | `reload` | goods are unloaded and loaded again on the way (multi-trip) |
//! | `driving_time` | breaks after so much driving, longest driving and longest duty |
//! | `battery` | electric range: charging at stations on the way |
//! | `doors` | what is near a parked vehicle is served on foot |
//! | `day` | several of these in one tour, together with the driver's own pauses |
//! | `trips` | goods taken on at one place for each trip, nothing added to a trip under way |
//!
//! What unequal days of the vehicles cost (makespan, balance) is counted where a whole plan is.
//!
//! A position that a stop must have in its tour ([`crate::Rank`]) needs no more than a comparison.
//!
//! Absent on purpose: periodic visits over several days, docks that several vehicles share.

pub(crate) mod battery;
pub(crate) mod day;
pub(crate) mod doors;
pub(crate) mod driving_time;
pub(crate) mod relations;
pub(crate) mod reload;
pub(crate) mod soft_window;
pub(crate) mod trips;
