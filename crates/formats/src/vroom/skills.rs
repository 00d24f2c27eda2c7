//! Skills of a file as bits of the solver.
//!
//! The solver has 64 bits. A skill that no task needs or that every vehicle has needs no bit, and skills that exactly the same
//! vehicles have share one. What is left over beyond 64 is said by name: tasks list the vehicles that must not serve them.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_solver::TourIx;

/// Bits of the solver.
const BITS: usize = 64;

/// What the skills of a file come to.
pub(super) struct Skills {
    /// Skill → bit.
    bits: BTreeMap<u32, u32>,
    /// Skill → vehicles without it, of skills without a bit.
    lacking: BTreeMap<u32, Vec<TourIx>>,
    /// Vehicle → bits.
    pub(super) has: Vec<u64>,
}

impl Skills {
    /// From the skills that tasks need and those that each vehicle has.
    pub(super) fn new(needed: &BTreeSet<u32>, vehicles: &[BTreeSet<u32>]) -> Self {
        let mut holders: BTreeMap<Vec<TourIx>, Vec<u32>> = BTreeMap::new();
        let mut with: BTreeMap<u32, Vec<TourIx>> = needed.iter().map(|&skill| (skill, Vec::new())).collect();
        for (tour, has) in TourIx::all().zip(vehicles) {
            for skill in has {
                if let Some(list) = with.get_mut(skill) {
                    list.push(tour);
                }
            }
        }
        for (skill, list) in with {
            if list.len() < vehicles.len() {
                holders.entry(list).or_default().push(skill);
            }
        }
        let mut skills = Self { bits: BTreeMap::new(), lacking: BTreeMap::new(), has: vec![0; vehicles.len()] };
        for (bit, (list, group)) in holders.into_iter().enumerate() {
            if bit < BITS {
                for tour in &list {
                    skills.has[tour.index()] |= 1 << bit;
                }
                skills.bits.extend(group.into_iter().map(|skill| (skill, bit as u32)));
            } else {
                let holding: BTreeSet<TourIx> = list.into_iter().collect();
                let lacking: Vec<TourIx> =
                    TourIx::all().take(vehicles.len()).filter(|tour| !holding.contains(tour)).collect();
                skills.lacking.extend(group.into_iter().map(|skill| (skill, lacking.clone())));
            }
        }
        skills
    }

    /// The bits that a task needs, and the vehicles that must not serve it for want of a skill without a bit.
    pub(super) fn needs(&self, list: &[u32]) -> (u64, Vec<TourIx>) {
        let bits = list.iter().filter_map(|skill| self.bits.get(skill)).fold(0, |word, bit| word | 1 << bit);
        let barred: BTreeSet<TourIx> =
            list.iter().filter_map(|skill| self.lacking.get(skill)).flatten().copied().collect();
        (bits, barred.into_iter().collect())
    }
}
