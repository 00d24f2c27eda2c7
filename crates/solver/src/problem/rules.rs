//! Rules of a vehicle or a stop beyond windows, loads and shifts, as values.

use super::units::span_price;
use crate::index::NodeIx;

/// When service should begin, and what it costs to begin earlier or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftWindow {
    /// Service should not begin before.
    pub opens: i32,
    /// Service should not begin later.
    pub closes: i32,
    /// Millionths for an hour that it begins too early; not negative.
    pub early_per_hour: i64,
    /// Millionths for an hour that it begins too late; not negative.
    pub late_per_hour: i64,
}

impl SoftWindow {
    /// What it costs to begin at an instant, millionths.
    pub fn price(&self, begin: i32) -> i64 {
        span_price(self.opens, begin, self.early_per_hour) + span_price(begin, self.closes, self.late_per_hour)
    }
}

/// Where a vehicle may reload, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reload {
    /// The places.
    pub places: Vec<ReloadPlace>,
    /// Most times in one tour.
    pub times_max: u32,
    /// The tour begins on a trip: nothing can be loaded at its start, and what its jobs deliver is on board ([`Stop::aboard`]) or is loaded at
    /// one of the places. Only where service may be late (not with [`Weights::hard`]).
    ///
    /// [`Stop::aboard`]: crate::Stop::aboard
    /// [`Weights::hard`]: crate::Weights::hard
    pub is_on_trip: bool,
    /// Goods that leave the vehicle before the first stop of the tour and take up room beside what is loaded at its start.
    pub beside: [i32; 4],
    /// Goods on board at the start of the tour, beside those of [`TourSpec::onboard`], that are left where it reloads first: what jobs have picked
    /// up, and what could not be delivered.
    ///
    /// [`TourSpec::onboard`]: crate::TourSpec::onboard
    pub left: [i32; 4],
}

/// A place at which a vehicle may reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReloadPlace {
    /// Where it is.
    pub node: NodeIx,
    /// How long it takes there.
    pub service: i32,
}

/// A place at which vehicles wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dock {
    /// Where it is.
    pub node: NodeIx,
    /// How many vehicles may be at work there at a time: from the beginning of set-up to the end of service of a stop.
    pub capacity: u32,
}

/// The battery of a vehicle. Energy is counted in millionths of a unit of the caller's choice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Battery {
    /// What it holds.
    pub capacity: i64,
    /// What is in it at the start of the tour.
    pub level: i64,
    /// What a metre takes.
    pub per_metre: i64,
    /// What a unit of driving time takes.
    pub per_time: i64,
    /// Where it may be charged.
    pub stations: Vec<Station>,
}

impl Battery {
    /// What a leg of so much time and so many metres takes.
    pub fn used(&self, time: i32, metres: i32) -> i64 {
        let of = |number: i32, each: i64| i64::from(number).saturating_mul(each);
        of(time, self.per_time).saturating_add(of(metres, self.per_metre))
    }
}

/// A place at which a battery is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Station {
    /// Where it is.
    pub node: NodeIx,
    /// What it puts in during a unit of time, millionths; more than 0.
    pub per_time: i64,
    /// How long it takes there beside charging.
    pub setup: i32,
}

impl Station {
    /// How long it takes to put in so much, rounded up.
    pub fn time(&self, amount: i64) -> i32 {
        let time = (i128::from(amount) + i128::from(self.per_time) - 1) / i128::from(self.per_time).max(1);
        i32::try_from(time).unwrap_or(i32::MAX)
    }
}

/// What is near a parked vehicle is served on foot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Walking {
    /// So near: metres from the vehicle, there and back.
    pub metres_max: i32,
    /// Millionths of a unit of time for a metre.
    pub time_per_metre: i64,
}

impl Walking {
    /// How long it takes to walk so many metres, rounded to the nearest.
    pub fn time(&self, metres: i32) -> i32 {
        let time = (i128::from(metres) * i128::from(self.time_per_metre) + 500_000) / 1_000_000;
        i32::try_from(time).unwrap_or(i32::MAX)
    }
}

/// What is asked of the trips of a vehicle: a trip begins when goods of a shipment are taken on by an empty vehicle, and ends when all are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trips {
    /// All goods of a trip are taken on at one node, before any of them is left.
    pub one_place: bool,
    /// The trip under way at the start takes on nothing but what belongs to it ([`super::Stop::of_trip`]).
    pub closed: bool,
    /// Where the goods on board at the start were taken on, if the vehicle is still there; [`NodeIx::NONE`] otherwise.
    pub loaded_at: NodeIx,
}

/// The only position that a stop may have in its tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// No stop is served before it.
    First,
    /// No stop is served after it.
    Last,
}

impl Rank {
    /// A stop of this rank may be at this position of a tour of so many stops.
    pub fn allows(self, position: usize, count: usize) -> bool {
        match self {
            Self::First => position == 0,
            Self::Last => position + 1 == count,
        }
    }
}

/// Limits of a driver's working day. Times are in the unit of the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DrivingTime {
    /// Longest driving without a break.
    pub driving_max: i32,
    /// Length of a break behind which driving time begins anew.
    pub pause: i32,
    /// A break may be taken in two parts, of which the first takes so long and the second the rest of `pause`; 0: it may not.
    pub first_part: i32,
    /// Service that takes as long as a break counts as one.
    pub service_counts: bool,
    /// Longest time from leaving the start to the end; `i32::MAX`: no limit.
    pub duty_max: i32,
}

impl DrivingTime {
    /// Regulation (EC) 561/2006, articles 6 and 7, within one day: 45 minutes after four and a half hours of driving, as a whole or as 15
    /// and then 30 minutes; 13 hours from start to end leave the 11 hours of a daily rest. Article 6 allows nine hours of driving a
    /// day: [`EU_DRIVING_HOURS`]. `hour`: the length of an hour in the unit of the problem, a multiple of 4.
    pub fn eu_561(hour: i32) -> Self {
        Self {
            driving_max: hour * 9 / 2,
            pause: hour * 3 / 4,
            first_part: hour / 4,
            service_counts: false,
            duty_max: hour * 13,
        }
    }

    /// 49 CFR § 395.3 of the United States, property-carrying vehicles, within one day: half an hour without driving after eight hours of
    /// driving, at work or not; 14 hours from start to end. The section allows eleven hours of driving: [`US_DRIVING_HOURS`].
    pub fn us_hos(hour: i32) -> Self {
        Self { driving_max: hour * 8, pause: hour / 2, first_part: 0, service_counts: true, duty_max: hour * 14 }
    }
}

/// What a driver has done of his day when a tour begins, as far as [`DrivingTime`] counts it. Times are in the unit of the problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DrivenSoFar {
    /// Driving since his last break. More than the rule allows counts as all of it: a break is due at once.
    pub driven: i32,
    /// He has taken the first part of the next break.
    pub first_part: bool,
    /// He has rested for so long up to the start of the tour.
    pub rested: i32,
}

/// Hours of driving that Regulation (EC) 561/2006 allows in a day.
pub const EU_DRIVING_HOURS: i32 = 9;
/// Hours of driving that 49 CFR § 395.3 allows in a day.
pub const US_DRIVING_HOURS: i32 = 11;

/// What it costs that vehicles in use have unequal days. All 0: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fairness {
    /// Millionths for an hour of the longest tour, from when its vehicle is free to its end (makespan).
    pub longest_per_hour: i64,
    /// Millionths for an hour of difference between the longest and the shortest tour.
    pub spread_per_hour: i64,
    /// Millionths for each stop that the tour with the most has more than the one with the fewest.
    pub spread_per_stop: i64,
}

impl Fairness {
    /// Nothing is to be paid.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The price of a plan, millionths, of the times and the numbers of stops of the tours in use.
    pub fn price(&self, tours: impl Iterator<Item = (i64, u32)>) -> i64 {
        let none = ((i64::MAX, 0), (u32::MAX, 0));
        let ((shortest, longest), (fewest, most)) = tours.fold(none, |(times, stops), (time, count)| {
            ((times.0.min(time), times.1.max(time)), (stops.0.min(count), stops.1.max(count)))
        });
        if most == 0 {
            return 0;
        }
        let hours = |time: i64, per_hour: i64| {
            (i128::from(time) * i128::from(per_hour) / 3_600_000).clamp(0, i128::from(i64::MAX / 8)) as i64
        };
        hours(longest, self.longest_per_hour)
            + hours(longest - shortest, self.spread_per_hour)
            + i64::from(most - fewest).saturating_mul(self.spread_per_stop).min(i64::MAX / 8)
    }
}
