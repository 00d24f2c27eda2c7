//! Lengths and weights as people write them: `3.8`, `3,8 m`, `12'6"`, `7.5 t`, `16000 lbs` (OSM wiki, Map features/Units).

/// The unit that a value is wanted in. It also says whether a number without a unit is metres or tonnes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Centimetres,
    Kilograms,
}

/// A posted length or weight in a unit, rounded. `None`: no number, or `none` and the like.
pub(crate) fn measure(text: &str, unit: Unit) -> Option<u32> {
    // Primes are what feet and inches are written with in print.
    let text = text.trim().to_ascii_lowercase().replace('\u{2032}', "'").replace('\u{2033}', "\"");
    let found = match unit {
        Unit::Centimetres => length(&text),
        Unit::Kilograms => weight(&text),
    };
    found.filter(|value| value.is_finite() && (0.0..4e6).contains(value)).map(|value| value.round() as u32)
}

/// A number and the unit after it, without blanks. A comma is a decimal point if it stands alone.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).unwrap_or(text.len());
    let value = text[..end].replace(',', ".").parse().ok()?;
    Some((value, text[end..].trim()))
}

/// Centimetres.
fn length(text: &str) -> Option<f64> {
    const FOOT: f64 = 30.48;
    const INCH: f64 = 2.54;
    let (value, unit) = number(text)?;
    for foot in ["'", "feet", "foot", "ft", "\u{2019}"] {
        if let Some(inches) = unit.strip_prefix(foot) {
            let inches = inches.trim_start_matches(['-', ' ']);
            if inches.is_empty() {
                return Some(value * FOOT);
            }
            let (more, unit) = number(inches)?;
            let known = matches!(unit, "\"" | "''" | "in" | "inches" | "inch" | "\u{201d}" | "");
            return known.then_some(value * FOOT + more * INCH);
        }
    }
    match unit {
        "" | "m" | "metres" | "meters" | "metre" | "meter" => Some(value * 100.0),
        "cm" => Some(value),
        "\"" | "in" | "inches" => Some(value * INCH),
        _ => None,
    }
}

/// Kilograms.
fn weight(text: &str) -> Option<f64> {
    let (value, unit) = number(text)?;
    let kilograms = match unit {
        "" | "t" | "tonnes" | "tonne" | "tons" | "to" => 1_000.0,
        "kg" => 1.0,
        "lb" | "lbs" => 0.453_592_37,
        // Short tons, long tons and hundredweights.
        "st" => 907.184_74,
        "lt" => 1_016.046_908_8,
        "cwt" => 50.802_345_44,
        _ => return None,
    };
    Some(value * kilograms)
}

#[cfg(test)]
mod tests {
    use super::{Unit, measure};

    #[test]
    fn lengths_and_weights_are_read_in_all_spellings() {
        let lengths = [
            ("3.8", Some(380)),
            ("3.8 m", Some(380)),
            ("3,8m", Some(380)),
            ("4", Some(400)),
            ("12'6\"", Some(381)),
            ("12' 6\"", Some(381)),
            ("12'", Some(366)),
            ("11\u{2032}6\u{2033}", Some(351)),
            ("12 ft 6 in", Some(381)),
            ("12ft", Some(366)),
            ("6'-7\"", Some(201)),
            ("380 cm", Some(380)),
            ("none", None),
            ("default", None),
            ("3.8 miles", None),
            ("", None),
            ("-3", None),
        ];
        for (text, centimetres) in lengths {
            assert_eq!(measure(text, Unit::Centimetres), centimetres, "{text}");
        }
        let weights = [
            ("7.5", Some(7_500)),
            ("7.5 t", Some(7_500)),
            ("7,5t", Some(7_500)),
            ("3500 kg", Some(3_500)),
            ("16000 lbs", Some(7_257)),
            ("10 st", Some(9_072)),
            ("10 lt", Some(10_160)),
            ("unsigned", None),
        ];
        for (text, kilograms) in weights {
            assert_eq!(measure(text, Unit::Kilograms), kilograms, "{text}");
        }
    }
}
