//! `fleetfold import`: finds the files of a public recorded day and prints them in the day format; prints a plan of another program as facts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fleetfold_formats::days::{DpdpFiles, ImportError, ImportedDay, MdrpFiles, NamedText, Rules, dpdp, mdrp};
use fleetfold_formats::{PlanFile, TakenAt, TakenError, taken_from_table, taken_from_vroom};
use fleetfold_model::Timestamp;
use fleetfold_wire::instant_of;

use crate::args::{DayRules, Format, Import};
use crate::failure::Failure;

pub(crate) fn import(args: &Import) -> Result<ExitCode, Failure> {
    let rules = match args.rules {
        DayRules::Usual => Rules::Usual,
        DayRules::Published => Rules::Published,
    };
    let day = match args.format {
        Format::Mdrp => import_mdrp(&args.folder, rules)?,
        Format::Dpdp => import_dpdp(&args.folder, rules)?,
        Format::Plan => {
            if rules != Rules::Usual {
                return Err(Failure::new("--rules goes with a public recorded day", "leave it out for a plan"));
            }
            for line in import_plan(args)? {
                crate::out::say!("{line}");
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    for line in day.lines() {
        crate::out::say!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A file and its text.
struct TextFile {
    name: String,
    text: String,
}

impl TextFile {
    fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{name}: {error}"), "give the folder of one instance"))?;
        Ok(Self { name, text })
    }

    fn named(&self) -> NamedText<'_> {
        NamedText { name: &self.name, text: &self.text }
    }
}

/// The facts of a plan of another program.
fn import_plan(args: &Import) -> Result<Vec<String>, Failure> {
    let instant = |flag: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => instant_of(text).map(Some).ok_or_else(|| {
            Failure::new(format!("{flag}: `{text}` is no instant"), "write it as in 2026-06-01T14:00:00Z")
        }),
    };
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give the file of a plan"))
    };
    let now = instant("--now", &args.now)?.unwrap_or_else(crate::clock::wall);
    let midnight = Timestamp(now.0 - now.0.rem_euclid(24 * 3_600_000));
    let at = TakenAt { now, day_start: instant("--day-start", &args.day_start)?.unwrap_or(midnight) };
    let (name, text) = (args.folder.display().to_string(), read(&args.folder)?);
    let plan = PlanFile { name: &name, text: &text };
    let is_table = args.folder.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_table {
        if args.problem.is_some() {
            return Err(Failure::new("--problem goes with a plan in VROOM's JSON", "leave it out for a table"));
        }
        return Ok(taken_from_table(plan, at)?);
    }
    let problem = args.problem.as_ref().map(|path| Ok::<_, Failure>((path.display().to_string(), read(path)?)));
    let problem = problem.transpose()?;
    if problem.as_ref().is_some_and(|(_, text)| asks_for(text, "driving_time")) {
        eprintln!(
            "`driving_time` of the problem is not taken over, and nobody knows what drivers have driven before: where `vehicle.registered` adds \
             it, their hours begin anew"
        );
    }
    if calls_at_depots(&text) || problem.as_ref().is_some_and(|(_, text)| asks_for(text, "reload")) {
        eprintln!(
            "`reload` of the problem and calls at depots are not taken over: send `vehicle.registered` with `reload`, and the trips are planned anew"
        );
    }
    let problem = problem.as_ref().map(|(name, text)| PlanFile { name, text });
    Ok(taken_from_vroom(plan, problem, at)?)
}

/// True where a vehicle of a problem in VROOM's JSON has this rule.
fn asks_for(problem: &str, rule: &str) -> bool {
    let problem: Option<serde_json::Value> = serde_json::from_str(problem).ok();
    let vehicles = problem.as_ref().and_then(|problem| problem["vehicles"].as_array());
    vehicles.is_some_and(|vehicles| vehicles.iter().any(|vehicle| !vehicle[rule].is_null()))
}

/// True where a vehicle of a solution in VROOM's JSON calls at a depot.
fn calls_at_depots(solution: &str) -> bool {
    let solution: Option<serde_json::Value> = serde_json::from_str(solution).ok();
    let routes = solution.as_ref().and_then(|solution| solution["routes"].as_array());
    let mut steps = routes.into_iter().flatten().filter_map(|route| route["steps"].as_array()).flatten();
    steps.any(|step| step["type"] == "reload")
}

impl From<TakenError> for Failure {
    fn from(error: TakenError) -> Self {
        Self::new(error.to_string(), "docs/OPERATING.md says what is read, under \"Taking over a running day\"")
    }
}

fn import_mdrp(folder: &Path, rules: Rules) -> Result<ImportedDay, Failure> {
    let read = |file: &str| TextFile::read(&folder.join(file));
    let (parameters, restaurants) = (read("instance_parameters.txt")?, read("restaurants.txt")?);
    let (couriers, orders) = (read("couriers.txt")?, read("orders.txt")?);
    let files = MdrpFiles {
        instance: &instance_of(folder),
        parameters: parameters.named(),
        restaurants: restaurants.named(),
        couriers: couriers.named(),
        orders: orders.named(),
    };
    Ok(mdrp(&files, rules)?)
}

/// The tables of factories and of routes lie beside the folder of an instance, and so do the places where vehicles begin,
/// if there are any.
fn import_dpdp(folder: &Path, rules: Rules) -> Result<ImportedDay, Failure> {
    let beside = folder.parent().unwrap_or_else(|| Path::new("."));
    let instance = instance_of(folder);
    let starts = beside.join("events").join(format!("{instance}.jsonl"));
    let starts = if starts.exists() {
        TextFile::read(&starts)?
    } else {
        TextFile { name: starts.display().to_string(), text: String::new() }
    };
    let factories = TextFile::read(&beside.join("factory_info.csv"))?;
    let routes = TextFile::read(&beside.join("route_info.csv"))?;
    let vehicles = TextFile::read(&table_in(folder, true)?)?;
    let orders = TextFile::read(&table_in(folder, false)?)?;
    let files = DpdpFiles {
        instance: &instance,
        factories: factories.named(),
        routes: routes.named(),
        vehicles: vehicles.named(),
        orders: orders.named(),
        starts: starts.named(),
    };
    Ok(dpdp(&files, rules)?)
}

/// The last part of the folder's path.
fn instance_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The table of vehicles in an instance's folder, or the other one: their names end in numbers that differ.
fn table_in(folder: &Path, of_vehicles: bool) -> Result<PathBuf, Failure> {
    let mut tables: Vec<PathBuf> = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.extension().is_some_and(|extension| extension == "csv")
                && name.starts_with("vehicle_info") == of_vehicles
        })
        .collect();
    tables.sort();
    tables.into_iter().next().ok_or_else(|| {
        let what = if of_vehicles { "vehicle_info" } else { "orders" };
        Failure::new(format!("no {what} file in {}", folder.display()), "give a folder instance_N")
    })
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let hint = match &error {
            ImportError::Unknown { table, .. } => format!("keep the {table} of the same set"),
            ImportError::Empty { .. } | ImportError::Column { .. } => "give the folder of one instance".to_owned(),
            ImportError::Malformed { .. } | ImportError::Value { .. } => "mend the file, or fetch it again".to_owned(),
            ImportError::TooLarge { .. } => "split the instance".to_owned(),
        };
        Self::new(error.to_string(), hint)
    }
}
