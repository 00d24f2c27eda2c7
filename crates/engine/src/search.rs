//! A search job: regions to improve, as values that a pool can run and a report that comes back.

use std::sync::atomic::AtomicBool;

use fleetfold_model::SearchRecord;
use fleetfold_solver::{Problem, SearchLimits, Solution, solve_each};

use crate::draft::Draft;
use crate::outlook::Outlook;

/// A search ends after so many rounds in a row that found nothing better. A search around one change mostly finds what there is to find in its
/// first rounds (guess; measured together with other changes: "By the rules of their sets" in docs/PERFORMANCE.md).
const PATIENCE: u32 = 8;

/// Regions to improve. Everything it needs is inside: legs are computed where it runs.
#[derive(Clone, Debug)]
pub struct SolveJob {
    /// Number of the job.
    pub id: u64,
    /// One draft per region. No vehicle and no order is in two of them.
    pub regions: Vec<Draft>,
    /// The roads as they were, and as they are expected to be.
    pub outlook: Outlook,
    /// Seed of the job.
    pub seed: u64,
    /// Rounds to run.
    pub rounds: u32,
}

impl SolveJob {
    /// Stops in all regions.
    pub fn stops(&self) -> usize {
        self.regions.iter().map(|region| region.stops.len()).sum()
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct SolveReport {
    /// Number of the job.
    pub id: u64,
    /// The drafts, their problems with legs, and the solutions, in region order.
    pub regions: Vec<(Draft, Problem, Solution)>,
    /// How it was run.
    pub record: SearchRecord,
}

/// Runs a job on the current rayon pool. Reads `stop` between rounds.
pub fn run(job: SolveJob, stop: &AtomicBool) -> SolveReport {
    let (rounds, seed, outlook) = (job.rounds, job.seed, job.outlook);
    let limits = |region: usize| SearchLimits {
        rounds,
        seed: seed.wrapping_add(region as u64),
        warm: true,
        fewest_vehicles: false,
        replicas: 1,
        patience: Some(PATIENCE),
        ..SearchLimits::default()
    };
    let mut record = SearchRecord { seed: job.seed, ..SearchRecord::default() };
    let regions = solve_each(job.regions, |draft| draft.finish(&outlook), limits, stop);
    for (_, _, solution) in &regions {
        record.rounds = record.rounds.max(solution.rounds);
        record.cost_before += solution.cost_before;
        record.cost_after += solution.cost;
    }
    SolveReport { id: job.id, regions, record }
}
