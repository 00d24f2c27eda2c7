//! A problem that was read from a file, with the file's own numbers and units.

use fleetfold_solver::{Problem, ProblemSpec, Solution, StopIx};

use crate::error::{ReadError, Spot};
use crate::names::Names;

/// A problem, and what its file calls the parts of it.
pub struct Instance {
    /// The problem for the solver.
    pub problem: Problem,
    /// For every stop, its number in the file.
    pub nodes: Vec<u64>,
    /// Length units of the solver in a length unit of the file.
    pub scale: f64,
    /// Price units of the solver in a unit that is shown: a length unit of the file, or a unit of money.
    pub unit: f64,
    /// What a VROOM solution repeats from the file; `None` for other formats.
    pub names: Option<Names>,
}

impl Instance {
    /// The routes that have stops, in the file's numbers.
    pub fn routes(&self, solution: &Solution) -> Vec<Vec<u64>> {
        let named = |tour: &Vec<StopIx>| tour.iter().map(|&stop| self.nodes[stop.index()]).collect();
        solution.tours.iter().filter(|tour| !tour.is_empty()).map(named).collect()
    }

    /// What a plan costs in the units that are shown, without the price of the stops that it leaves out.
    pub fn cost(&self, cost: i64, tours: &[Vec<StopIx>]) -> f64 {
        let mut served = vec![false; self.problem.stops().len()];
        for &stop in tours.iter().flatten() {
            served[stop.index()] = true;
        }
        // Leaving out a shipment is paid once: its pickup stands for both ends.
        let left = self.problem.stops().iter().zip(served).filter(|(stop, served)| !served && !stop.is_second_end());
        let left: i64 = left.map(|(stop, _)| stop.unserved).sum();
        (cost - left) as f64 / self.unit
    }

    /// The length of all routes in the file's units.
    pub fn distance(&self, solution: &Solution) -> f64 {
        let mut sum = 0i64;
        for (tour, sequence) in solution.tours.iter().enumerate().filter(|(_, sequence)| !sequence.is_empty()) {
            let spec = &self.problem.tours()[tour];
            let mut node = spec.start_node;
            let ends = spec.end_node.get();
            let stops = sequence.iter().map(|&stop| self.problem.stops()[stop.index()].node);
            for next in stops.chain(ends) {
                sum += i64::from(self.problem.legs().metres(node, next));
                node = next;
            }
        }
        sum as f64 / self.scale
    }

    /// The same problem with a plan to start from: one route a line, as numbers of the file.
    ///
    /// # Errors
    ///
    /// A word that is no number or no stop of this problem, with its line; more routes than vehicles; a stop that is served twice.
    pub fn start_from(mut self, text: &str) -> Result<Self, ReadError> {
        let stop_of: std::collections::BTreeMap<u64, StopIx> =
            self.nodes.iter().enumerate().map(|(stop, &node)| (node, StopIx(stop as u32))).collect();
        let mut tours = vec![Vec::new(); self.problem.tours().len()];
        let vehicles = tours.len();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (route, (line, words)) in lines.enumerate() {
            let more = || ReadError::impossible(None, format!("more routes than the {vehicles} vehicles there are"));
            let slot = tours.get_mut(route).ok_or_else(more)?;
            for word in words.split_whitespace() {
                let at = || Spot::Line(line + 1);
                let none = |_| ReadError::malformed(at(), format!("{word} is no node number"));
                let node: u64 = word.parse().map_err(none)?;
                let unknown = || ReadError::impossible(at(), format!("there is no node {node}"));
                let stop = stop_of.get(&node).ok_or_else(unknown)?;
                slot.push(*stop);
            }
        }
        self.problem = Problem::new(ProblemSpec { initial: tours, ..self.problem.into_spec() })?;
        Ok(self)
    }
}
