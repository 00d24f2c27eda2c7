//! Moves: how a plan becomes another. One file for each, under its name in the literature.
//!
//! | file | move | source |
//! |---|---|---|
//! | `insertion`, `shipment_insertion` | cheapest insertion of a job, of a pickup with its delivery | Savelsbergh 1992 for the O(1) test |
//! | `walk` | cheapest insertion of a shipment where a tour has to be driven to be priced | |
//! | `group_insertion` | several units at once, where none of them can be put in alone | |
//! | `string_removal` | ruin by string removal | Christiaens & Vanden Berghe 2020 |
//! | `recreate` | greedy insertion with blinks | Christiaens & Vanden Berghe 2020 |
//! | `regret_insertion` | regret insertion | Potvin & Rousseau 1993 |
//! | `savings` | parallel savings with time windows | Clarke & Wright 1964; Solomon 1987 |
//! | `mixed_savings` | savings for vehicles that differ, one kind after the other | Golden, Assad, Levy & Gheysens 1984 |
//! | `two_opt_star` | 2-opt*: two tours exchange their tails | Potvin & Rousseau 1995 |
//! | `swap_star` | SWAP*: two stops exchange tours, each to its best position | Vidal 2022 |
//! | `vehicle_exchange` | a tour goes to a vehicle of another kind, or two exchange theirs | Gendreau et al. 1999 |
//! | `route_exchange` | selective route exchange of two plans | Nagata & Bräysy 2009 |
//!
//! Absent on purpose: which move is tried when, and whether its result is kept. That is `search`.

mod group_insertion;
mod insertion;
mod mixed_savings;
mod recreate;
mod regret_insertion;
mod route_exchange;
mod savings;
mod shipment_insertion;
mod string_removal;
mod swap_star;
mod two_opt_star;
mod vehicle_exchange;
mod walk;

pub(crate) use self::recreate::Scratch;
pub(crate) use self::regret_insertion::{fill, insert_into};
pub(crate) use self::route_exchange::crossed;
pub(crate) use self::savings::{construct, has_mixed_savings};
pub(crate) use self::string_removal::Ruin;
