//! Single values of a payload: ids, times, spans, amounts, places, loads. Each becomes legal here or is refused with its field.

use fleetfold_model::{Load, Millis, Name, Position, TimeWindow, Timestamp};

use crate::decode::{Result, bad};
use crate::event_v1::{PlaceV1, WindowV1};
use crate::instants;

/// Longest service or set-up: a day. Longer is a mistake of units.
pub(crate) const SPAN_SECONDS_MAX: f64 = 86_400.0;
/// Most skills of an order or a vehicle.
const SKILLS_MAX: usize = 32;
/// Most digits of a fraction of a second that are read; RFC 3339 allows any number, and only milliseconds are kept.
const FRACTION_DIGITS: usize = 9;

/// Characters that cannot be seen, or that turn the text around them: the default-ignorable code points of Unicode 16
/// (DerivedCoreProperties, `Default_Ignorable_Code_Point`) and the marks of interlinear annotation. Two ids that look alike
/// must be alike.
const INVISIBLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

pub(crate) fn name(field: &str, text: &str) -> Result<Name> {
    let invisible = |c: char| INVISIBLE.iter().any(|&(first, last)| (first..=last).contains(&c));
    // Every character of INVISIBLE is beyond ASCII.
    Name::new(text).filter(|_| text.is_ascii() || !text.chars().any(invisible)).map_or_else(
        || {
            let shown = text.escape_debug().take(80).collect::<String>();
            bad(field, format!("an id has 1 to {} visible characters, which \"{shown}\" has not", Name::CHARS_MAX))
        },
        Ok,
    )
}

pub(crate) fn instant(field: &str, text: &str) -> Result<Timestamp> {
    let by_library = |text: &str| text.parse().ok().map(|at: jiff::Timestamp| Timestamp(at.as_millisecond()));
    instants::read(text).or_else(|| by_library(text)).or_else(|| by_library(&short_fraction(text)?)).map_or_else(
        || {
            let shown: String = text.chars().take(80).collect();
            bad(field, format!("`{shown}` is not an RFC 3339 time such as 2026-06-01T08:30:00Z"))
        },
        Ok,
    )
}

/// The time with its fraction of a second cut to [`FRACTION_DIGITS`]; `None` when it is not longer than that.
fn short_fraction(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.')?;
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    (digits > FRACTION_DIGITS).then(|| format!("{whole}.{}{}", &fraction[..FRACTION_DIGITS], &fraction[digits..]))
}

/// The instant that an RFC 3339 text names, to the millisecond; `None`: it is none.
pub fn instant_of(text: &str) -> Option<Timestamp> {
    instant("time", text).ok()
}

pub(crate) fn optional_instant(field: &str, text: Option<&String>) -> Result<Option<Timestamp>> {
    text.map(|text| instant(field, text)).transpose()
}

/// A number of a payload in an error: short, however large it is or however many digits it has.
pub(crate) struct Shown(pub(crate) f64);

/// Most characters of a number that is shown as it stands.
const NUMBER_CHARS: usize = 16;

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(value) = *self;
        let plain = format!("{value}");
        if plain.len() <= NUMBER_CHARS {
            return f.write_str(&plain);
        }
        let exact = format!("{value:e}");
        if exact.len() <= NUMBER_CHARS { f.write_str(&exact) } else { write!(f, "about {value:.3e}") }
    }
}

pub(crate) fn seconds(field: &str, seconds: f64) -> Result<Millis> {
    if seconds.is_finite() && (0.0..=SPAN_SECONDS_MAX).contains(&seconds) {
        Ok(Millis((seconds * 1000.0).round() as i64))
    } else {
        bad(field, format!("{} is not between 0 and {SPAN_SECONDS_MAX} seconds", Shown(seconds)))
    }
}

pub(crate) fn money(field: &str, amount: f64) -> Result<i64> {
    if amount.is_finite() && (0.0..=1e9).contains(&amount) {
        Ok((amount * 1e6).round() as i64)
    } else {
        bad(field, format!("{} is not an amount between 0 and a thousand million", Shown(amount)))
    }
}

pub(crate) fn priority(priority: u8) -> Result<u8> {
    if priority <= 100 { Ok(priority) } else { bad("priority", format!("{priority} is not between 0 and 100")) }
}

pub(crate) fn place(field: &str, place: &PlaceV1) -> Result<Position> {
    match (place.lon, place.lat, place.x_meters, place.y_meters) {
        (Some(lon), Some(lat), None, None) => {
            if !(lon.is_finite() && lat.is_finite() && lon.abs() <= 180.0 && lat.abs() <= 90.0) {
                let (lon, lat) = (Shown(lon), Shown(lat));
                return bad(field, format!("lon {lon}, lat {lat} is no place on earth (lon first, both in degrees)"));
            }
            Ok(Position { x: (lon * 1e7).round() as i32, y: (lat * 1e7).round() as i32 })
        }
        (None, None, Some(x), Some(y)) => {
            if !(x.is_finite() && y.is_finite() && x.abs() <= 2e6 && y.abs() <= 2e6) {
                let (x, y) = (Shown(x), Shown(y));
                return bad(field, format!("x {x}, y {y} metres: at most 2,000 km from the origin"));
            }
            Ok(Position { x: (x * 1000.0).round() as i32, y: (y * 1000.0).round() as i32 })
        }
        _ => bad(field, "a place is `lon` and `lat` in degrees, or `x_meters` and `y_meters`"),
    }
}

pub(crate) fn load(field: &str, values: &[f64], default: i32) -> Result<Load> {
    let mut load = [default; 4];
    if values.len() > load.len() {
        return bad(field, format!("{} dimensions; at most {}", values.len(), load.len()));
    }
    for (slot, &value) in load.iter_mut().zip(values) {
        if !(value.is_finite() && (0.0..=500_000.0).contains(&value)) {
            return bad(field, format!("{} is not between 0 and 500,000", Shown(value)));
        }
        *slot = (value * 1000.0).round() as i32;
    }
    Ok(Load(load))
}

pub(crate) fn skills(names: &[String]) -> Result<Vec<Name>> {
    if names.len() > SKILLS_MAX {
        return bad("skills", format!("{} skills; at most {SKILLS_MAX}", names.len()));
    }
    names.iter().map(|skill| name("skills", skill)).collect()
}

pub(crate) fn window(field: &str, raw: &WindowV1) -> Result<TimeWindow> {
    let (opens, closes) = (instant(field, &raw.opens)?, instant(field, &raw.closes)?);
    TimeWindow::new(opens, closes)
        .map_or_else(|| bad(field, format!("the window closes ({}) before it opens ({})", raw.closes, raw.opens)), Ok)
}
