//! Conditional values such as `no @ (Mo-Fr 07:00-19:00); destination @ (weight>7.5)`: what is said, and whether it holds for a
//! vehicle (OSM wiki, Conditional restrictions).

use super::measure::{Unit, measure};
use crate::profile::Dimensions;

/// Whether a condition holds for a vehicle. Nothing is known of the hour, the day and the weather of its trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// On every trip.
    Always,
    /// At some hours or on some days.
    Sometimes,
    /// On trips that begin or end there.
    ForDestinations,
    /// On no trip: it is about others, or about weather or dates of a year that a graph cannot know.
    Never,
}

/// The values of a conditional tag, each with whether its condition holds.
pub(crate) fn clauses<'t>(text: &'t str, dimensions: &Dimensions) -> Vec<(&'t str, Holds)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((value, after)) = rest.split_once('@') {
        let after = after.trim_start();
        let (condition, next) = if let Some(inside) = after.strip_prefix('(') {
            let (condition, next) = inside.split_once(')').unwrap_or((inside, ""));
            (condition, next.split_once(';').map_or("", |(_, next)| next))
        } else {
            after.split_once(';').unwrap_or((after, ""))
        };
        found.push((value.trim(), holds(condition, dimensions)));
        rest = next;
    }
    found
}

/// Whether a condition holds. Between semicolons, as opening hours have them, are alternatives.
fn holds(condition: &str, dimensions: &Dimensions) -> Holds {
    let alternatives: Vec<Holds> = condition.split(';').map(|one| all_hold(one, dimensions)).collect();
    [Holds::Always, Holds::ForDestinations, Holds::Sometimes]
        .into_iter()
        .find(|best| alternatives.contains(best))
        .unwrap_or(Holds::Never)
}

/// Whether all parts of a condition hold.
fn all_hold(condition: &str, dimensions: &Dimensions) -> Holds {
    let condition = condition.replace(" AND ", " and ");
    let parts: Vec<Holds> = condition.split(" and ").map(|part| part_holds(part.trim(), dimensions)).collect();
    [Holds::Never, Holds::Sometimes, Holds::ForDestinations]
        .into_iter()
        .find(|worst| parts.contains(worst))
        .unwrap_or(Holds::Always)
}

fn part_holds(part: &str, dimensions: &Dimensions) -> Holds {
    if let Some(at) = part.find(['<', '>', '=']) {
        return compared(part[..at].trim(), part[at..].trim(), dimensions);
    }
    let word = part.to_ascii_lowercase();
    match word.as_str() {
        "destination" | "delivery" | "customers" | "local" => return Holds::ForDestinations,
        "24/7" | "00:00-24:00" | "mo-su" | "mo-su 00:00-24:00" | "mo-su,ph 00:00-24:00" | "always" => {
            return Holds::Always;
        }
        _ => {}
    }
    let hours = word.contains(':') || DAYS.iter().any(|day| word.starts_with(day));
    let year = word.split(|c: char| !c.is_ascii_digit()).any(|number| number.len() == 4);
    if hours && !year { Holds::Sometimes } else { Holds::Never }
}

/// Beginnings of conditions that are about hours and days of the week.
const DAYS: [&str; 12] = ["mo", "tu", "we", "th", "fr", "sa", "su", "ph", "sh", "sunrise", "sunset", "dusk"];

/// Whether a comparison such as `weight` `>7.5` holds.
fn compared(what: &str, than: &str, dimensions: &Dimensions) -> Holds {
    let (mine, unit) = match what {
        "weight" | "maxweight" | "weightrating" | "maxweightrating" | "gross_weight" => {
            (dimensions.weight_kg, Unit::Kilograms)
        }
        "axleload" => (dimensions.axle_load_kg, Unit::Kilograms),
        "height" => (dimensions.height_cm, Unit::Centimetres),
        "width" => (dimensions.width_cm, Unit::Centimetres),
        "length" => (dimensions.length_cm, Unit::Centimetres),
        "axles" | "wheels" => return Holds::Sometimes,
        _ => return Holds::Never,
    };
    let number = than.trim_start_matches(['<', '>', '=']);
    let Some(than_number) = measure(number, unit) else { return Holds::Never };
    let true_of_mine = match than.len() - number.len() {
        2 if than.starts_with('>') => mine >= than_number,
        2 => mine <= than_number,
        _ if than.starts_with('>') => mine > than_number,
        _ if than.starts_with('<') => mine < than_number,
        _ => mine == than_number,
    };
    if true_of_mine { Holds::Always } else { Holds::Never }
}

#[cfg(test)]
mod tests {
    use super::{Holds, clauses};
    use crate::profile::Profile;

    #[test]
    fn conditions_are_told_apart() {
        let truck = Profile::Truck.dimensions();
        let cases = [
            ("no @ (Mo-Su 00:00-24:00)", vec![("no", Holds::Always)]),
            ("no @ (Mo-Fr 07:00-19:00)", vec![("no", Holds::Sometimes)]),
            ("no @ 22:00-06:00", vec![("no", Holds::Sometimes)]),
            ("no @ (weight>7.5)", vec![("no", Holds::Always)]),
            ("no @ (weight > 40)", vec![("no", Holds::Never)]),
            ("no @ (length>=12 m)", vec![("no", Holds::Always)]),
            (
                "no @ (Mo-Fr 07:00-09:00; Sa 10:00-12:00); yes @ snow",
                vec![("no", Holds::Sometimes), ("yes", Holds::Never)],
            ),
            ("no @ (weight>7.5; 22:00-06:00)", vec![("no", Holds::Always)]),
            ("no @ (weight>40; 22:00-06:00)", vec![("no", Holds::Sometimes)]),
            ("no @ (weight>7.5 AND Mo-Fr 07:00-19:00)", vec![("no", Holds::Sometimes)]),
            ("none @ destination", vec![("none", Holds::ForDestinations)]),
            ("no @ snow", vec![("no", Holds::Never)]),
            ("no @ (2024 Mar 01-2024 Apr 15)", vec![("no", Holds::Never)]),
            (
                "no @ (weight>3.5); yes @ (Mo-Fr 05:00-11:00); destination @ delivery",
                vec![("no", Holds::Always), ("yes", Holds::Sometimes), ("destination", Holds::ForDestinations)],
            ),
            ("no", vec![]),
            ("no @ (", vec![("no", Holds::Never)]),
        ];
        for (text, expected) in cases {
            assert_eq!(clauses(text, &truck), expected, "{text}");
        }
    }
}
