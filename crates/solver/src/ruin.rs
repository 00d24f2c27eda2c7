//! Taking strings of stops out (SISR: Christiaens & Vanden Berghe, "Slack Induction by String Removals", 2020).

use crate::neighbours::Neighbours;
use crate::problem::{NONE, Role};
use crate::random::Random;
use crate::state::State;

/// Mean number of stops taken out (paper).
const REMOVED_MEAN: usize = 10;
/// Longest string (paper).
const STRING_MAX: usize = 10;

impl State<'_> {
    /// The unit a stop belongs to: itself, or the pickup of its shipment.
    pub(crate) fn unit_of(&self, stop: u32) -> u32 {
        let spec = &self.problem.stops[stop as usize];
        if spec.role == Role::Delivery && spec.mate != NONE { spec.mate } else { stop }
    }

    /// Takes strings of neighbouring stops out of neighbouring tours around a random stop.
    pub(crate) fn ruin(&mut self, near: &Neighbours, served: &[u32], random: &mut Random) {
        if served.is_empty() {
            return;
        }
        let seed = served[random.below(served.len())];
        let used = self.mine.iter().filter(|&&tour| self.counts[tour as usize] > 0).count().max(1);
        let stops: u32 = self.mine.iter().map(|&tour| self.counts[tour as usize]).sum();
        let mean = (stops as usize).div_ceil(used);
        let longest = STRING_MAX.min(mean.max(1));
        let strings_max = (4 * REMOVED_MEAN).div_ceil(1 + longest).saturating_sub(1).max(1);
        let strings = 1 + random.below(strings_max);
        let mut ruined: Vec<u32> = Vec::with_capacity(strings);
        let mut units: Vec<u32> = Vec::new();
        for &stop in &near.near[seed as usize] {
            if ruined.len() >= strings {
                break;
            }
            let tour = self.records[stop as usize].tour;
            if tour == NONE || ruined.contains(&tour) {
                continue;
            }
            ruined.push(tour);
            let sequence = self.sequence(tour);
            let length = 1 + random.below(longest.min(sequence.len()));
            self.string(stop, &sequence, length, random, &mut units);
        }
        units.sort_unstable();
        units.dedup();
        self.remove_all(&units);
    }

    /// One string of `length` stops containing `stop`; half the time a piece inside it is kept.
    fn string(&self, stop: u32, sequence: &[u32], length: usize, random: &mut Random, units: &mut Vec<u32>) {
        let at = sequence.iter().position(|&other| other == stop).expect("the stop is on its tour");
        let mut kept = 0;
        if random.chance(500) && length > 1 {
            kept = 1;
            while kept + length < sequence.len() && random.chance(990) && kept < length {
                kept += 1;
            }
        }
        let total = (length + kept).min(sequence.len());
        let lowest = (at + 1).saturating_sub(total);
        let highest = at.min(sequence.len() - total);
        let first = lowest + random.below(highest - lowest + 1);
        let keep_from = first + if kept > 0 { 1 + random.below(length) } else { 0 };
        for (index, &stop) in sequence.iter().enumerate().skip(first).take(total) {
            if kept > 0 && (keep_from..keep_from + kept).contains(&index) {
                continue;
            }
            units.push(self.unit_of(stop));
        }
    }
}
