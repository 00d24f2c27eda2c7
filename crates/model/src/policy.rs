//! How a zone wants to be dispatched: settings that are facts in the log, so that every decision can be repeated.

use serde::{Deserialize, Serialize};

use crate::Millis;

/// What happens to goods that are on board when their delivery can no longer take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnBoardRule {
    /// They go back to where they were picked up.
    Return,
    /// They stay on board, out of the plan, until the shift ends.
    Keep,
}

/// When a vehicle that is on its way to a stop may be sent elsewhere first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Diversion {
    /// Never.
    Never,
    /// When an order is served, or served in time, that is not without it.
    #[default]
    SavesPromise,
    /// When the plan becomes cheaper by this much, in millionths of the zone's currency.
    Saves(i64),
}

/// Whose word fixes a visit, so that it is not planned again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Freeze {
    /// The driver has departed for it.
    #[default]
    Departed,
    /// The driver has accepted it, or has departed for it.
    Accepted,
}

/// How a zone wants to be dispatched. Costs are in millionths of the zone's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Not serving an order of priority 0; priority p weighs (1 + p) times as much.
    pub unserved_cost: i64,
    /// An hour of lateness at one stop.
    pub lateness_cost_per_hour: i64,
    /// An hour from placement to completion of an order (on-demand work); 0 where only windows count.
    pub flow_cost_per_hour: i64,
    /// An hour by which the way to where the next order is expected becomes longer because a vehicle leaves the place where it is free; 0:
    /// where free vehicles are does not matter.
    pub coverage_cost_per_hour: i64,
    /// The most that moving a stop to another vehicle costs: what it costs is a share of the mean leg of the routes around it. Where this is no
    /// less than an hour of lateness, it costs just this: an order stays with the vehicle that it was given to unless so much lateness is saved.
    pub change_cost: i64,
    /// Least gain for which an improved plan is published; a share of the mean leg is enough where that is less.
    pub publish_gain_min: i64,
    /// How much before the last moment a drive begins (covers errors of leg times).
    pub departure_margin: Millis,
    /// An order cancelled while its goods are on board.
    pub on_cancelled_on_board: OnBoardRule,
    /// A delivery that failed (nobody there) while its goods are on board.
    pub on_failed_delivery: OnBoardRule,
    /// Goods picked up within the shift may be delivered after it.
    pub deliver_after_shift: bool,
    /// When a vehicle that is on its way to a stop may be sent elsewhere first.
    pub diversion: Diversion,
    /// Goods of shipments that are on board together were taken on at one place, all of them before the first is left: a courier's bundle is
    /// of one restaurant.
    pub one_pickup_place: bool,
    /// A vehicle that has left for a pickup, or has goods of shipments on board, may be given more before it is empty.
    pub add_after_departure: bool,
    /// What happens is answered at multiples of this span of zone time; 0: at once.
    pub decide_every: Millis,
    /// When a vehicle arrives somewhere it is settled what it does there and where it goes next. What it is given there later needs the stop's
    /// set-up time again.
    pub settle_on_arrival: bool,
    /// A driver is not given another next stop later than so long before the departure to it, unless that saves a promise or a dispatcher has
    /// named a vehicle; 0: until he departs.
    pub notice: Millis,
    /// How often searches may change the route that a driver was told, within an hour of zone time; `None`: as often as it is worth it.
    pub max_changes_per_hour: Option<u32>,
    /// Whose word fixes a visit.
    pub freeze: Freeze,
    /// Search rounds of one improvement; 0 switches improvement off (immediate answers only).
    pub search_rounds: u32,
    /// How long changes are gathered before a search, in log time.
    pub gather: Millis,
    /// Travel and service times are learned from what happens, and used.
    pub learn: bool,
    /// How long after its end (log time) an order leaves the state; late reports about it are then of an unknown order.
    pub retire_after: Millis,
    /// Events with unknown fields are refused instead of taken with a warning.
    pub strict: bool,
    /// An order that will be served so much after its deadline is an alert; 0: never.
    pub alert_late: Millis,
    /// An order that is on no route so long before its deadline is an alert; 0: never.
    pub alert_deadline: Millis,
    /// A vehicle that should have been heard of and was not for so long is an alert; 0: never.
    pub alert_silent: Millis,
    /// A customer is told another time of arrival when it has moved by so much; 0: customers are told none.
    pub eta_change: Millis,
    /// Travel time by local hour in per cent of what the roads say, for each class of road: motorways and bridges, arterials,
    /// streets. Straight lines count as arterials.
    pub hour_percent: [[u16; 24]; 3],
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            unserved_cost: 1_000_000_000,       // 1,000: far above any detour (guess)
            lateness_cost_per_hour: 60_000_000, // three driver hours for one customer hour (guess)
            flow_cost_per_hour: 0,
            coverage_cost_per_hour: 0,
            change_cost: 600_000, // two fifths of a leg of two and a half kilometres (guess)
            publish_gain_min: 300_000,
            departure_margin: Millis::from_seconds(90),
            on_cancelled_on_board: OnBoardRule::Return,
            on_failed_delivery: OnBoardRule::Keep,
            deliver_after_shift: false,
            diversion: Diversion::SavesPromise,
            one_pickup_place: false,
            add_after_departure: true,
            decide_every: Millis(0),
            settle_on_arrival: false,
            notice: Millis(0),
            max_changes_per_hour: None,
            freeze: Freeze::Departed,
            search_rounds: 24,
            gather: Millis(250),
            learn: true,
            retire_after: Millis::from_seconds(24 * 3600), // outlives the broker's window and a day's restarts
            strict: false,
            alert_late: Millis::from_seconds(300), // a quarter of an hour's window is rarely shorter (guess)
            alert_deadline: Millis::from_seconds(1800), // time to find another vehicle (guess)
            alert_silent: Millis::from_seconds(600), // ten reports of a phone that reports each minute (guess)
            eta_change: Millis::from_seconds(120), // less would be noise to a customer (guess)
            hour_percent: [[100; 24]; 3],
        }
    }
}
