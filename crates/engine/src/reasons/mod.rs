//! Reasons: what a decision cost in parts, what else could have been done, and what would have to give where nothing could.
//!
//! Everything is computed from a fleet as the log has it, so that a decision of any past day can be explained as long as its log is
//! held. A reason is a fact: whoever drives the same tours stop by stop finds the same figures (`tests/reasons.rs`).
//!
//! Absent on purpose: words, names of fields, and the search for a better plan. Nothing here changes a fleet that anybody else sees.

mod broken;
mod decision;
mod miss;
mod near;
mod offer;
mod parts;
mod quote;
mod what_if;

pub use broken::{broken, lacks};
pub use decision::{Group, Left, LeftStop, Moved, RouteCost, decision, held, place, route};
pub use miss::{DrivingLimit, Lack, Miss};
pub(crate) use miss::{least_end, miss_on};
pub use offer::{Delay, Offer, Possible, Stand};
pub use parts::Parts;
pub use quote::{Limits, Quoted, Slot, quote};
pub use what_if::{OrderDifference, PlanCost, Settled, Trial, Whereabouts, settle};
