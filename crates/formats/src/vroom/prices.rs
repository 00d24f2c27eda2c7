//! Legs and prices of a file as those of the solver.
//!
//! The solver counts the price of a leg in an `i32`. How many of its units are one of VROOM's is chosen for each file: as many of
//! [`SCALES`] as the dearest leg allows. Where even one does not fit, the file is refused by an error that names the leg.

use std::collections::BTreeMap;

use fleetfold_solver::{LegMatrix, Legs, NodeIx, SpherePlace, UNREACHABLE};

use super::places::Location;
use super::roads::{NO_WAY, Tables};
use super::shapes::Rows;
use crate::error::{ReadError, Spot};

/// Speed where there are coordinates and no matrix, in metres per second (36 km/h).
const METRES_PER_SECOND: f64 = 10.0;
/// Units of the solver for one of VROOM's cost, the most wanted first.
const SCALES: [i64; 4] = [1000, 100, 10, 1];
/// Highest price of a leg that the solver counts exactly.
const LEG_PRICE_MAX: i128 = i32::MAX as i128 / 4;
/// Parts of VROOM's cost in which prices are computed here: an hour has 3,600 s and a kilometre 1,000 m.
pub(super) const PARTS: i128 = 3_600_000;
/// Most nodes of a table that is made from coordinates.
pub(super) const TABLE_NODES_MAX: usize = 10_000;
/// Most legs of all tables together (8 bytes each).
const TABLE_LEGS_MAX: usize = 1 << 30;
/// Lowest wanted price of leaving a task out, in units of the solver: in small files higher than any plan.
const UNSERVED_WANTED: i64 = 10_000_000_000;

/// What a vehicle's prices and its legs depend on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rates {
    pub(super) id: u64,
    pub(super) profile: String,
    pub(super) speed_factor: f64,
    pub(super) fixed: i64,
    pub(super) per_hour: i64,
    pub(super) per_km: i64,
    pub(super) per_task_hour: i64,
}

/// How a vehicle drives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drives {
    pub(super) table: u16,
    pub(super) time_factor: u16,
    /// The second number of its legs is a cost, not a length.
    pub(super) custom_costs: bool,
}

/// The legs of a file.
pub(super) struct Roads {
    pub(super) legs: Legs,
    pub(super) drives: Vec<Drives>,
    pub(super) has_distances: bool,
    /// Table → longest time and second number of a leg that can be driven.
    most: Vec<(i32, i32)>,
    /// Table → the longest time of a leg that the file has, whether or not the solver can count it; the nodes of that leg.
    longest: Vec<Long>,
}

/// A time, in seconds, and the leg that takes it, where it is one of a matrix.
type Long = (f64, Option<(u32, u32)>);

/// A factor of times in thousandths, where that is exact.
fn thousandths(speed_factor: f64) -> Option<u16> {
    let factor = 1000.0 / speed_factor;
    let rounded = factor.round();
    ((factor - rounded).abs() < 1e-9 && rounded <= f64::from(u16::MAX)).then_some(rounded as u16)
}

/// One table of legs, and the longest time and second number in it.
fn table(
    profile: &str,
    tables: &Tables,
    speed: Option<f64>,
    places: &[Location],
    nowhere: bool,
) -> Result<(LegMatrix, (i32, i32), Long), ReadError> {
    let matrices = &tables.given[profile];
    let durations = matrices.durations.as_ref().expect("checked before: every profile that is driven has durations");
    let index: Vec<usize> = if tables.has_rows_by_node(profile) {
        (0..places.len()).collect()
    } else {
        places.iter().map(|place| place.index.unwrap_or(0)).collect()
    };
    let nodes = index.len() + usize::from(nowhere);
    let own = |time: u32| speed.map_or(f64::from(time), |speed| (f64::from(time) / speed).round());
    let time = |a: usize, b: usize| {
        let time = durations[a][b];
        if time == NO_WAY { UNREACHABLE } else { own(time).min(f64::from(UNREACHABLE)) as i32 }
    };
    // Seen with every leg.
    let mut longest: Long = (0.0, None);
    let mut wrong = None;
    let mut number = |name: &str, rows: Option<&Rows>, a: usize, b: usize| {
        let value = rows.map_or(0, |rows| rows[a][b]);
        if i32::try_from(value).is_err() && time(a, b) < UNREACHABLE {
            let what = format!("`matrices.{profile}.{name}[{a}][{b}]` of {value} is out of range");
            wrong.get_or_insert(ReadError::impossible(None, what));
        }
        i32::try_from(value).unwrap_or(i32::MAX)
    };
    let mut most = (0, 0);
    let mut lengths = Vec::new();
    let legs = LegMatrix::from_fn(nodes, |from, to| {
        let (Some(&a), Some(&b)) = (index.get(from), index.get(to)) else {
            if matrices.costs.is_some() {
                lengths.push(0);
            }
            return (0, 0);
        };
        let metres = number("distances", matrices.distances.as_ref(), a, b);
        let second = if matrices.costs.is_some() {
            lengths.push(metres);
            number("costs", matrices.costs.as_ref(), a, b)
        } else {
            metres
        };
        let given = durations[a][b];
        if from != to && given != NO_WAY && own(given) > longest.0 {
            longest = (own(given), Some((from as u32, to as u32)));
        }
        let time = time(a, b);
        if time < UNREACHABLE {
            most = (most.0.max(time), most.1.max(second));
        }
        (time, second)
    });
    match wrong {
        Some(error) => Err(error),
        None if matrices.costs.is_some() => Ok((legs.with_lengths(lengths), most, longest)),
        None => Ok((legs, most, longest)),
    }
}

/// No two of these places are farther apart, metres.
fn farthest(places: &[Location]) -> f64 {
    let points = || places.iter().filter_map(|place| place.point);
    let span = |axis: usize| {
        let (low, high) =
            points().fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point[axis]), high.max(point[axis])));
        (high - low).max(0.0).to_radians()
    };
    // Half of the equator, and the way along a meridian and then along a parallel that is taken for the equator.
    let radius = 6_400_000.0;
    (radius * (span(0) + span(1))).min(radius * std::f64::consts::PI)
}

impl Roads {
    /// From matrices, or straight lines between coordinates where there are none. `nowhere`: one more node behind all places, from
    /// which and to which every way is free.
    pub(super) fn new(
        matrices: &Tables,
        vehicles: &[Rates],
        places: &[Location],
        nowhere: bool,
    ) -> Result<Self, ReadError> {
        if matrices.given.is_empty() {
            return Self::straight(vehicles, places, nowhere);
        }
        let mut tables = Vec::new();
        let (mut most, mut longest) = (Vec::new(), Vec::new());
        let mut known: BTreeMap<(&str, Option<u64>), u16> = BTreeMap::new();
        let mut drives = Vec::with_capacity(vehicles.len());
        let mut has_distances = false;
        for vehicle in vehicles {
            let given = matrices.given.get(&vehicle.profile).expect("checked before: every profile has matrices");
            let factor = thousandths(vehicle.speed_factor);
            // Times of the table itself are divided where thousandths are not exact.
            let speed = if factor.is_some() { None } else { Some(vehicle.speed_factor) };
            let next = tables.len();
            let table_of = *known.entry((&vehicle.profile, speed.map(f64::to_bits))).or_insert(next as u16);
            if usize::from(table_of) == next {
                let nodes = places.len() + 1;
                let count = (next + 1).saturating_mul(nodes).saturating_mul(nodes);
                if count > TABLE_LEGS_MAX || next >= usize::from(u16::MAX) {
                    let what = "legs of all profiles and speed factors";
                    return Err(ReadError::TooLarge { what, count, most: TABLE_LEGS_MAX });
                }
                let (table, largest, long) = table(&vehicle.profile, matrices, speed, places, nowhere)?;
                tables.push(table);
                most.push(largest);
                longest.push(long);
            }
            has_distances |= given.distances.is_some();
            drives.push(Drives {
                table: table_of,
                time_factor: factor.unwrap_or(1000),
                custom_costs: given.costs.is_some(),
            });
        }
        let legs = match tables.len() {
            1 => Legs::Matrix(tables.remove(0)),
            _ => Legs::Several(tables),
        };
        Ok(Self { legs, drives, has_distances, most, longest })
    }

    fn straight(vehicles: &[Rates], places: &[Location], nowhere: bool) -> Result<Self, ReadError> {
        let mut drives = Vec::with_capacity(vehicles.len());
        for vehicle in vehicles {
            let factor = (1000.0 / vehicle.speed_factor).round();
            if factor > f64::from(u16::MAX) {
                let what = format!("a speed factor of {} is out of range without a matrix", vehicle.speed_factor);
                return Err(ReadError::impossible(Spot::Item("vehicle", vehicle.id), what));
            }
            drives.push(Drives { table: 0, time_factor: factor as u16, custom_costs: false });
        }
        let point =
            |place: &Location| place.point.map_or(SpherePlace::new(0.0, 0.0), |[lon, lat]| SpherePlace::new(lon, lat));
        let lines = Legs::Sphere { places: places.iter().map(point).collect(), metres_per_time: METRES_PER_SECOND };
        let metres = farthest(places).ceil();
        let most = vec![((metres / METRES_PER_SECOND).ceil() as i32, metres as i32)];
        let longest = vec![(f64::from(most[0].0), None)];
        if !nowhere {
            return Ok(Self { legs: lines, drives, has_distances: true, most, longest });
        }
        let count = places.len();
        if count > TABLE_NODES_MAX {
            let what = format!(
                "where a vehicle has no `start`, {TABLE_NODES_MAX} locations are the most without a matrix, and there are {count}: give \
                 every vehicle a `start`, or split the problem by zone"
            );
            return Err(ReadError::impossible(None, what));
        }
        let legs = LegMatrix::from_fn(count + 1, |a, b| {
            if a == count || b == count { (0, 0) } else { lines.pair(NodeIx(a as u32), NodeIx(b as u32)) }
        });
        Ok(Self { legs: Legs::Matrix(legs), drives, has_distances: true, most, longest })
    }

    /// The longest time of a leg for the vehicle that takes longest, seconds; which leg it is, in words; and the id of that vehicle.
    pub(super) fn longest(&self, vehicles: &[Rates], places: &[Location]) -> (i64, String, u64) {
        let own = vehicles.iter().zip(&self.drives).map(|(rates, drives)| {
            let (time, leg) = self.longest[usize::from(drives.table)];
            ((time * f64::from(drives.time_factor) / 1000.0) as i64, leg, rates.id)
        });
        let (time, leg, vehicle) = own.max_by_key(|&(time, ..)| time).unwrap_or((0, None, 0));
        (time, in_words(leg, places), vehicle)
    }

    /// Price of a leg in [`PARTS`] of VROOM's cost.
    fn price(rates: &Rates, drives: Drives, (time, second): (i32, i32)) -> i128 {
        if drives.custom_costs {
            return i128::from(second) * PARTS;
        }
        i128::from(time) * i128::from(rates.per_hour) * 1000 + i128::from(second) * i128::from(rates.per_km) * 3600
    }

    /// The dearest leg of a vehicle, by looking at all of them; its nodes.
    fn dearest_leg(&self, rates: &Rates, drives: Drives) -> (i128, Option<(u32, u32)>) {
        let nodes = self.legs.nodes() as u32;
        let mut dearest = (0, None);
        for a in 0..nodes {
            for b in 0..nodes {
                let leg = self.legs.leaving(NodeIx(a), NodeIx(b), 0, (drives.table, drives.time_factor));
                let price = if leg.0 < UNREACHABLE { Self::price(rates, drives, leg) } else { 0 };
                if price > dearest.0 {
                    dearest = (price, Some((a, b)));
                }
            }
        }
        dearest
    }

    /// Prices of the solver that fit every leg and every task of the file. `work`: longest time of service and set-up of a task,
    /// seconds. `weights`: what leaving a task out weighs, for every task; 0 for those with a prize. `prizes`: all of those together.
    pub(super) fn scale(
        &self,
        vehicles: &[Rates],
        places: &[Location],
        work: i64,
        weights: &[i64],
        prizes: i64,
    ) -> Result<Scale, ReadError> {
        let mut dearest = (0, None, 0);
        let mut seen: Vec<(u16, u16, i64, i64)> = Vec::new();
        for (rates, &drives) in vehicles.iter().zip(&self.drives) {
            let class = (drives.table, drives.time_factor, rates.per_hour, rates.per_km);
            if seen.contains(&class) {
                continue;
            }
            seen.push(class);
            let (time, second) = self.most[usize::from(drives.table)];
            let time = i64::from(time) * i64::from(drives.time_factor) / 1000;
            let bound = Self::price(rates, drives, (time.min(i64::from(UNREACHABLE)) as i32, second));
            let fits = bound * i128::from(SCALES[0]) <= LEG_PRICE_MAX * PARTS;
            // The longest and the farthest leg may be two, so that the bound is too high.
            let found = if fits || matches!(self.legs, Legs::Sphere { .. }) {
                (bound, None)
            } else {
                self.dearest_leg(rates, drives)
            };
            if found.0 > dearest.0 {
                dearest = (found.0, found.1, rates.id);
            }
        }
        let most = |of: fn(&Rates) -> i64| vehicles.iter().map(of).max().unwrap_or(0);
        let task = i128::from(work) * i128::from(most(|rates| rates.per_task_hour)) * 1000;
        let fixed = i128::from(most(|rates| rates.fixed)) * PARTS;
        let all_fixed: i128 = vehicles.iter().map(|rates| i128::from(rates.fixed)).sum();
        let (tasks, weight) = (weights.len() as i128, weights.iter().map(|&weight| i128::from(weight)).sum::<i128>());
        // More than any task can cost, and more than any plan can.
        let (one, whole) = (
            2 * (fixed + 4 * dearest.0 + 2 * task),
            all_fixed * PARTS + (tasks + vehicles.len() as i128) * (dearest.0 + task),
        );
        for scale in SCALES {
            let wide = i128::from(scale);
            let in_units = |parts: i128| parts * wide / PARTS + 1;
            let prizes = i128::from(prizes) * wide;
            let room = (i128::from(i64::MAX / 4) - all_fixed * wide - prizes) / weight.max(1);
            // A task without a prize is worth more than all prizes.
            let least = in_units(one) + prizes;
            if in_units(dearest.0) > LEG_PRICE_MAX || task * wide > i128::from(i64::MAX / 8) || room < least {
                continue;
            }
            let unserved = (in_units(whole) + prizes).max(i128::from(UNSERVED_WANTED)).min(room);
            return Ok(Scale { units: scale, unserved: unserved as i64 });
        }
        let cost = dearest.0 / PARTS;
        if dearest.0 <= LEG_PRICE_MAX * PARTS {
            let what = format!(
                "the costs of this file are out of range: a leg costs up to {cost}, a task up to {}, a vehicle up to {}, all prizes are {prizes}; divide all costs \
                 alike",
                task / PARTS,
                fixed / PARTS
            );
            return Err(ReadError::impossible(None, what));
        }
        let leg = in_words(dearest.1, places);
        let what =
            format!("{leg} costs {cost}, which is out of range: {LEG_PRICE_MAX} is the most; divide all costs alike");
        Err(ReadError::impossible(Spot::Item("vehicle", dearest.2), what))
    }
}

/// What a file calls a leg.
fn in_words(leg: Option<(u32, u32)>, places: &[Location]) -> String {
    let place = |node: u32| match places.get(node as usize) {
        Some(Location { index: Some(index), .. }) => index.to_string(),
        Some(Location { point: Some([lon, lat]), .. }) => format!("[{lon}, {lat}]"),
        _ => "an open start".to_owned(),
    };
    leg.map_or("a leg".to_owned(), |(a, b)| format!("the leg from {} to {}", place(a), place(b)))
}

/// Prices of the solver for those of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Units of the solver for one of VROOM's cost.
    pub(super) units: i64,
    /// Price, in units of the solver, of leaving out what weighs 1.
    pub(super) unserved: i64,
}
