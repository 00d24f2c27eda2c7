//! `fleetfold backtest --policy A --policy B`: what each policy would have made of the same day, with several seeds of the drivers, and
//! how sure the difference is.

use std::fmt::Write as _;
use std::path::Path;

use fleetfold_model::{Event, Policy, Timestamp};
use fleetfold_sim::{Loop, Report};
use fleetfold_wire::{What, decode, encode};
use serde::Serialize;

use crate::failure::Failure;

/// A policy and its name: the file without folder and ending, or `day` for the day's own.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) policy: Policy,
}

/// Reads a policy from TOML: the fields of `fleet.policy.changed`, on top of the policy of the day.
///
/// # Errors
///
/// What is wrong with it, and in which line.
pub(crate) fn read(path: &Path, of_day: &Policy) -> Result<Named, Failure> {
    let at = |what: String, hint: &str| Failure::new(format!("{}{what}", path.display()), hint.to_owned());
    let text = std::fs::read_to_string(path)
        .map_err(|error| at(format!(": {error}"), "give the path of a file with the fields of a policy as TOML"))?;
    let policy = parse(&text, of_day).map_err(|(line, what)| {
        let line = line.map_or(String::new(), |line| format!(", line {line}"));
        at(format!("{line}: {what}"), "docs/EVENTS.md lists the fields of a policy (fleet.policy.changed)")
    })?;
    let name = path.file_stem().map_or_else(|| "policy".to_owned(), |stem| stem.to_string_lossy().into_owned());
    Ok(Named { name, policy })
}

/// The policy of a file's text; `Err`: the line where something is wrong, if it can be said, and what.
pub(crate) fn parse(text: &str, of_day: &Policy) -> Result<Policy, (Option<usize>, String)> {
    let line_of = |offset: usize| 1 + text[..offset.min(text.len())].matches('\n').count();
    let given: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(span.start));
        (Some(line), error.message().to_owned())
    })?;
    let mut event =
        encode(&Event::PolicyChanged(of_day.clone()), fleetfold_model::Space::Geographic, "/policy", "1", Timestamp(0));
    if let Some(data) = event.data.as_object_mut() {
        for (field, value) in &given {
            // JSON has no such numbers: they would be read as if nothing were there.
            if let Some(name) = not_a_number(field, value) {
                return Err((line_that_is_meant(text, &name), format!("field {name} is no number that can be used")));
            }
            let value = serde_json::to_value(value).map_err(|error| (None, format!("`{field}`: {error}")))?;
            data.insert(field.clone(), value);
        }
    }
    let decoded = decode(&event.to_bytes()).and_then(fleetfold_wire::Decoded::strict).map_err(|error| {
        let said = error.to_string().replace(" (this zone's policy is strict)", "");
        (line_that_is_meant(text, &said), said)
    })?;
    let What::Event(Event::PolicyChanged(policy)) = decoded.what else { return Err((None, "no policy".to_owned())) };
    Ok(policy)
}

/// The name of a field, or of one in it, whose number is infinite or none.
fn not_a_number(name: &str, value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::Float(number) => (!number.is_finite()).then(|| name.to_owned()),
        toml::Value::Array(list) => list.iter().find_map(|value| not_a_number(name, value)),
        toml::Value::Table(table) => {
            table.iter().find_map(|(key, value)| not_a_number(&format!("{name}.{key}"), value))
        }
        toml::Value::String(_) | toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Datetime(_) => None,
    }
}

/// The line of the field that an error names: of all that its words name the one that comes first in them, and of those the innermost.
fn line_that_is_meant(text: &str, said: &str) -> Option<usize> {
    let mut table = String::new();
    let mut meant: Option<((usize, std::cmp::Reverse<usize>), usize)> = None;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        // A field in a table is named with the table or beside it.
        let (at, length) = if let Some(header) = line.strip_prefix('[') {
            header.trim_matches(['[', ']', ' ']).clone_into(&mut table);
            (said.find(&table), table.len())
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = key.trim().trim_matches('"');
            let at = said.find(key).and_then(|at| if table.is_empty() { Some(at) } else { said.find(&table) });
            (at, table.len() + key.len())
        } else {
            continue;
        };
        let Some(at) = at.filter(|_| length > 0) else { continue };
        let found = (at, std::cmp::Reverse(length));
        if meant.is_none_or(|(before, _)| found < before) {
            meant = Some((found, number));
        }
    }
    meant.map(|(_, line)| line)
}

/// One figure of a run: its name, its unit, how it is read from a report, and with how many decimals it is shown.
struct Figure {
    name: &'static str,
    unit: &'static str,
    of: fn(&Report) -> f64,
    places: usize,
    /// It is the policy's doing in this loop only; `None`: in both.
    only: Option<Loop>,
}

const FIGURES: [Figure; 16] = [
    Figure { name: "served", unit: "orders", of: |report| report.served as f64, places: 1, only: Some(Loop::Closed) },
    Figure {
        name: "not served",
        unit: "orders",
        of: |report| report.unserved as f64,
        places: 1,
        only: Some(Loop::Closed),
    },
    Figure {
        name: "on time",
        unit: "%",
        of: |report| report.on_time_share * 100.0,
        places: 2,
        only: Some(Loop::Closed),
    },
    Figure {
        name: "lateness, mean",
        unit: "s",
        of: |report| report.lateness_seconds_mean,
        places: 1,
        only: Some(Loop::Closed),
    },
    Figure {
        name: "click to door, mean",
        unit: "min",
        of: |report| report.click_to_door_minutes_mean,
        places: 2,
        only: Some(Loop::Closed),
    },
    Figure {
        name: "ready to pickup, mean",
        unit: "min",
        of: |report| report.ready_to_pickup_minutes_mean,
        places: 2,
        only: Some(Loop::Closed),
    },
    Figure {
        name: "driven",
        unit: "km",
        of: |report| report.distance_meters as f64 / 1000.0,
        places: 1,
        only: Some(Loop::Closed),
    },
    Figure {
        name: "vehicle changes per order",
        unit: "",
        of: |report| report.changes_per_order,
        places: 3,
        only: None,
    },
    Figure {
        name: "routes changed by searches",
        unit: "",
        of: |report| report.calm.unwrap_or_default().search_changes as f64,
        places: 1,
        only: None,
    },
    Figure {
        name: "next stops changed under 5 min",
        unit: "",
        of: |report| report.calm.unwrap_or_default().next_stop_changes_short as f64,
        places: 1,
        only: None,
    },
    Figure {
        name: "accepted stops taken away",
        unit: "",
        of: |report| report.calm.unwrap_or_default().accepted_taken as f64,
        places: 1,
        only: None,
    },
    Figure {
        name: "stops that drivers went to",
        unit: "",
        of: |report| report.beside.unwrap_or_default().stops as f64,
        places: 0,
        only: Some(Loop::Open),
    },
    Figure {
        name: "  next on the route then",
        unit: "",
        of: |report| report.beside.unwrap_or_default().same_next as f64,
        places: 0,
        only: Some(Loop::Open),
    },
    Figure {
        name: "  on the vehicle's route then",
        unit: "",
        of: |report| report.beside.unwrap_or_default().same_vehicle as f64,
        places: 0,
        only: Some(Loop::Open),
    },
    Figure {
        name: "orders ever without a place",
        unit: "",
        of: |report| report.beside.unwrap_or_default().without_place as f64,
        places: 0,
        only: Some(Loop::Open),
    },
    Figure { name: "answer, p99 (log time)", unit: "s", of: |report| report.answer_seconds_p99, places: 3, only: None },
];

/// Two-sided 95 % quantiles of Student's distribution by degrees of freedom, from 1; beyond them the normal one's is near enough.
const T_95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// A mean and the half width of its 95 % confidence interval; `None`: of one value nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Mean {
    mean: f64,
    half_width: Option<f64>,
}

fn mean(values: &[f64]) -> Mean {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let half_width = (values.len() > 1).then(|| {
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = T_95.get(values.len() - 2).copied().unwrap_or(1.96);
        t * (variance / n).sqrt()
    });
    Mean { mean, half_width }
}

/// What each policy made of the day: one report a seed.
#[derive(Serialize)]
pub(crate) struct Compared {
    pub(crate) day: String,
    /// Who drove.
    #[serde(rename = "loop")]
    pub(crate) driven_by: Loop,
    pub(crate) seeds: Vec<u64>,
    pub(crate) policies: Vec<Ran>,
}

#[derive(Serialize)]
pub(crate) struct Ran {
    pub(crate) policy: String,
    /// In the order of the seeds.
    pub(crate) reports: Vec<Report>,
}

/// A figure of one policy: its mean, and its difference from the first policy's, seed by seed.
struct Cell {
    mean: Mean,
    difference: Option<Mean>,
}

impl Compared {
    /// The figures that say something of the policies.
    fn figures(&self) -> impl Iterator<Item = &'static Figure> {
        let driven_by = self.driven_by;
        FIGURES.iter().filter(move |figure| figure.only.is_none_or(|only| only == driven_by))
    }

    fn cells<'a>(&'a self, figure: &'a Figure) -> impl Iterator<Item = Cell> + 'a {
        let values = |ran: &Ran| ran.reports.iter().map(figure.of).collect::<Vec<f64>>();
        let first = values(&self.policies[0]);
        self.policies.iter().enumerate().map(move |(index, ran)| {
            let own = values(ran);
            let differences: Vec<f64> = own.iter().zip(&first).map(|(own, first)| own - first).collect();
            Cell { mean: mean(&own), difference: (index > 0).then(|| mean(&differences)) }
        })
    }

    /// The figures side by side. A difference with a star is none of chance, as far as these seeds tell.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("  {:<34}", "");
        for ran in &self.policies {
            let _ = write!(text, "{:>26}", ran.policy.chars().take(24).collect::<String>());
        }
        text.push('\n');
        for figure in self.figures() {
            let unit = if figure.unit.is_empty() { String::new() } else { format!(", {}", figure.unit) };
            let _ = write!(text, "  {:<34}", format!("{}{unit}", figure.name));
            for cell in self.cells(figure) {
                let said = match cell.difference {
                    None => said(cell.mean, figure.places),
                    Some(difference) => {
                        format!("{:.*} ({})", figure.places, cell.mean.mean, by(difference, figure.places))
                    }
                };
                let _ = write!(text, "{said:>26}");
            }
            text.push('\n');
        }
        let first = &self.policies[0].policy;
        let _ = match self.seeds.len() {
            1 => writeln!(
                text,
                "  loop {};\n  one run each; in brackets the difference from `{first}`",
                self.driven_by.words()
            ),
            seeds => writeln!(
                text,
                "  loop {};\n  {seeds} seeds of the drivers; ± half of the 95 % confidence interval; in brackets the difference from `{first}`, seed by seed; * beyond chance",
                self.driven_by.words(),
            ),
        };
        text
    }

    /// What the runs of the page differ in, and what its figures are.
    fn runs(&self) -> String {
        let first = escaped(&self.policies[0].policy);
        match self.seeds.len() {
            1 => format!("one run each. Below a figure the difference from <b>{first}</b>."),
            seeds => format!(
                "{seeds} seeds of the drivers. ± is half of the 95 % confidence interval of the mean. Below it the difference from <b>{first}</b>, seed \
                 by seed; * beyond chance. Each dot is a run, the line their mean, all policies of a row on one scale."
            ),
        }
    }

    /// A page that needs nothing but itself.
    pub(crate) fn page(&self) -> String {
        let mut rows = String::new();
        for figure in self.figures() {
            let values: Vec<Vec<f64>> =
                self.policies.iter().map(|ran| ran.reports.iter().map(figure.of).collect()).collect();
            let _ = write!(rows, "<tr><th>{}<br><small>{}</small></th>", figure.name, figure.unit);
            for (cell, own) in self.cells(figure).zip(&values) {
                let small = |difference| format!("<br><small>{}</small>", by(difference, figure.places));
                let difference = cell.difference.map_or(String::new(), small);
                let _ = write!(rows, "<td>{}{difference}{}</td>", said(cell.mean, figure.places), dots(own, &values));
            }
            rows.push_str("</tr>\n");
        }
        let heads =
            self.policies.iter().fold(String::new(), |heads, ran| heads + "<th>" + &escaped(&ran.policy) + "</th>");
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{day}: policies</title><style>\
             body{{font:14px system-ui,sans-serif;margin:2em;color:#1b1f24}}table{{border-collapse:collapse}}\
             th,td{{border:1px solid #d5d9de;padding:6px 10px;text-align:left;vertical-align:top;font-variant-numeric:tabular-nums}}\
             svg{{display:block;margin-top:4px}}small{{color:#59616b}}</style>\
             <h1>{day}</h1><p>{n} policies (fleetfold {version}). Loop {driven_by}; {runs}</p>\
             <table><tr><th></th>{heads}</tr>\n{rows}</table></html>\n",
            day = escaped(&self.day),
            n = self.policies.len(),
            driven_by = self.driven_by.words(),
            version = env!("CARGO_PKG_VERSION"),
            runs = self.runs(),
        )
    }
}

fn said(mean: Mean, places: usize) -> String {
    let half = mean.half_width.map_or(String::new(), |half| format!(" ± {half:.places$}"));
    format!("{:.places$}{half}", mean.mean)
}

fn by(difference: Mean, places: usize) -> String {
    let beyond_chance = difference.half_width.is_some_and(|half| difference.mean.abs() > half);
    let star = if beyond_chance { " *" } else { "" };
    let half = difference.half_width.map_or(String::new(), |half| format!(" ± {half:.places$}"));
    format!("{:+.places$}{half}{star}", difference.mean)
}

/// The runs of one policy on the scale of all.
fn dots(own: &[f64], all: &[Vec<f64>]) -> String {
    let every = || all.iter().flatten().copied();
    let (least, most) = (every().fold(f64::INFINITY, f64::min), every().fold(f64::NEG_INFINITY, f64::max));
    let x = |value: f64| 10.0 + 160.0 * (value - least) / (most - least).max(f64::MIN_POSITIVE);
    let mut text = "<svg width=\"180\" height=\"18\" role=\"img\"><line x1=\"10\" x2=\"170\" y1=\"9\" y2=\"9\" stroke=\"#d5d9de\"/>".to_owned();
    for &value in own {
        let _ =
            write!(text, "<circle cx=\"{:.1}\" cy=\"9\" r=\"3.5\" fill=\"#0072b2\" fill-opacity=\"0.5\"/>", x(value));
    }
    let middle = x(own.iter().sum::<f64>() / own.len() as f64);
    let _ = write!(
        text,
        "<line x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"2\" y2=\"16\" stroke=\"#d55e00\" stroke-width=\"2\"/></svg>"
    );
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use fleetfold_model::Policy;

    use super::{Mean, by, mean, parse};

    #[test]
    fn a_mistake_is_told_with_its_line_in_tables_too() {
        for (text, line, word) in [
            ("change_cost = 1\nchange_kost = 2\n", 2, "change_kost"),
            ("# x\n\n[polcy]\nchange_cost = 1\n", 3, "polcy"),
            ("# x\n[hour_percent]\nstreet = [100]\n", 3, "hour_percent"),
            ("learn = true\nchange_cost = nan\n", 2, "change_cost"),
            ("lateness_cost_per_hour = inf\n", 1, "lateness_cost_per_hour"),
            ("change_cost = \n", 1, ""),
        ] {
            let (at, what) = parse(text, &Policy::default()).unwrap_err();
            assert_eq!(at, Some(line), "{text}: {what}");
            assert!(what.contains(word), "{text}: {what}");
        }
        assert_eq!(parse("change_cost = 2\n", &Policy::default()).unwrap().change_cost, 2_000_000);
    }

    /// Against a table: 4.5, 5.1, 4.9, 5.5 have mean 5 and standard deviation 0.4163; t of 3 degrees of freedom is 3.182.
    #[test]
    fn an_interval_is_that_of_students_distribution() {
        let Mean { mean: middle, half_width } = mean(&[4.5, 5.1, 4.9, 5.5]);
        assert!((middle - 5.0).abs() < 1e-9 && (half_width.unwrap() - 0.6624).abs() < 1e-3, "{half_width:?}");
        assert_eq!(mean(&[7.0]), Mean { mean: 7.0, half_width: None });
    }

    #[test]
    fn a_difference_is_starred_where_its_interval_leaves_out_nothing() {
        assert_eq!(by(Mean { mean: -2.0, half_width: Some(1.5) }, 1), "-2.0 ± 1.5 *");
        assert_eq!(by(Mean { mean: 2.0, half_width: Some(2.5) }, 1), "+2.0 ± 2.5");
        assert_eq!(by(Mean { mean: 2.0, half_width: None }, 1), "+2.0");
    }
}
