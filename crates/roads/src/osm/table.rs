//! The tables of `docs/ROADS.md` about what is read of an extract, made from the values that the reader uses.

use std::fmt::Write as _;

use super::apart::{APART_METRES, GAP_METRES};
use super::speed::{CLASSES, NATIONAL, PUSHED_KMH, SHARE_OF_LIMIT, SLOWEST_KMH, UNLIMITED_KMH, WALK_KMH};
use crate::line::ACCESS_METRES_PER_SECOND;
use crate::profile::{Dimensions, Profile, SNAP_METRES};

/// Classes of roads, shares of limits, caps, sizes, the pace off the street and limits by country, as tables in Markdown.
pub fn tables() -> String {
    let mut text = String::from(
        "| `highway` | km/h without a limit | class | motor vehicles | bicycles |\n|---|---|---|---|---|\n",
    );
    for class in &CLASSES {
        let open = |open: bool| if open { "open" } else { "if named" };
        let name = ["motorway", "arterial", "street"][usize::from(class.importance)];
        let (motor, bike) = (open(class.motor), open(class.bike));
        let _ = writeln!(text, "| {} | {} | {name} | {motor} | {bike} |", class.highway, class.kmh);
    }
    text.push_str("\n| profile | at most, km/h | height, m | width, m | length, m | weight, t | axle load, t |\n|---|---|---|---|---|---|---|\n");
    for profile in Profile::ALL {
        let Dimensions { height_cm, width_cm, length_cm, weight_kg, axle_load_kg } = profile.dimensions();
        let sizes =
            [(height_cm, 100.0), (width_cm, 100.0), (length_cm, 100.0), (weight_kg, 1000.0), (axle_load_kg, 1000.0)];
        let sizes: Vec<String> = sizes
            .iter()
            .map(|&(size, whole)| if size == 0 { "any".to_owned() } else { (f64::from(size) / whole).to_string() })
            .collect();
        let _ = writeln!(text, "| {} | {} | {} |", profile.word(), profile.speed_max(), sizes.join(" | "));
    }
    let _ = write!(
        text,
        "\n| what | value |\n|---|---|\n\
         | share of a posted limit that motor vehicles drive | {SHARE_OF_LIMIT} |\n\
         | \"no limit\" (`none`), on motorways and trunk roads | {UNLIMITED_KMH} km/h |\n\
         | walking pace as a limit (`walk`) | {WALK_KMH} km/h |\n\
         | the slowest that anything drives | {SLOWEST_KMH} km/h |\n\
         | a bicycle that is pushed (`dismount`) | {PUSHED_KMH} km/h |\n\
         | pace between a place and its street | {ACCESS_METRES_PER_SECOND} m/s |\n\
         | most metres between a place and its street (`--snap-limit`) | {SNAP_METRES} m |\n\
         | streets without a connection are an error of the map if they are shorter in all | {APART_METRES} m |\n\
         | or if they come nearer to another street | {GAP_METRES} m |\n"
    );
    text.push_str("\n| country | limits by kind of road (`XX:urban`), km/h |\n|---|---|\n");
    for (at, &(country, ..)) in NATIONAL.iter().enumerate() {
        if NATIONAL[..at].iter().any(|&(before, ..)| before == country) {
            continue;
        }
        let limits: Vec<String> = NATIONAL
            .iter()
            .filter(|&&(of, ..)| of == country)
            .map(|&(_, kind, kmh)| format!("{kind} {kmh:.0}"))
            .collect();
        let name = if country.is_empty() { "any other".to_owned() } else { country.to_ascii_uppercase() };
        let _ = writeln!(text, "| {name} | {} |", limits.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_has_the_tables_of_the_code() {
        let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ROADS.md"));
        let tables =
            document.split("<!-- tables -->\n").nth(1).and_then(|rest| rest.split("<!-- end of tables -->").next());
        assert_eq!(
            tables,
            Some(super::tables().as_str()),
            "put this between the two marks of docs/ROADS.md:\n{}",
            super::tables()
        );
    }
}
