//! Learns how long driving and serving really take: a factor of travel time for each class of road, square of the zone and local
//! hour, and a service time for each place.
//!
//! Observations are gathered in windows of event time. A window closes when the watermark has passed its end: the newest event
//! time seen, less the lateness that is waited for; what comes later still is counted and left out. Closing a window makes a new
//! version, which counts, like everything, when it comes back from the log.

use std::collections::BTreeMap;

use fleetfold_fleet::{Fleet, Spread};
use fleetfold_model::{
    Cell, Features, Millis, OrderId, Position, ServiceFeature, SpeedFeature, SpeedKey, StopKind, Timestamp, VehicleId,
};
use fleetfold_roads::{Network, Speeds};

/// Length of a window of event time, in which observations are summed up before they become a version.
const WINDOW: Millis = Millis(15 * 60_000);
/// An observation counts if it comes at most this long after the newest event time that was seen.
const LATENESS: Millis = Millis(2 * 60_000);
/// The weight of an observation is halved in this time, milliseconds: two weeks, so that a Monday still counts the last Mondays.
const HALF_LIFE: f64 = 14.0 * 86_400_000.0;
/// Each factor is a mean that begins with this many seconds of driving at normal speed, so that few observations change it little
/// (guess).
const PRIOR_SECONDS: f64 = 300.0;
/// A factor is used from this many drives and seconds of driving on: first for one square, then for the whole zone (guess).
const ENOUGH: [(u32, u32); 2] = [(5, 300), (10, 900)];
/// Where too little is known of this hour, a factor of the hour before is used if it is not older than this.
const FRESH: Millis = Millis(90 * 60_000);
/// Shorter drives are not learned from, milliseconds: most of their time is parking (guess).
const DRIVE_MIN: u64 = 45_000;
/// A drive that took more than this many times as long as expected, or less than that part of it, is not learned from: it was a
/// pause or a wrong clock (guess).
const OUTLIER: f64 = 4.0;
/// Two position reports of a vehicle are compared with the roads if the time between them is within these limits.
const APART: (Millis, Millis) = (Millis(60_000), Millis(240_000));

/// Most factors and most service times in one version, because a fact is a message of at most 64 KiB. The rest comes with the next
/// version.
const MOST: (usize, usize) = (120, 160);
/// A version that has not come back from the log after this time (log time) is taken for lost, and a new one is made.
const GIVEN_UP: Millis = Millis(30_000);

/// Sums of one window.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// Seconds at normal speed.
    weight: f64,
    /// Seconds that these drives really took.
    took: f64,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Departure {
    visit: (OrderId, StopKind),
    at: Timestamp,
    from: Position,
    /// When it will arrive by the travel times that are known now.
    expected: Timestamp,
    /// Positions on the way were compared with the roads: the drive as a whole is not counted again.
    told: bool,
}

/// Observations that are not yet in a version.
#[derive(Debug, Default)]
pub(crate) struct Learner {
    /// The version that is on its way to the log, and since when (log time).
    under_way: Option<(u64, Timestamp)>,
    departures: BTreeMap<VehicleId, Departure>,
    tracks: BTreeMap<VehicleId, (Position, Timestamp)>,
    newest: Option<Timestamp>,
    /// Sums of each open window, by the number of the window and then by what was observed.
    windows: BTreeMap<i64, BTreeMap<SpeedKey, Sum>>,
    services: BTreeMap<i64, BTreeMap<Position, (Vec<Millis>, Timestamp)>>,
    /// How many observations came behind the watermark and were left out.
    late: u64,
    /// How far arrivals were from what was expected at the departure.
    errors: Spread,
}

fn window_of(at: Timestamp) -> i64 {
    at.0.div_euclid(WINDOW.0)
}

impl Learner {
    /// The watermark: observations from before this event time are not waited for any more.
    pub(crate) fn watermark(&self) -> Option<Timestamp> {
        self.newest.map(|newest| newest - LATENESS)
    }

    /// Observations that came behind the watermark.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    /// How far arrivals were from what was expected at the departure.
    pub(crate) fn errors(&self) -> &Spread {
        &self.errors
    }

    /// True when the window of this event time is still open. Otherwise the observation is counted as late.
    fn in_time(&mut self, at: Timestamp) -> bool {
        let closed = self.watermark().is_some_and(|watermark| window_of(at) < window_of(watermark));
        self.late += u64::from(closed);
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        !closed
    }

    pub(crate) fn departed(
        &mut self,
        vehicle: VehicleId,
        visit: (OrderId, StopKind),
        at: Timestamp,
        from: Position,
        travel: Millis,
    ) {
        self.departures.insert(vehicle, Departure { visit, at, from, expected: at + travel, told: false });
        self.tracks.insert(vehicle, (from, at));
    }

    /// A vehicle arrived at a stop: its drive is compared with what the roads said.
    pub(crate) fn arrived(
        &mut self,
        fleet: &Fleet,
        network: &Network,
        vehicle: VehicleId,
        visit: (OrderId, StopKind),
        at: Timestamp,
        to: Position,
    ) {
        self.tracks.remove(&vehicle);
        let Some(left) = self.departures.remove(&vehicle).filter(|left| left.visit == visit) else { return };
        self.errors.add(Millis((at - left.expected).0.abs()));
        if left.told || !fleet.policy().learn {
            return;
        }
        self.drive(fleet, network, vehicle, (left.from, left.at), (to, at));
    }

    /// A phone reports a position during a drive: the way since the last report is compared with what the roads said.
    pub(crate) fn passed(
        &mut self,
        fleet: &Fleet,
        network: &Network,
        vehicle: VehicleId,
        at: Timestamp,
        here: Position,
    ) {
        let Some(&(from, since)) = self.tracks.get(&vehicle) else { return };
        if at - since < APART.0 {
            return;
        }
        self.tracks.insert(vehicle, (here, at));
        if at - since <= APART.1
            && self.drive(fleet, network, vehicle, (from, since), (here, at))
            && let Some(departure) = self.departures.get_mut(&vehicle)
        {
            departure.told = true;
        }
    }

    /// Adds a drive from one place and time to another. True when it was counted.
    fn drive(
        &mut self,
        fleet: &Fleet,
        network: &Network,
        vehicle: VehicleId,
        (from, left): (Position, Timestamp),
        (to, arrived): (Position, Timestamp),
    ) -> bool {
        let factor = fleet.vehicle(vehicle).spec.as_ref().map_or(1000, |spec| u64::from(spec.time_factor));
        let hour = fleet.zone().hour(left);
        let percent = |class: u8| u64::from(fleet.policy().hour_percent[usize::from(class.min(2))][usize::from(hour)]);
        let shares: Vec<((u8, Cell), u64)> = network
            .normal_time(from, to)
            .into_iter()
            .map(|((class, cell), millis)| ((class, cell), millis * factor * percent(class) / 100_000))
            .collect();
        let normal: u64 = shares.iter().map(|&(_, millis)| millis).sum();
        let took = (arrived - left).0;
        if normal < DRIVE_MIN || took <= 0 {
            return false;
        }
        let ratio = took as f64 / normal as f64;
        if !(1.0 / OUTLIER..=OUTLIER).contains(&ratio) || !self.in_time(arrived) {
            return false;
        }
        let window = self.windows.entry(window_of(arrived)).or_default();
        for ((class, cell), millis) in shares {
            let weight = millis as f64 / 1000.0;
            for cell in [Some(cell), None] {
                let sum = window.entry(SpeedKey { class, cell, hour }).or_default();
                sum.weight += weight;
                sum.took += weight * ratio;
                sum.count += 1;
            }
        }
        true
    }

    /// A stop was served: from the beginning of service to its end.
    pub(crate) fn served(&mut self, place: Position, began: Timestamp, ended: Timestamp) {
        let took = ended - began;
        if took <= Millis(0) || took > Millis(4 * 3_600_000) || !self.in_time(ended) {
            return;
        }
        let window = self.services.entry(window_of(ended)).or_default();
        let (all, seen) = window.entry(place).or_insert((Vec::new(), ended));
        all.push(took);
        *seen = (*seen).max(ended);
    }

    /// The next version, if a window with observations has closed and the version before has come back.
    pub(crate) fn close(&mut self, fleet: &Fleet, now: Timestamp) -> Option<Features> {
        let watermark = self.watermark()?;
        if self.under_way.is_some_and(|(version, since)| fleet.features_version() < version && now - since < GIVEN_UP) {
            return None;
        }
        let open = window_of(watermark);
        let later = self.windows.split_off(&open);
        let closed = std::mem::replace(&mut self.windows, later);
        let later = self.services.split_off(&open);
        let served = std::mem::replace(&mut self.services, later);
        let mut features = Features { version: fleet.features_version() + 1, watermark, ..Features::default() };
        let mut speeds: BTreeMap<SpeedKey, SpeedFeature> = BTreeMap::new();
        for (window, sums) in closed {
            let seen = Timestamp((window + 1) * WINDOW.0);
            for (key, sum) in sums {
                if speeds.len() >= MOST.0 && !speeds.contains_key(&key) {
                    self.windows.entry(window).or_default().insert(key, sum);
                    continue;
                }
                let old = speeds.get(&key).or_else(|| fleet.learned_speeds().get(&key));
                let new = mixed(old, key, sum, seen);
                speeds.insert(key, new);
            }
        }
        let mut services: BTreeMap<Position, ServiceFeature> = BTreeMap::new();
        for (window, (place, (all, seen))) in
            served.into_iter().flat_map(|(window, places)| places.into_iter().map(move |entry| (window, entry)))
        {
            if services.len() >= MOST.1 && !services.contains_key(&place) {
                self.services.entry(window).or_default().insert(place, (all, seen));
                continue;
            }
            let old = services.get(&place).or_else(|| fleet.learned_services().get(&place));
            let (mean, count) = old.map_or((Millis(0), 0), |old| (old.service, old.count));
            // An exponential mean: about the last twenty services count.
            let known = i64::from(count.min(20));
            let sum = mean.0 * known + all.iter().map(|took| took.0).sum::<i64>();
            let service = Millis(sum / (known + all.len() as i64));
            let count = count + all.len() as u32;
            services.insert(place, ServiceFeature { place, service, count, seen });
        }
        if speeds.is_empty() && services.is_empty() {
            return None;
        }
        features.speeds = speeds.into_values().collect();
        features.services = services.into_values().collect();
        self.under_way = Some((features.version, now));
        Some(features)
    }
}

/// A factor with the sums of one more window.
fn mixed(old: Option<&SpeedFeature>, key: SpeedKey, sum: Sum, seen: Timestamp) -> SpeedFeature {
    let (mut weight, mut took, mut count) = (0.0, 0.0, 0);
    if let Some(old) = old {
        let age = (seen - old.seen).0.max(0) as f64;
        weight = f64::from(old.weight) * (-age / HALF_LIFE).exp2();
        // A stored factor contains the prior; it is taken out before new sums are added and put back afterwards.
        took = (f64::from(old.permille) / 1000.0 * (f64::from(old.weight) + PRIOR_SECONDS) - PRIOR_SECONDS)
            * (weight / f64::from(old.weight).max(1.0));
        count = old.count;
    }
    weight += sum.weight;
    took += sum.took;
    let permille = (took + PRIOR_SECONDS) / (weight + PRIOR_SECONDS) * 1000.0;
    SpeedFeature {
        key,
        permille: permille.round().clamp(250.0, 4_000.0) as u32,
        count: count.saturating_add(sum.count),
        weight: weight.round() as u32,
        seen,
    }
}

/// True when enough was observed for a factor to be used.
pub fn enough_seen(feature: &SpeedFeature) -> bool {
    let (count, seconds) = ENOUGH[usize::from(feature.key.cell.is_none())];
    feature.count >= count && feature.weight >= seconds
}

/// The speeds of an hour: the policy's factors of that hour, multiplied by the learned ones. Where too little was learned of the hour,
/// what was learned of the hour before is used, if it is new (see [`FRESH`]).
pub(crate) fn speeds(fleet: &Fleet, now: Timestamp) -> Speeds {
    let hour = fleet.zone().hour(now);
    let before = (hour + 23) % 24;
    let mut speeds = Speeds::default();
    let policy = fleet.policy();
    let percent = |class: usize| u32::from(policy.hour_percent[class][usize::from(hour)]);
    for class in 0..3 {
        speeds.by_class[class] = percent(class) * 10;
    }
    if !policy.learn {
        return speeds;
    }
    let all = fleet.learned_speeds();
    let used = all.values().filter(|feature| {
        let key = feature.key;
        let of_hour = |hour: u8| all.get(&SpeedKey { hour, ..key });
        enough_seen(feature)
            && (key.hour == hour
                || key.hour == before && now - feature.seen <= FRESH && !of_hour(hour).is_some_and(enough_seen))
    });
    for feature in used {
        let class = feature.key.class;
        let permille = percent(usize::from(class.min(2))) * feature.permille / 100;
        match feature.key.cell {
            None => speeds.by_class[usize::from(class.min(2))] = permille,
            Some(cell) => {
                speeds.by_cell.insert((class, cell), permille);
            }
        }
    }
    speeds
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetfold_model::{Event, LogEntry, LogSeq, MessageHash};

    /// A busy quarter of an hour is more than one message may hold: nothing is lost, and no version overtakes another.
    #[test]
    fn much_news_comes_in_several_versions() {
        let mut learner = Learner::default();
        let mut fleet = Fleet::new();
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        for place in 0..1_000 {
            learner.served(Position { x: place, y: 0 }, at(1), at(3) + Millis(i64::from(place)));
        }
        assert_eq!(learner.close(&fleet, at(0)), None, "the window is open");
        learner.served(Position { x: -1, y: 0 }, at(40), at(41));
        // Late: its window has passed.
        learner.served(Position { x: -2, y: 0 }, at(1), at(2));
        assert_eq!(learner.late, 1);
        let mut seq = 0;
        while let Some(features) = learner.close(&fleet, at(seq)) {
            assert!(features.services.len() <= MOST.1);
            assert_eq!(learner.close(&fleet, at(seq)), None, "one at a time");
            seq += 1;
            let event = Event::FeaturesLearned(features);
            let entry = LogEntry {
                numbered: None,
                seq: LogSeq(seq as u64),
                logged_at: at(seq),
                id: 0,
                time: None,
                hash: MessageHash::default(),
                event,
            };
            assert_eq!(fleet.apply(&entry).refused, None);
        }
        assert_eq!(fleet.learned_services().len(), 1_000);
        assert_eq!(fleet.features_version(), 7);
    }

    #[test]
    fn evidence_adds_up_and_fades() {
        let key = SpeedKey { class: 1, cell: None, hour: 8 };
        let slow = Sum { weight: 600.0, took: 1_200.0, count: 4 };
        let first = mixed(None, key, slow, Timestamp(0));
        assert!((1_600..1_700).contains(&first.permille), "mixed with five minutes at normal speed: {first:?}");
        assert!(!enough_seen(&first), "four drives");
        let second = mixed(Some(&first), key, slow, Timestamp(900_000));
        assert!(second.permille > first.permille && second.count == 8, "{second:?}");
        let year = Timestamp(365 * 86_400_000);
        let normal = Sum { weight: 3_000.0, took: 3_000.0, count: 10 };
        let later = mixed(Some(&second), key, normal, year);
        assert!((995..=1_010).contains(&later.permille), "what was a year ago is forgotten: {later:?}");
    }
}
