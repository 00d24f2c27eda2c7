//! A drawing of routes, as SVG.

use std::fmt::Write;

use fleetfold_solver::{Legs, NodeIx, Solution, StopIx};

use crate::instance::Instance;

/// Width and height of the drawing, in pixels.
const SIDE: f64 = 1_000.0;
/// Width of the empty border, in pixels.
const MARGIN: f64 = 20.0;

/// A drawing of all routes, each in a hue of its own. `None` if the problem has no coordinates.
pub fn svg(instance: &Instance, solution: &Solution) -> Option<String> {
    let points = points(instance.problem.legs())?;
    let bound = |pick: fn(f64, f64) -> f64, axis: fn(&(f64, f64)) -> f64| points.iter().map(axis).reduce(pick);
    let (left, right) = (bound(f64::min, |p| p.0)?, bound(f64::max, |p| p.0)?);
    let (low, high) = (bound(f64::min, |p| p.1)?, bound(f64::max, |p| p.1)?);
    let scale = (SIDE - 2.0 * MARGIN) / (right - left).max(high - low).max(f64::MIN_POSITIVE);
    let at = |node: NodeIx| {
        let (x, y) = points[node.index()];
        (MARGIN + (x - left) * scale, SIDE - MARGIN - (y - low) * scale)
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {SIDE}\">\n<rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"#fff\"/>\n"
    );
    let used: Vec<(usize, &Vec<StopIx>)> =
        solution.tours.iter().enumerate().filter(|(_, tour)| !tour.is_empty()).collect();
    for (index, (tour, sequence)) in used.iter().enumerate() {
        let spec = &instance.problem.tours()[*tour];
        let mut path = String::new();
        let stops = sequence.iter().map(|&stop| instance.problem.stops()[stop.index()].node);
        let ends = spec.end_node.get();
        for node in std::iter::once(spec.start_node).chain(stops).chain(ends) {
            let (x, y) = at(node);
            let _ = write!(path, "{x:.1},{y:.1} "); // writing to a String cannot fail
        }
        // Hues that are a golden angle apart make neighbours in the list differ.
        let hue = (index as f64 * 137.508) % 360.0;
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"hsl({hue:.0},65%,42%)\" stroke-width=\"1.5\"/>",
            path.trim_end()
        );
    }
    for stop in instance.problem.stops() {
        let (x, y) = at(stop.node);
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"#333\"/>");
    }
    for (tour, _) in used.iter().take(1) {
        let (x, y) = at(instance.problem.tours()[*tour].start_node);
        let _ =
            writeln!(out, "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"#000\"/>", x - 5.0, y - 5.0);
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn points(legs: &Legs) -> Option<Vec<(f64, f64)>> {
    match legs {
        Legs::Plane { places, .. } => Some(places.clone()),
        Legs::Sphere { places, .. } => Some(places.iter().map(fleetfold_solver::SpherePlace::flat).collect()),
        Legs::Matrix(_) | Legs::Several(_) | Legs::Asked(_) | Legs::TimeDependent(_) => None,
    }
}
