//! Ways that a document does not bring: who is asked for them, and what his answers become.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::places::{Location, is_on_globe};
use super::polyline::encode_polyline;
use super::prices::TABLE_NODES_MAX;
use super::shapes::{Matrices, Rows};
use crate::error::ReadError;
use crate::instance::Repairs;
use crate::names::Names;

/// Seconds and metres of a way; `None` where there is none.
pub type Way = Option<(u32, u32)>;

/// A number of a matrix that says that there is no way.
pub(super) const NO_WAY: u32 = u32::MAX;

/// Knows streets: a graph, or routing servers. Profiles are those of the vehicles, places are longitudes and latitudes.
pub trait Streets: Sync {
    /// The way from each place to each, row by row.
    ///
    /// # Errors
    ///
    /// Why there is no answer, in words.
    fn table(&self, profile: &str, places: &[[f64; 2]]) -> Result<Vec<Way>, String>;

    /// The line that is driven through these places in this order.
    ///
    /// # Errors
    ///
    /// Why there is no answer, in words.
    fn shape(&self, profile: &str, places: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, String>;
}

/// The matrices of a document, by profile; some are asked for.
pub(super) struct Tables {
    pub(super) given: BTreeMap<String, Matrices>,
    /// Profiles whose matrices have a row for each node instead of one for each index of the document.
    pub(super) by_node: Vec<String>,
}

impl Tables {
    pub(super) fn has_rows_by_node(&self, profile: &str) -> bool {
        self.by_node.iter().any(|known| known == profile)
    }

    /// Asks for the matrices of profiles that have none, and, with `lengths`, for distances where a profile has durations only and all
    /// places have coordinates. Places that no way leads to or from are warned of.
    pub(super) fn ask(
        &mut self,
        streets: &dyn Streets,
        lengths: bool,
        profiles: &[&str],
        places: &[Location],
        repairs: &mut Repairs,
    ) -> Result<(), ReadError> {
        let on_globe = |place: &Location| place.point.filter(|&point| is_on_globe(point));
        let points: Option<Vec<[f64; 2]>> = places.iter().map(on_globe).collect();
        for &profile in profiles {
            let rows =
                self.given.get(profile).map(|own| (own.durations.as_ref().map(Vec::len), own.distances.is_some()));
            let lacks_lengths = matches!(rows, Some((_, false)));
            if rows.is_some() && !(lengths && lacks_lengths && points.is_some()) {
                continue;
            }
            let Some(points) = &points else {
                let what =
                    format!("profile {profile} has no matrix: every place needs a location, longitude and latitude");
                return Err(ReadError::malformed(None, what));
            };
            let count = points.len();
            if count > TABLE_NODES_MAX {
                let what = "places between which ways are asked for";
                return Err(ReadError::TooLarge { what, count, most: TABLE_NODES_MAX });
            }
            let ways = streets
                .table(profile, points)
                .map_err(|what| ReadError::Routing { what: format!("ways of profile {profile}: {what}") })?;
            if ways.len() != count * count {
                let what = format!("ways of profile {profile}: {} for {count} places", ways.len());
                return Err(ReadError::Routing { what });
            }
            if let Some((Some(rows), _)) = rows {
                let mut distances: Rows = vec![vec![0; rows]; rows];
                let index: Vec<usize> = places.iter().map(|place| place.index.unwrap_or(0)).collect();
                for (from, ways) in index.iter().zip(ways.chunks(count)) {
                    for (to, way) in index.iter().zip(ways) {
                        distances[*from][*to] = way.map_or(0, |(_, metres)| metres);
                    }
                }
                self.given.entry(profile.to_owned()).or_default().distances = Some(distances);
                continue;
            }
            warn_of_lonely(profile, points, &ways, repairs)?;
            let rows = |number: fn((u32, u32)) -> u32| -> Rows {
                ways.chunks(count).map(|row| row.iter().map(|way| way.map_or(NO_WAY, number)).collect()).collect()
            };
            let (durations, distances) = (rows(|way| way.0), rows(|way| way.1));
            let own = Matrices { durations: Some(durations), distances: Some(distances), ..Matrices::default() };
            self.given.insert(profile.to_owned(), own);
            self.by_node.push(profile.to_owned());
        }
        Ok(())
    }
}

fn warn_of_lonely(profile: &str, points: &[[f64; 2]], ways: &[Way], repairs: &mut Repairs) -> Result<(), ReadError> {
    let count = points.len();
    for (index, [lon, lat]) in points.iter().enumerate() {
        let others = || (0..count).filter(move |&other| other != index);
        let none_to = others().all(|from| ways[from * count + index].is_none());
        let none_from = others().all(|to| ways[index * count + to].is_none());
        if count > 1 && (none_to || none_from) {
            let way = if none_to { "to" } else { "from" };
            repairs
                .add(None, format!("no way of profile {profile} leads {way} [{lon}, {lat}]: no street is near it"))?;
        }
    }
    Ok(())
}

/// Puts into each route of a solution the line that its vehicle drives: `geometry`. A route through a place without coordinates has
/// none.
///
/// # Errors
///
/// Why there is no line.
pub fn add_geometry(solution: &mut Value, names: &Names, streets: &dyn Streets) -> Result<(), ReadError> {
    for route in solution["routes"].as_array_mut().into_iter().flatten() {
        let vehicle = route["vehicle"].as_u64();
        let known = names.vehicles.iter().find(|known| Some(known.id) == vehicle);
        let Some(profile) = known.map(|known| known.profile.as_str()) else { continue };
        let steps = route["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        // Breaks have no place, and to what is served on foot the vehicle does not drive.
        let stands = steps.iter().filter(|step| step["type"] != "break" && step["on_foot"] != true);
        let point = |step: &Value| Some([step["location"][0].as_f64()?, step["location"][1].as_f64()?]);
        let Some(places) = stands.map(point).collect::<Option<Vec<[f64; 2]>>>() else { continue };
        if !places.iter().copied().all(is_on_globe) {
            continue;
        }
        let line = streets
            .shape(profile, &places)
            .map_err(|what| ReadError::Routing { what: format!("the way of vehicle {}: {what}", route["vehicle"]) })?;
        route["geometry"] = json!(encode_polyline(&line));
    }
    Ok(())
}
