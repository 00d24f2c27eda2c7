//! A problem read from a file, and how to speak of it in the file's own words.

use fleetfold_solver::{Problem, Solution};

use crate::error::{ReadError, Spot};
use crate::names::Names;

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
    pub names: Option<Names>,
}

impl Instance {
    /// Routes in the file's numbers.
    pub fn routes(&self, solution: &Solution) -> Vec<Vec<u64>> {
        let named = |tour: &Vec<u32>| tour.iter().map(|&stop| self.nodes[stop as usize]).collect();
        solution.tours.iter().filter(|tour| !tour.is_empty()).map(named).collect()
    }

    /// What a plan costs, beside what it leaves out, in the units that are shown.
    pub fn cost(&self, cost: i64, tours: &[Vec<u32>]) -> f64 {
        let mut served = vec![false; self.problem.stops().len()];
        for &stop in tours.iter().flatten() {
            served[stop as usize] = true;
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
            let mut place = spec.start_place;
            let ends = (spec.end_place != fleetfold_solver::NONE).then_some(spec.end_place);
            let stops = sequence.iter().map(|&stop| self.problem.stops()[stop as usize].place);
            for next in stops.chain(ends) {
                sum += i64::from(self.problem.legs().metres(place, next));
                place = next;
            }
        }
        sum as f64 / self.scale
    }

    /// Starts from old routes: one per line, numbers of the file.
    ///
    /// # Errors
    ///
    /// A number that is none, or not of this problem, with its line; more routes than vehicles; a stop served twice.
    pub fn start_from(mut self, text: &str) -> Result<Self, ReadError> {
        let stop_of: std::collections::BTreeMap<u64, u32> =
            self.nodes.iter().enumerate().map(|(stop, &node)| (node, stop as u32)).collect();
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
        self.problem = self.problem.with_initial(tours)?;
        Ok(self)
    }
}
