//! A day on which rules meet: pauses of the driver, breaks that driving times ask for, goods that are not ready at the start, reloading, and
//! preferred times. Each of them alone has a quicker way; together they have to be looked at at once, because where one of them is kept
//! decides whether another one can be.
//!
//! All ways through a sequence are followed stop by stop, and of those at one point only the ones that are better than each other one in
//! price, time, driving since the last break, or idle time (labels of a shortest path with resources, as in Goel, "Vehicle scheduling and
//! routing with drivers' working hours", 2009). A pause or a break is taken at a stop, or in the middle of a leg: then what was driven
//! before it counts before it, and the rest behind it. Idle times that follow each other are one.
//!
//! A driver who may begin a pause at once does so, or drives on until he has to rest or until a window of the pause begins or ends. When
//! service waits for its preferred time, only those instants are looked at at which something changes further on.
//!
//! Only where nothing may be late, and pauses are taken on the way.

use crate::goods::Goods;
use crate::index::{NodeIx, StopIx, TourIx};
use crate::pauses::Gap;
use crate::problem::{DrivingTime, Problem, TIME_MAX, TourSpec, UNREACHABLE};
use crate::rules::driving_time::DrivingBreak;
use crate::rules::reload::{trip_ends, trip_ready};

/// Ways to have served a number of stops and taken a number of pauses that are followed further (a guess).
const LABELS_MAX: usize = 48;
/// Instants at which a stop with a preferred time is tried to begin, and how many stops further on they are looked for at (guesses).
const BEGINS_MAX: usize = 48;
const AHEAD: usize = 4;
/// Sums of pauses, breaks and ways by where the vehicle reloads that are looked at then (a guess).
const MORE_MAX: usize = 16;
/// Ways to drive one leg with its pauses and breaks (a guess).
const WAYS_MAX: usize = 400;

/// A pause of a driver, and when it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenPause {
    /// It is taken before the vehicle is at this stop of the tour (0: the first one; as many as there are stops: the end).
    pub before: usize,
    /// When it begins.
    pub begin: i32,
    /// How long it takes.
    pub duration: i32,
    /// Which one, by its place in the list of the tour.
    pub pause: usize,
    /// It is taken on the way to the place where the vehicle reloads or is charged before that stop, or there.
    pub to_detour: bool,
    /// It is taken at the start, while the vehicle waits for its goods.
    pub before_leaving: bool,
}

/// How a vehicle spends its day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Day {
    /// By stop: the place at which the vehicle reloads on the way there.
    pub(crate) reloads: Vec<Option<usize>>,
    /// By stop, and for the way to the end: the way to where the vehicle reloads or is charged before.
    pub(crate) detours: Vec<Option<Gap>>,
    /// By stop, and for the way to the end.
    pub(crate) legs: Vec<Option<Gap>>,
    /// By stop: from when on it may begin.
    pub(crate) ready: Vec<i32>,
    pub(crate) breaks: Vec<DrivingBreak>,
    pub(crate) pauses: Vec<TakenPause>,
    /// When the vehicle leaves its start.
    pub(crate) leaves: i32,
}

impl Day {
    /// How many pauses are taken before a stop, or behind the last one.
    pub(crate) fn pauses_before(&self, position: usize) -> usize {
        self.pauses.iter().filter(|taken| taken.before == position).count()
    }
}

/// True for a sequence in which rules meet that have to be looked at together.
pub(crate) fn is_mixed(problem: &Problem, tour: TourIx, mut stops: impl Iterator<Item = StopIx> + Clone) -> bool {
    let (spec, weights) = (&problem.tours()[tour.index()], problem.weights());
    if !problem.is_odd() || !weights.hard || spec.walking.is_some() {
        return false;
    }
    let stop = |index: StopIx| &problem.stops()[index.index()];
    let is_soft = |index: StopIx| stop(index).soft.is_some();
    let is_ordered = spec.reload.is_some() || spec.driving_time.is_some() || spec.battery.is_some();
    if spec.pauses.is_empty() {
        let has_several = stops.clone().any(|index| stop(index).windows.len() > 1);
        let is_divided = spec.reload.is_some() && spec.driving_time.is_some();
        return is_divided || (spec.battery.is_none() && (is_ordered || has_several) && stops.any(is_soft));
    }
    let waits = |index: StopIx| stop(index).is_loaded_for_trip() && stop(index).release > spec.start_at;
    weights.pause_on_the_way && (is_ordered || stops.any(|index| is_soft(index) || waits(index)))
}

/// Where a vehicle is charged before a stop: the node, and how long that takes.
pub(crate) type Station = Option<(NodeIx, i32)>;

/// The best way to spend a day that begins at `start`; `None`: there is none. `stations`: by stop, and for the way to the end; empty if
/// the vehicle is never charged. By position, work does not begin before `holds` says.
pub(crate) fn plan(
    problem: &Problem,
    tour: TourIx,
    sequence: &[StopIx],
    (start, holds): (i32, &[i32]),
    stations: &[Station],
) -> Option<Day> {
    let spec = &problem.tours()[tour.index()];
    let mut search = Search { problem, tour, spec, sequence, holds, stations, links: Vec::new() };
    let begins = search.begins();
    let last = search.ways(start, &begins)?;
    Some(search.traced(last))
}

/// How far a driver has come.
#[derive(Clone, Copy)]
struct Label {
    /// Of legs, and of service at other than preferred times.
    cost: i64,
    free: i32,
    /// Driving since the last break.
    driven: i32,
    /// The first part of a break has been taken.
    part: bool,
    /// For so long nothing has been done up to now.
    idle: i32,
    /// Pauses taken.
    taken: usize,
    /// How often the vehicle has reloaded, and where the last time.
    reloaded: u32,
    place: Option<usize>,
    /// The last of its links; `usize::MAX`: none.
    link: usize,
}

impl Label {
    fn is_as_good_as(&self, other: &Self) -> bool {
        (self.taken, self.place) == (other.taken, other.place)
            && self.reloaded <= other.reloaded
            && self.cost <= other.cost
            && self.free <= other.free
            && self.driven <= other.driven
            && (self.part || !other.part)
            && self.idle >= other.idle
    }

    /// What was idle up to now is a break, or the first part of one, if it was long enough.
    fn end_idle(&mut self, rule: Option<DrivingTime>) {
        let idle = std::mem::take(&mut self.idle);
        let Some(rule) = rule else { return };
        if idle >= rule.pause || (self.part && idle >= rule.pause - rule.first_part) {
            (self.driven, self.part) = (0, false);
        } else if rule.first_part > 0 && idle >= rule.first_part {
            self.part = true;
        }
    }

    fn drive(&mut self, time: i32, rule: Option<DrivingTime>) {
        if time > 0 {
            self.end_idle(rule);
            self.driven = self.driven.saturating_add(time);
            self.free = self.free.saturating_add(time);
        }
    }

    fn wait(&mut self, time: i32) {
        self.idle = self.idle.saturating_add(time);
        self.free = self.free.saturating_add(time);
    }

    fn work(&mut self, time: i32, rule: Option<DrivingTime>) {
        if time > 0 {
            self.end_idle(rule);
            self.idle = if rule.is_some_and(|rule| rule.service_counts) { time } else { 0 };
            self.free = self.free.saturating_add(time);
        }
    }
}

/// What is done on a way, and what was done before it.
enum Link {
    Leave(i32),
    Leg(usize, bool, Gap),
    Break(DrivingBreak),
    Pause(TakenPause),
    Begin(usize, i32),
    Reload(usize, usize),
}

struct Search<'p> {
    problem: &'p Problem,
    tour: TourIx,
    spec: &'p TourSpec,
    sequence: &'p [StopIx],
    holds: &'p [i32],
    stations: &'p [Station],
    links: Vec<(usize, Link)>,
}

/// A leg of a day.
#[derive(Clone, Copy)]
struct Leg {
    from: NodeIx,
    /// [`NodeIx::NONE`]: the vehicle stays.
    to: NodeIx,
    /// It leads to this stop.
    position: usize,
    /// It leads to where the vehicle reloads or is charged before that stop.
    is_detour: bool,
}

impl Search<'_> {
    fn link(&mut self, label: &mut Label, link: Link) {
        self.links.push((label.link, link));
        label.link = self.links.len() - 1;
    }

    fn node(&self, position: usize) -> NodeIx {
        self.problem.stops()[self.sequence[position].index()].node
    }

    fn leg_at(&self, from: NodeIx, to: NodeIx, leave: i32) -> (i32, i32) {
        if to == NodeIx::NONE { (0, 0) } else { self.problem.leg_at(self.tour, from, to, leave) }
    }

    /// The last label of the best way.
    fn ways(&mut self, start: i32, begins: &[Vec<i32>]) -> Option<Label> {
        let (problem, spec, sequence) = (self.problem, self.spec, self.sequence);
        let count = sequence.len();
        let so_far = spec.driven_so_far;
        let is_limited = spec.pauses.iter().any(|pause| pause.load_max.is_some() || !pause.more_load_max.is_empty());
        let mut rows: Vec<Vec<Label>> = vec![Vec::new(); count];
        rows.first_mut()?.push(Label {
            cost: 0,
            free: start,
            driven: spec.driving_time.map_or(0, |rule| so_far.driven.min(rule.driving_max)),
            part: so_far.first_part && spec.driving_time.is_some_and(|rule| rule.first_part > 0),
            idle: so_far.rested,
            taken: 0,
            reloaded: 0,
            place: None,
            link: usize::MAX,
        });
        let mut best: Option<Label> = None;
        let mut kept = Goods::on_board(spec);
        // What is left where it reloads is on board in the first trip.
        let with_left = |first: usize, kept: &Goods| {
            let mut goods = kept.clone();
            if let Some(reload) = spec.reload.as_ref().filter(|_| first == 0) {
                goods.add(reload.left);
            }
            goods
        };
        for first in 0..count {
            let from = std::mem::take(&mut rows[first]);
            let ends = match &spec.reload {
                Some(_) if from.is_empty() => first,
                Some(_) => trip_ends(problem, self.tour, sequence, first, &with_left(first, &kept)),
                None => count,
            };
            let ready = |until: usize| trip_ready(problem, sequence[first..until].iter().copied());
            // Departures, and how many stops are served when the trip is over; `None`: as many as are ready then.
            let mut trips: Vec<(i32, Option<usize>)> = match &spec.reload {
                None if first == 0 => vec![(ready(count), Some(count))],
                None => break,
                Some(_) if is_limited => (first + 1..=ends).map(|until| (ready(until), Some(until))).collect(),
                Some(_) => (first + 1..=ends).map(|until| (ready(until), None)).collect(),
            };
            trips.dedup();
            for (departure, until) in trips {
                let mut goods = with_left(first, &kept);
                let loaded = &sequence[first..until.unwrap_or(first)];
                let loaded = loaded.iter().map(|stop| &problem.stops()[stop.index()]);
                loaded.filter(|stop| stop.is_loaded_for_trip()).for_each(|stop| goods.load(stop));
                let mut row = self.departing(&from, (first, departure), &goods);
                for position in first..until.unwrap_or(ends) {
                    row = self.served(&row, position, (first, &begins[position]), &goods);
                    if row.is_empty() {
                        break;
                    }
                    goods.serve(&problem.stops()[sequence[position].index()]);
                    let ends_here = until.map_or(ready(position + 1) == departure, |until| until == position + 1);
                    if ends_here && position + 1 == count {
                        for label in self.home(&row, &goods) {
                            if best.is_none_or(|known| (label.cost, label.free) < (known.cost, known.free)) {
                                best = Some(label);
                            }
                        }
                    } else if ends_here && !problem.relations().is_direct(sequence[position + 1]) {
                        self.reload(&row, position + 1, &goods, &mut rows[position + 1]);
                    }
                }
            }
            let stop = &problem.stops()[sequence[first].index()];
            if stop.stays_on_board() {
                kept.serve(stop);
            }
        }
        best
    }

    /// A vehicle leaves when its goods are ready. At the start the driver may take pauses until then.
    fn departing(&mut self, from: &[Label], (first, departure): (usize, i32), goods: &Goods) -> Vec<Label> {
        let mut row = Vec::new();
        let mut open: Vec<Label> = from.to_vec();
        while let Some(label) = open.pop() {
            if first == 0
                && let Some((opens, duration)) = self.next_pause(&label, goods)
                && opens < departure
            {
                let mut label = label;
                label.wait(opens - label.free + duration);
                let (pause, begin) = (label.taken, opens);
                let taken = TakenPause { before: 0, begin, duration, pause, to_detour: false, before_leaving: true };
                self.link(&mut label, Link::Pause(taken));
                label.taken += 1;
                open.push(label);
            }
            let mut label = label;
            // Reloading takes a while, and is over when the goods are ready: who waits for them waits before it.
            let reload = self.spec.reload.as_ref();
            let service = label.place.and_then(|place| reload.map(|own| own.places[place].service)).unwrap_or(0);
            label.wait(departure.saturating_sub(service).max(label.free) - label.free);
            label.work(service, self.spec.driving_time);
            if first == 0 {
                // A driver who has not driven yet has nothing to rest from: no wait at the start is a part of a break.
                if label.driven == 0 {
                    label.idle = 0;
                }
                let leaves = label.free;
                self.link(&mut label, Link::Leave(leaves));
            }
            offer(&mut row, label);
        }
        row
    }

    /// When the next pause can begin, and how long it takes.
    fn next_pause(&self, label: &Label, goods: &Goods) -> Option<(i32, i32)> {
        let pause = self.spec.pauses.get(label.taken)?;
        if !goods.are_at_most(pause.load_max.as_ref(), &pause.more_load_max) {
            return None;
        }
        let &(opens, _) = pause.windows.iter().find(|&&(_, closes)| label.free <= closes)?;
        Some((label.free.max(opens), pause.duration))
    }

    /// Drives a leg in every way that may be worth it.
    fn drive(&mut self, label: Label, leg: Leg, goods: &Goods, out: &mut Vec<Label>) {
        let Leg { from, to, position, is_detour } = leg;
        let rule = self.spec.driving_time;
        let leave = label.free;
        let (travel, cost) = self.leg_at(from, to, leave);
        if travel >= UNREACHABLE {
            return;
        }
        let is_end = position == self.sequence.len() && !is_detour;
        // Labels with what is left to drive, and the time of their pauses.
        let mut open = vec![(label, travel, 0)];
        for _ in 0..WAYS_MAX {
            let Some((label, rest, paused)) = open.pop() else { break };
            if rest == 0 {
                let mut there = label;
                let gap = Gap { leave, arrival: label.free, paused, cost, travel, late: 0 };
                there.cost += i64::from(cost);
                self.link(&mut there, Link::Leg(position, is_detour, gap));
                offer(out, there);
            }
            let left = |label: &Label| rule.map_or(i32::MAX, |rule| (rule.driving_max - label.driven).max(0));
            if rest > 0 {
                let mut on = label;
                on.end_idle(rule);
                let mut time = rest.min(left(&on));
                if rule.is_some()
                    && let Some(pause) = self.spec.pauses.get(on.taken)
                {
                    let edges = pause.windows.iter().flat_map(|&(opens, closes)| [opens, closes]);
                    let next = edges.filter(|&edge| edge > on.free).min().unwrap_or(i32::MAX);
                    time = time.min(next.saturating_sub(on.free));
                }
                if time > 0 {
                    on.drive(time, rule);
                    open.push((on, rest - time, paused));
                }
            }
            if let Some((opens, duration)) = self.next_pause(&label, goods) {
                let mut on = label;
                let mut rested = label;
                rested.end_idle(rule);
                let time = rest.min(opens - on.free).min(left(&rested));
                on.drive(time, rule);
                let wait = opens - on.free;
                if wait > 0 && rest > time {
                    // He may not drive on until the pause begins.
                    let own = DrivingBreak { before: position, begin: on.free, duration: wait, to_reload: is_detour };
                    self.link(&mut on, Link::Break(own));
                }
                on.wait(wait + duration);
                let pause = on.taken;
                let begin = opens;
                let taken = TakenPause {
                    before: position,
                    begin,
                    duration,
                    pause,
                    to_detour: is_detour,
                    before_leaving: false,
                };
                self.link(&mut on, Link::Pause(taken));
                on.taken += 1;
                open.push((on, rest - time, paused + duration));
            }
            if let Some(rule) = rule
                && label.driven > 0
                && (rest > 0 || !is_end)
            {
                let part = if label.part { rule.pause - rule.first_part } else { rule.first_part };
                for whole in [rule.pause, part] {
                    let duration = whole - label.idle;
                    if duration > 0 && whole > 0 {
                        let mut on = label;
                        let own = DrivingBreak { before: position, begin: on.free, duration, to_reload: is_detour };
                        self.link(&mut on, Link::Break(own));
                        on.wait(duration);
                        open.push((on, rest, paused));
                    }
                }
            }
        }
    }

    /// Drives on to a stop, is charged on the way where that is due, and serves the stop.
    fn served(
        &mut self,
        row: &[Label],
        position: usize,
        (first, begins): (usize, &[i32]),
        goods: &Goods,
    ) -> Vec<Label> {
        let problem = self.problem;
        let stop = self.sequence[position];
        let its = &problem.stops()[stop.index()];
        let mut found = Vec::new();
        for &label in row {
            let from = match label.place {
                _ if position > first => self.node(position - 1),
                Some(place) => self.spec.reload.as_ref().map_or(self.spec.start_node, |own| own.places[place].node),
                None => self.spec.start_node,
            };
            let mut arrived = Vec::new();
            let from = self.charged(label, from, position, goods, |search, label, from| {
                search.drive(label, Leg { from, to: its.node, position, is_detour: false }, goods, &mut arrived);
            });
            let (service, setup) = problem.times_at(self.tour, from, stop);
            let rule = self.spec.driving_time;
            let hold = self.holds.get(position).copied().unwrap_or(i32::MIN);
            let before_action = if problem.weights().setup_in_window { 0 } else { setup };
            for label in arrived {
                let earliest = label.free.max(hold);
                let later = begins.iter().map(|&begin| begin.saturating_sub(before_action));
                for ready in std::iter::once(earliest).chain(later.filter(|&begin| begin > earliest)) {
                    let (action, start) = problem.start_of(stop, ready, setup);
                    if start > problem.shift_end(self.tour, stop) || action > its.due {
                        continue;
                    }
                    let mut label = label;
                    label.wait(start - setup - label.free);
                    label.work(setup.saturating_add(service), rule);
                    label.cost += its.soft.map_or(0, |soft| soft.price(action));
                    self.link(&mut label, Link::Begin(position, ready));
                    offer(&mut found, label);
                }
            }
        }
        few(&mut found);
        found
    }

    /// Goes on from where the vehicle is charged before a stop, or from where it is. The node that is left for the stop.
    fn charged(
        &mut self,
        label: Label,
        from: NodeIx,
        position: usize,
        goods: &Goods,
        mut on: impl FnMut(&mut Self, Label, NodeIx),
    ) -> NodeIx {
        let Some((node, time)) = self.stations.get(position).copied().flatten() else {
            on(self, label, from);
            return from;
        };
        let mut there = Vec::new();
        self.drive(label, Leg { from, to: node, position, is_detour: true }, goods, &mut there);
        for mut label in there {
            label.work(time, self.spec.driving_time);
            on(self, label, node);
        }
        node
    }

    /// All pauses taken, and in time at the end.
    fn home(&mut self, row: &[Label], goods: &Goods) -> Vec<Label> {
        let (spec, position) = (self.spec, self.sequence.len());
        let mut home = Vec::new();
        for &label in row {
            let from = self.node(position - 1);
            self.charged(label, from, position, goods, |search, label, from| {
                search.drive(label, Leg { from, to: spec.end_node, position, is_detour: false }, goods, &mut home);
            });
        }
        let is_exempt = |stop: &StopIx| self.problem.shift_end(self.tour, *stop) >= TIME_MAX;
        let end_by = if self.sequence.iter().any(is_exempt) { i32::MAX } else { spec.end_by };
        home.retain(|label| label.taken == spec.pauses.len() && label.free <= end_by);
        home
    }

    /// Drives on to where the vehicle may reload; what it does there depends on the trip that begins there.
    fn reload(&mut self, row: &[Label], position: usize, goods: &Goods, out: &mut Vec<Label>) {
        let Some(reload) = &self.spec.reload else { return };
        for &label in row.iter().filter(|label| label.reloaded < reload.times_max) {
            for (number, place) in reload.places.iter().enumerate() {
                let from = self.node(position - 1);
                let mut there = Vec::new();
                let leg = Leg { from, to: place.node, position, is_detour: true };
                self.drive(label, leg, goods, &mut there);
                for mut label in there {
                    (label.reloaded, label.place) = (label.reloaded + 1, Some(number));
                    self.link(&mut label, Link::Reload(position, number));
                    offer(out, label);
                }
            }
        }
        few(out);
    }

    /// For each stop that is better begun at a later time, the times at which it may be worth it: those at which its preferred time begins,
    /// or at which something further on changes, if the vehicle is not idle until then.
    fn begins(&self) -> Vec<Vec<i32>> {
        let (problem, spec) = (self.problem, self.spec);
        let count = self.sequence.len();
        let mut all = vec![Vec::new(); count];
        for (position, slot) in all.iter_mut().enumerate() {
            // Edges, and what they are less.
            let mut begins: Vec<(i32, i32, i64)> = Vec::new();
            let stop = |at: usize| &problem.stops()[self.sequence[at].index()];
            let Some(soft) = stop(position).soft.filter(|soft| soft.early_per_hour > 0) else { continue };
            // How much longer than straight on it may take to get there: pauses, breaks, and ways by where the vehicle reloads.
            let mut more = vec![0];
            for first in 0..spec.pauses.len() {
                let sums = spec.pauses[first..].iter().scan(0, |sum: &mut i32, pause| {
                    *sum = sum.saturating_add(pause.duration);
                    Some(*sum)
                });
                more.extend(sums);
            }
            if let Some(rule) = spec.driving_time {
                more.extend(more.clone().iter().map(|&more| rule.pause.saturating_add(more)));
            }
            let mut ahead = 0;
            for at in position..count.min(position + AHEAD) {
                let from = if at == 0 { spec.start_node } else { self.node(at - 1) };
                let (service, setup) = problem.times_at(self.tour, from, self.sequence[at]);
                let (before, behind) = if problem.weights().setup_in_window { (0, setup) } else { (setup, 0) };
                if at > position {
                    let direct = self.leg_at(from, self.node(at), 0).0;
                    ahead += i64::from(direct) + i64::from(before);
                    for place in spec.reload.iter().flat_map(|reload| &reload.places) {
                        let there = self.leg_at(from, place.node, 0).0.saturating_add(place.service);
                        let longer = there.saturating_add(self.leg_at(place.node, self.node(at), 0).0);
                        let longer = longer.saturating_sub(direct);
                        more.extend(more.clone().iter().map(|more| longer.saturating_add(*more)));
                        more.sort_unstable();
                        more.dedup();
                        more.truncate(MORE_MAX);
                    }
                }
                let its = stop(at);
                let edges = its.windows.iter().flat_map(|&(opens, closes)| [opens, closes]);
                let edges = edges.chain(its.soft.iter().flat_map(|soft| [soft.opens, soft.closes]));
                let edges = edges.chain([its.due, problem.shift_end(self.tour, self.sequence[at])]);
                begins.extend(edges.flat_map(|edge| more.iter().map(move |&more| (edge, more, ahead))));
                ahead += i64::from(behind) + i64::from(service);
                let pauses = spec.pauses.iter().flat_map(|pause| &pause.windows).map(|&(_, closes)| closes);
                let next = if at + 1 < count { self.node(at + 1) } else { spec.end_node };
                let home = self.leg_at(self.node(at), next, 0).0;
                let edges = pauses.flat_map(|closes| [closes, closes.saturating_sub(home)]);
                let end = (at + 1 == count).then(|| spec.end_by.saturating_sub(home));
                begins.extend(edges.chain(end).flat_map(|edge| more.iter().map(move |&more| (edge, more, ahead))));
            }
            let times = begins.iter().map(|&(edge, more, ahead)| i64::from(edge) - i64::from(more) - ahead);
            let legal = i64::from(spec.start_at)..=i64::from(soft.opens);
            let mut times: Vec<i32> = times.filter(|time| legal.contains(time)).map(|time| time as i32).collect();
            times.sort_unstable();
            times.dedup();
            // The latest cost least.
            let surplus = times.len().saturating_sub(BEGINS_MAX);
            times.drain(..surplus);
            *slot = times;
        }
        all
    }

    /// The way that ends with a label.
    fn traced(&self, label: Label) -> Day {
        let count = self.sequence.len();
        let mut day = Day {
            reloads: vec![None; count],
            detours: vec![None; count + 1],
            legs: vec![None; count + 1],
            ready: vec![i32::MIN; count],
            breaks: Vec::new(),
            pauses: Vec::new(),
            leaves: 0,
        };
        let mut at = label.link;
        while let Some((before, link)) = self.links.get(at) {
            match *link {
                Link::Leave(at) => day.leaves = at,
                Link::Leg(position, true, gap) => day.detours[position] = Some(gap),
                Link::Leg(position, false, gap) => day.legs[position] = Some(gap),
                Link::Break(own) => day.breaks.push(own),
                Link::Pause(taken) => day.pauses.push(taken),
                Link::Begin(position, ready) => day.ready[position] = ready,
                Link::Reload(position, place) => day.reloads[position] = Some(place),
            }
            at = *before;
        }
        day.breaks.reverse();
        day.pauses.reverse();
        day
    }
}

/// Keeps a label unless another one is as good in everything.
fn offer(labels: &mut Vec<Label>, new: Label) {
    if !labels.iter().any(|known| known.is_as_good_as(&new)) {
        labels.retain(|known| !new.is_as_good_as(known));
        labels.push(new);
    }
}

/// Of too many labels with as many pauses taken, the earliest, the cheapest and the most rested are kept.
fn few(labels: &mut Vec<Label>) {
    const THIRD: usize = LABELS_MAX / 3;
    if labels.len() <= LABELS_MAX {
        return;
    }
    labels.sort_by_key(|label| label.taken);
    let mut kept = Vec::with_capacity(labels.len());
    for group in labels.chunk_by_mut(|one, next| one.taken == next.taken) {
        if group.len() > LABELS_MAX {
            group.sort_by_key(|label| (label.free, label.cost));
            group[THIRD..].sort_by_key(|label| (label.cost, label.free));
            group[2 * THIRD..].sort_by_key(|label| (label.driven, label.free));
        }
        kept.extend_from_slice(&group[..group.len().min(LABELS_MAX)]);
    }
    *labels = kept;
}
