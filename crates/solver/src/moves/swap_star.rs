//! SWAP*: two stops change tours, each to its best position in the other tour, not only to where the other one was (Vidal,
//! "Hybrid genetic search for the CVRP: open-source implementation and SWAP* neighborhood", 2022). Where vehicles are full, a stop
//! has room only if another one leaves: neither string removal nor 2-opt* finds such exchanges.

use crate::index::{LocalNode, LocalStop, LocalTour};
use crate::problem::Role;
use crate::random::Random;
use crate::state::State;

/// How many of the nearest stops of a random stop may be exchanged with it.
const PARTNERS: usize = 20;

impl State<'_> {
    /// Exchanges a random job and one near it on another tour, if both can be driven and it costs at most `slack` more. O(1)
    /// per position in either tour; only what looks good is linked. False when nothing was changed.
    pub(crate) fn swap_stops(&mut self, slack: i64, random: &mut Random) -> bool {
        let local = self.local;
        let u = LocalStop(random.below(local.stops.len()) as u32);
        let near = local.near.of(u);
        let tour_u = self.records[u].tour;
        if tour_u == LocalTour::NONE || near.is_empty() {
            return false;
        }
        let v = near[random.below(near.len().min(PARTNERS))];
        let tour_v = self.records[v].tour;
        if tour_v == LocalTour::NONE || tour_v == tour_u {
            return false;
        }
        let job = |stop: LocalStop| matches!(local.fixed[stop].role, Role::JobDelivery | Role::JobPickup);
        if !job(u) || !job(v) || !local.allows(tour_u, v) || !local.allows(tour_v, u) || !self.has_room_for(u, v) {
            return false;
        }
        let promises = local.change_cost(tour_u, v) + local.change_cost(tour_v, u)
            - local.change_cost(tour_u, u)
            - local.change_cost(tour_v, v);
        // What the two stops may cost in their new tours: what the old ones save, and the slack.
        let most = self.saved_without(u) + self.saved_without(v) + slack - promises;
        let Some((after_v, cost_v)) = self.instead_of(v, u, most) else { return false };
        let Some((after_u, _)) = self.instead_of(u, v, most - cost_v) else { return false };
        let late = if self.plain { 0 } else { self.lateness(tour_u) + self.lateness(tour_v) };
        let before = self.total;
        self.begin();
        self.remove_all(&[u, v]);
        self.put(v, tour_u, after_v, LocalNode::NONE);
        self.put(u, tour_v, after_u, LocalNode::NONE);
        let legal = if self.plain { self.is_legal() } else { self.lateness(tour_u) + self.lateness(tour_v) <= late };
        if !legal || self.total > before.saturating_add(slack) {
            self.undo();
            return false;
        }
        true
    }

    /// False if one of two tours has no room for the stop of the other when its own leaves, where sums of loads tell; elsewhere the
    /// result is checked after the exchange.
    fn has_room_for(&self, u: LocalStop, v: LocalStop) -> bool {
        let local = self.local;
        let load = |stop: LocalStop| local.rich[stop].load;
        let fits = |stop: LocalStop, other: LocalStop| {
            let tour = self.records[stop].tour;
            let (carried, room) = (self.carried[tour], local.fixed_tours[tour].room);
            (0..4).all(|d| {
                i64::from(carried[d]) + i64::from(load(other)[d]) - i64::from(load(stop)[d]) <= i64::from(room[d])
            })
        };
        !(self.plain || local.totals) || (fits(u, v) && fits(v, u))
    }

    /// By how much the legs of a tour are cheaper without one of its stops.
    fn saved_without(&self, stop: LocalStop) -> i64 {
        let record = &self.records[stop];
        let (_, direct) =
            if self.counts[record.tour] == 1 { (0, 0) } else { self.hop(record.tour, record.prev, record.next) };
        i64::from(self.records[record.prev].next_cost) + i64::from(record.next_cost) - i64::from(direct)
    }

    /// The cheapest position of a stop on the tour of another that leaves: where the other was, or anywhere else where the stop fits even
    /// while the other stays (which is nearly always the case if it fits at all). Returns the node before the position, and what the
    /// legs cost more, which is at most `most`.
    fn instead_of(&self, stop: LocalStop, leaving: LocalStop, most: i64) -> Option<(LocalNode, i64)> {
        let local = self.local;
        let tour = self.records[leaving].tour;
        let fixed = &local.fixed[stop];
        let closes = self.closes[stop];
        let ready = fixed.opens.saturating_add(fixed.service);
        let rows = local.rows(tour, stop);
        let end = self.sentinel(tour);
        let mut best = most.saturating_add(1);
        let mut found = None;
        let mut node = end;
        loop {
            let record = &self.records[node];
            // Departures only grow along a tour.
            if record.depart > closes {
                return found;
            }
            let (mut next, mut latest, mut skipped) = (record.next, record.next_latest, record.next_cost);
            if next == leaving.into() {
                let gone = &self.records[leaving];
                (next, latest) = (gone.next, gone.next_latest);
                skipped = if self.counts[tour] == 1 { 0 } else { self.hop(tour, node, next).1 };
            }
            if ready <= latest && node != leaving.into() {
                let (to, to_cost) = rows.map_or_else(|| self.hop(tour, node, stop), |rows| rows.inbound(node));
                let (on, on_cost) = rows.map_or_else(|| self.hop(tour, stop, next), |rows| rows.outbound(next));
                let delta = i64::from(to_cost) + i64::from(on_cost) - i64::from(skipped);
                let arrival = record.depart.saturating_add(to);
                if delta < best && arrival <= closes {
                    let start = local.opens_at(stop, arrival);
                    if start <= local.shift_end(tour, stop)
                        && start.saturating_add(fixed.service).saturating_add(on) <= latest
                    {
                        best = delta;
                        found = Some((node, delta));
                    }
                }
            }
            node = record.next;
            if node == end {
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::index::{LocalStop, LocalTour, NodeIx, StopIx, TourIx};
    use crate::problem::{Legs, Rounding};
    use crate::problem::{Problem, ProblemSpec, Stop, TourSpec};
    use crate::random::Random;
    use crate::schedule::price;
    use crate::state::Neighbours;
    use crate::state::State;
    use crate::state::{Local, Where};

    /// Full vehicles from two depots, plain or with two loads, whose stops are dealt the wrong way round.
    fn crossed(rich: bool) -> Problem {
        let near = |depot: f64| (0..6).map(move |at| (depot + f64::from(at % 3), f64::from(at / 3)));
        let places: Vec<(f64, f64)> =
            [(0.0, 0.0), (100.0, 0.0)].into_iter().chain(near(0.0)).chain(near(100.0)).collect();
        let load = |stop: u32| [1 + stop as i32 % 3, i32::from(rich), 0, 0];
        let stops = (0..12).map(|stop| Stop { load: load(stop), ..Stop::job(NodeIx(2 + stop)) }).collect();
        let tour = |depot: u32| TourSpec {
            end_node: NodeIx(depot),
            capacity: [12, 6, 0, 0],
            per_km: 1_000,
            ..TourSpec::at(NodeIx(depot))
        };
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        Problem::new(ProblemSpec { stops, tours: vec![tour(0), tour(1)], legs, ..ProblemSpec::default() })
            .expect("a legal problem")
    }

    #[test]
    fn what_only_an_exchange_mends_is_mended() {
        for rich in [false, true] {
            let problem = crossed(rich);
            let near = Neighbours::new(&problem);
            let at: Where = LocalStop::first(12).map(|stop| (0, stop)).collect();
            let local = Local::piece(&problem, &near, &at, 0, StopIx::first(12).collect(), TourIx::first(2).collect());
            let both = [LocalTour(0), LocalTour(1)];
            let wrong = [0, 1].map(|odd| LocalStop::first(12).filter(|stop| stop.0 % 2 == odd).collect::<Vec<_>>());
            let mut state = State::new(&local, &wrong, Vec::new());
            assert_eq!(state.plain, !rich);
            let mut random = Random::new(1, 0, 0);
            let mut exchanges = 0;
            for _ in 0..2_000 {
                let before = state.total;
                let done = state.swap_stops(0, &mut random);
                exchanges += u32::from(done);
                assert!(if done { state.total <= before } else { state.total == before });
                assert_eq!(state.agrees_with_recount(), Ok(()));
                let driven = both.map(|tour| price(&problem, local.tours[tour], &state.global(tour)));
                assert!(driven.iter().all(Option::is_some), "both can be driven");
            }
            assert!(exchanges >= 3, "{exchanges} exchanges");
            let mut tours = both.map(|tour| state.global(tour));
            for tour in &mut tours {
                tour.sort_unstable();
            }
            assert_eq!(
                tours,
                [StopIx::first(6).collect::<Vec<_>>(), (6..12).map(StopIx).collect()],
                "every stop is at its depot"
            );
        }
    }
}
