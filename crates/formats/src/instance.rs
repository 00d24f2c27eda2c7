//! A problem read from a file, and how to speak of it in the file's own words.

use fleetfold_solver::{Problem, Solution, StopIx};

/// A problem and its names.
pub struct Instance {
    /// What is asked of the search.
    pub problem: Problem,
    /// Stop → its number in the file.
    pub nodes: Vec<u64>,
    /// Length units per unit of the file.
    pub scale: f64,
    /// Price units per unit that is shown: of the file's lengths, or of money.
    pub unit: f64,
    /// What a VROOM solution must say beside.
    pub names: Option<crate::vroom::Names>,
}

impl Instance {
    /// Routes in the file's numbers.
    pub fn routes(&self, solution: &Solution) -> Vec<Vec<u64>> {
        let named = |tour: &Vec<StopIx>| tour.iter().map(|&stop| self.nodes[stop.index()]).collect();
        solution.tours.iter().filter(|tour| !tour.is_empty()).map(named).collect()
    }

    /// What a plan costs, beside what it leaves out, in the units that are shown.
    pub fn cost(&self, cost: i64, tours: &[Vec<StopIx>]) -> f64 {
        let mut served = vec![false; self.problem.stops().len()];
        for &stop in tours.iter().flatten() {
            served[stop.index()] = true;
        }
        // A shipment is left out once: its pickup stands for both ends.
        let left = self.problem.stops().iter().zip(served).filter(|(stop, served)| !served && !stop.is_second_end());
        let left: i64 = left.map(|(stop, _)| stop.unserved).sum();
        (cost - left) as f64 / self.unit
    }

    /// Length of all routes in the file's units.
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

    /// Starts from old routes: one per line, numbers of the file.
    ///
    /// # Errors
    ///
    /// A number that is none, or not of this problem, with its line; more routes than vehicles; a stop served twice.
    pub fn start_from(mut self, text: &str) -> Result<Self, String> {
        let stop_of: std::collections::BTreeMap<u64, StopIx> =
            self.nodes.iter().enumerate().map(|(stop, &node)| (node, StopIx(stop as u32))).collect();
        let mut tours = vec![Vec::new(); self.problem.tours().len()];
        let vehicles = tours.len();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (route, (line, words)) in lines.enumerate() {
            let slot =
                tours.get_mut(route).ok_or_else(|| format!("more routes than the {vehicles} vehicles there are"))?;
            for word in words.split_whitespace() {
                let node: u64 = word.parse().map_err(|_| format!("line {}: {word} is no node number", line + 1))?;
                let stop = stop_of.get(&node).ok_or_else(|| format!("line {}: there is no node {node}", line + 1))?;
                slot.push(*stop);
            }
        }
        self.problem = self.problem.with_initial(tours).map_err(|error| error.to_string())?;
        Ok(self)
    }
}
