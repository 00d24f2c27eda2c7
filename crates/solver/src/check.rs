//! The independent checker: what a plan costs and whether it may be driven, computed the slow obvious way from the bare
//! sequences. It shares no code with the search.

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Problem, Role, Solution, UNREACHABLE};

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A stop is served twice, or served and absent.
    Twice(StopIx),
    /// A stop is neither served nor absent.
    Lost(StopIx),
    /// Half a shipment, or its halves in the wrong order or tour.
    Shipment(StopIx),
    /// More goods than capacity after this stop.
    Load(StopIx),
    /// A skill is missing, or the stop is barred from or locked to another tour.
    Rules(StopIx),
    /// More stops than the tour may have.
    Stops(TourIx),
    /// Service starts after the shift, the end is reached too late, or a leg cannot be driven.
    Shift(TourIx),
    /// Served late although nothing may be.
    Late(StopIx),
    /// Unloaded out of order.
    Lifo(StopIx),
}

/// Cost and total lateness (milliseconds after `due`) of a solution.
///
/// # Errors
///
/// The first rule found broken, with the stop or tour.
pub fn check(problem: &Problem, solution: &Solution) -> Result<(i64, i64), Fault> {
    let stops = problem.stops();
    let mut seen = vec![0u32; stops.len()];
    let (mut cost, mut lateness) = (0i64, 0i64);
    for (tour, sequence) in TourIx::all().zip(&solution.tours) {
        let spec = &problem.tours()[tour.index()];
        if sequence.is_empty() {
            continue;
        }
        if sequence.len() as u32 > spec.stops_max {
            return Err(Fault::Stops(tour));
        }
        if !spec.in_use {
            cost += spec.fixed;
        }
        let price = |time: i64, metres: i32| time * spec.per_hour / 3_600_000 + i64::from(metres) * spec.per_km / 1000;
        let mut clock = i64::from(spec.start_at);
        let mut here = spec.start_node;
        let mut load: [i64; 4] = std::array::from_fn(|d| {
            let at_start = sequence.iter().map(|&stop| &stops[stop.index()]);
            i64::from(spec.onboard[d])
                + at_start
                    .filter(|stop| stop.role == Role::JobDelivery)
                    .map(|stop| i64::from(stop.load[d]))
                    .sum::<i64>()
        });
        let over = |load: &[i64; 4]| (0..4).any(|d| load[d] > i64::from(spec.capacity[d]));
        if over(&load) {
            return Err(Fault::Load(sequence[0]));
        }
        let mut pauses = spec.pauses.clone();
        let mut open: Vec<StopIx> = Vec::new();
        let mut overtime = false;
        for &index in sequence {
            let stop = &stops[index.index()];
            seen[index.index()] += 1;
            if stop.needs & !spec.has != 0
                || stop.barred.contains(&(tour))
                || (stop.locked != TourIx::NONE && stop.locked != tour)
            {
                return Err(Fault::Rules(index));
            }
            let leg = |clock: i64| {
                let (time, metres) =
                    problem.legs().leaving(here, stop.node, clock.min(i64::from(i32::MAX)) as i32, spec.time_factor);
                if time >= UNREACHABLE { Err(Fault::Shift(tour)) } else { Ok((i64::from(time), metres)) }
            };
            let (mut travel, mut metres) = leg(clock)?;
            let setup = if here == stop.node { 0 } else { i64::from(stop.setup) };
            let open_from = |t: i64| {
                let window = stop.windows.iter().find(|&&(_, closes)| t <= i64::from(closes));
                window.map_or(t, |&(opens, _)| t.max(i64::from(opens)))
            };
            while let Some(&pause) = pauses.first() {
                let served = open_from(clock + travel + setup) + i64::from(stop.service);
                if clock < i64::from(pause.opens) && served <= i64::from(pause.closes) {
                    break;
                }
                clock = clock.max(i64::from(pause.opens)) + i64::from(pause.duration);
                pauses.remove(0);
                (travel, metres) = leg(clock)?;
            }
            let start = open_from(clock + travel + setup);
            let exempt = stop.role == Role::Delivery && (stop.mate == StopIx::NONE || spec.finish_late);
            if start > i64::from(spec.end_by) {
                if !exempt {
                    return Err(Fault::Shift(tour));
                }
                overtime = true;
            }
            cost += price(travel, metres);
            if stop.home != TourIx::NONE && stop.home != tour {
                cost += stop.change;
            }
            let late = (start - i64::from(stop.due)).max(0);
            if late > 0 && problem.weights().hard {
                return Err(Fault::Late(index));
            }
            lateness += late;
            cost += late * problem.weights().late_per_hour / 3_600_000;
            clock = start + i64::from(stop.service);
            if stop.role != Role::Pickup {
                cost += (clock - i64::from(stop.placed)).max(0) * problem.weights().flow_per_hour / 3_600_000;
            }
            let sign = if matches!(stop.role, Role::Pickup | Role::JobPickup) { 1 } else { -1 };
            for (sum, &goods) in load.iter_mut().zip(&stop.load) {
                *sum += sign * i64::from(goods);
            }
            if over(&load) {
                return Err(Fault::Load(index));
            }
            match stop.role {
                Role::Pickup => open.push(index),
                Role::Delivery if stop.mate != StopIx::NONE => {
                    let Some(at) = open.iter().position(|&pickup| pickup == stop.mate) else {
                        return Err(Fault::Shipment(index));
                    };
                    if spec.lifo && at + 1 != open.len() {
                        return Err(Fault::Lifo(index));
                    }
                    open.remove(at);
                }
                Role::Delivery if spec.lifo && !open.is_empty() => return Err(Fault::Lifo(index)),
                Role::Delivery | Role::JobDelivery | Role::JobPickup => {}
            }
            here = stop.node;
        }
        if let Some(&pickup) = open.first() {
            return Err(Fault::Shipment(pickup));
        }
        if spec.end_node != NodeIx::NONE {
            let (home, metres) =
                problem.legs().leaving(here, spec.end_node, clock.min(i64::from(i32::MAX)) as i32, spec.time_factor);
            let home = i64::from(home);
            if clock + home > i64::from(spec.end_by) && !overtime {
                return Err(Fault::Shift(tour));
            }
            cost += price(home, metres);
        }
    }
    for &stop in &solution.absent {
        seen[stop.index()] += 1;
        let spec = &stops[stop.index()];
        if spec.role != Role::Delivery || spec.mate == StopIx::NONE {
            cost += spec.unserved;
        }
    }
    match seen.iter().position(|&times| times != 1) {
        Some(stop) if seen[stop] == 0 => Err(Fault::Lost(StopIx(stop as u32))),
        Some(stop) => Err(Fault::Twice(StopIx(stop as u32))),
        None => Ok((cost, lateness)),
    }
}
