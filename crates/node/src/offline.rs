//! Commands that need no log: replay, backtest, sim.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use fleetfold_fleet::Fleet;
use fleetfold_journal::own_message;
use fleetfold_model::{Event, FORMAT, Space};
use fleetfold_sim::{Driving, Loop, Outcome, Report, Scenario, Traffic, city, script, simulate};
use fleetfold_wire::{DAY_FORMAT, DayFooter, DayHeader, DayLine, encode, network_to_json};
use rayon::prelude::*;

use crate::args::{Backtest, DrivenBy, Learn, Replay, Sim};
use crate::days;
use crate::demo::bar;
use crate::failure::Failure;
use crate::policies::{self, Compared, Named, Ran};
use crate::verify::Verify;

/// An event of a day that is played: log time, id, event.
type Played = (fleetfold_model::Timestamp, u64, Event);

fn show(report: &Report, json: bool) {
    if json {
        crate::out::say!("{}", serde_json::to_string_pretty(report).unwrap_or_default());
    } else {
        crate::out::write_out(format_args!("{}", report.table()));
    }
}

/// Folds a recorded day again. Compares with the digests that the live engine wrote into its plans, then with the footer.
pub(crate) fn replay(args: &Replay) -> Result<ExitCode, Failure> {
    let day = days::read(&args.day)?;
    let Some(footer) = &day.footer else {
        day.is_whole(&args.day)?;
        return Err(Failure::new(
            "this day was not recorded from a log: it has no digest",
            "use `fleetfold backtest`, or record one with `fleetfold record`",
        ));
    };
    let (mut fleet, mut tally) = day.beginning()?;
    let mut verify = Verify::from(&fleet);
    for entry in &day.entries {
        let change = fleet.apply(entry);
        tally.observe(entry, &change, &fleet);
        verify.folded(entry, &change, &fleet);
    }
    show(&Report::new(&tally, fleet.digest(), fleet.facts_digest()), args.json);
    let found = verify.result();
    if let Some(mismatch) = &found.mismatch {
        return Err(Failure::new(mismatch.to_string(), DIFFERENT));
    }
    if let Some(gap) = verify.gaps(false).first() {
        return Err(Failure::new(
            format!("LOG_GAP: plans are missing from this day {gap}: it is not what happened"),
            "record it anew from a log that has them",
        ));
    }
    eprintln!("{} plans were made from the digests that this replay has", found.compared);
    if found.other_format > 0 {
        eprintln!("{} plans of another format: their digests cannot be compared", found.other_format);
    }
    let digest = format!("{:016x}", fleet.digest());
    if footer.format == 0 || footer.format > FORMAT {
        return Err(Failure::new(
            format!("the footer says format {}, and this program knows 1 to {FORMAT}", footer.format),
            "replay it with the version that recorded it, or record it anew",
        ));
    }
    if footer.format != FORMAT {
        eprintln!(
            "replay ends in the digest {digest}. The recording is of format {}, whose digest {} was made in another way: \
             it cannot be compared with this program's format {FORMAT}. Plans of format 1 were taken by their numbers alone.",
            footer.format, footer.digest
        );
        return Ok(ExitCode::SUCCESS);
    }
    if footer.applied != fleet.applied().0 {
        return Err(Failure::new(
            format!("replay ends at entry {}, recorded was entry {}", fleet.applied().0, footer.applied),
            "lines are missing: record the day anew with `fleetfold record`",
        ));
    }
    if footer.digest != digest {
        let what = format!("replay ends in {digest}, recorded was {} (entry {})", footer.digest, footer.applied);
        return Err(Failure::new(what, DIFFERENT));
    }
    eprintln!("replay ends in the recorded digest {digest}");
    Ok(ExitCode::SUCCESS)
}

/// What to do when a replay ends elsewhere.
const DIFFERENT: &str = "fold it with the version that recorded it; report it if that is this one";

/// Runs a day's own orders with simulated drivers in virtual time.
pub(crate) fn backtest(args: &Backtest) -> Result<ExitCode, Failure> {
    let day = days::read(&args.day)?;
    day.is_whole(&args.day)?;
    if day.was_changed()? {
        eprintln!(
            "note: this is not what was recorded: events were added, changed or removed (`fleetfold replay` says more)"
        );
    }
    let network = if let Some(source) = &args.network {
        days::network_of(source)?
    } else {
        if day.header.network.is_none() {
            eprintln!("note: the day brings no network: straight lines; --network names a graph, matrix or day file");
        }
        day.network()?
    };
    let driving = if day.header.exact_drivers {
        Driving::EXACT
    } else {
        Driving { varied: true, positions: true, reject_share: 0.0, tells_of_depots: true }
    };
    let traffic: Traffic = match &day.header.traffic {
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|error| Failure::new(format!("the day's traffic: {error}"), "generate the day anew"))?,
        None => Traffic::default(),
    };
    let facts = match args.driven_by {
        DrivenBy::Closed => day.playable()?,
        DrivenBy::Open => day.reported()?,
    };
    let total = facts.len() as u64;
    let bar = bar(args.json);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.unwrap_or(0))
        .build()
        .map_err(|error| Failure::new(error.to_string(), "ask for fewer --threads"))?;
    let run = |learn: Option<bool>| {
        let mut facts = facts.clone();
        for (_, _, event) in &mut facts {
            if let (Event::ZoneOpened(opened), Some(learn)) = (event, learn) {
                opened.policy.learn = learn;
            }
        }
        if args.driven_by == DrivenBy::Open {
            return pool
                .install(|| fleetfold_sim::backtest_open(facts, Arc::clone(&network), |seen| bar.set_position(seen)));
        }
        pool.install(|| {
            fleetfold_sim::backtest(
                facts,
                &day.no_shows(),
                Arc::clone(&network),
                driving,
                &traffic,
                args.seed,
                |seen| {
                    bar.set_length(total * 8);
                    bar.set_position(seen);
                },
            )
        })
    };
    if !args.policy.is_empty() {
        // Said now, and not after hours of runs.
        if let Some(folder) = args.report.as_ref().and_then(|path| path.parent())
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            let what = format!("--report: there is no folder {}", folder.display());
            return Err(Failure::new(what, "make it, or name another place for the report"));
        }
        let compared = compare_policies(
            args,
            &facts,
            |facts, seed| {
                let (no_shows, network) = (day.no_shows(), Arc::clone(&network));
                if args.driven_by == DrivenBy::Open {
                    return fleetfold_sim::backtest_open(facts, network, |_| {});
                }
                fleetfold_sim::backtest(facts, &no_shows, network, driving, &traffic, seed, |_| {})
            },
            &pool,
            &bar,
        )?;
        bar.finish_and_clear();
        if args.json {
            crate::out::say!("{}", serde_json::to_string_pretty(&compared).unwrap_or_default());
        } else {
            crate::out::write_out(format_args!("{}", compared.table()));
        }
        if let Some(path) = &args.report {
            std::fs::write(path, compared.page()).map_err(|error| {
                Failure::new(format!("{}: {error}", path.display()), "name a file that can be written")
            })?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.learn == Learn::Compare {
        let (without, with) = (run(Some(false)), run(Some(true)));
        bar.finish_and_clear();
        compare(&without.report, &with.report, args.json);
        broken(&without, "fleetfold backtest with the same day, --seed and --learn off")?;
        return broken(&with, "fleetfold backtest with the same day, --seed and --learn on");
    }
    let outcome = run(match args.learn {
        Learn::Day | Learn::Compare => None,
        Learn::Off => Some(false),
        Learn::On => Some(true),
    });
    bar.finish_and_clear();
    if let Some(path) = &args.record {
        write_log(path, &day.header, day.space(), &outcome)?;
    }
    show(&outcome.report, args.json);
    broken(&outcome, "fleetfold backtest with the same day and --seed")
}

/// Runs the day under each policy with each seed, as many side by side as there are threads.
fn compare_policies(
    args: &Backtest,
    facts: &[Played],
    run: impl Fn(Vec<Played>, u64) -> Outcome + Sync,
    pool: &rayon::ThreadPool,
    bar: &indicatif::ProgressBar,
) -> Result<Compared, Failure> {
    let opened =
        facts.iter().find_map(|(_, _, event)| if let Event::ZoneOpened(opened) = event { Some(opened) } else { None });
    let of_day = opened.map(|opened| opened.policy.clone()).unwrap_or_default();
    let policies = args.policy.iter().map(|path| match path.to_str() {
        Some("day") => Ok(Named { name: "day".to_owned(), policy: of_day.clone() }),
        _ => policies::read(path, &of_day),
    });
    let policies: Vec<Named> = policies.collect::<Result<_, Failure>>()?;
    if policies.len() < 2 {
        return Err(Failure::new(
            "one policy is compared with nothing",
            "give another one: --policy day is the day's own",
        ));
    }
    if opened.is_none() {
        return Err(Failure::new("the day opens no zone, so it has no policy to change", "add a `zone.opened` to it"));
    }
    // Drivers of a recording have no seed.
    let seeds = if args.driven_by == DrivenBy::Open { 1 } else { args.seeds };
    let seeds: Vec<u64> = (args.seed..).take(seeds as usize).collect();
    let runs: Vec<(&Named, u64)> =
        policies.iter().flat_map(|named| seeds.iter().map(move |&seed| (named, seed))).collect();
    bar.set_length(runs.len() as u64);
    let outcomes: Vec<Outcome> = pool.install(|| {
        let ran = runs.par_iter().map(|(named, seed)| {
            let mut facts = facts.to_vec();
            for (_, _, event) in &mut facts {
                match event {
                    Event::ZoneOpened(opened) => opened.policy = named.policy.clone(),
                    // What the day changed about its policy would undo the one that is tried.
                    Event::PolicyChanged(policy) => *policy = named.policy.clone(),
                    _ => {}
                }
            }
            let outcome = run(facts, *seed);
            bar.inc(1);
            outcome
        });
        ran.collect()
    });
    for ((named, seed), outcome) in runs.iter().zip(&outcomes) {
        broken(outcome, &format!("fleetfold backtest with the same day, --policy {} and --seed {seed}", named.name))?;
    }
    let mut reports = outcomes.into_iter().map(|outcome| outcome.report);
    let policies = policies
        .iter()
        .map(|named| Ran { policy: named.name.clone(), reports: reports.by_ref().take(seeds.len()).collect() });
    let policies = policies.collect();
    let day = args.day.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let driven_by = match args.driven_by {
        DrivenBy::Open => Loop::Open,
        DrivenBy::Closed => Loop::Closed,
    };
    Ok(Compared { day, driven_by, seeds, policies })
}

/// What learning changes, side by side.
fn compare(without: &Report, with: &Report, json: bool) {
    if json {
        crate::out::say!("{}", serde_json::json!({ "without_learning": without, "with_learning": with }));
        return;
    }
    let figures = |report: &Report| {
        [
            format!("{:.0} s", report.arrival_error_seconds_mean),
            format!("{:.0} s", report.arrival_error_seconds_p90),
            format!("{:.1} %", report.on_time_share * 100.0),
            format!("{:.0} s", report.lateness_seconds_mean),
            report.served.to_string(),
            format!("{:.1} km", report.distance_meters as f64 / 1000.0),
            format!("{:.3}", report.changes_per_order),
        ]
    };
    let names = [
        "arrivals off the plan, mean",
        "arrivals off the plan, p90",
        "on time",
        "lateness, mean",
        "served",
        "driven",
        "vehicle changes per order",
    ];
    crate::out::say!("  {:<28} {:>18} {:>18}", "", "without learning", "with learning");
    for ((name, without), with) in names.iter().zip(figures(without)).zip(figures(with)) {
        crate::out::say!("  {name:<28} {without:>18} {with:>18}");
    }
}

fn broken(outcome: &Outcome, repeat: &str) -> Result<ExitCode, Failure> {
    match &outcome.broken {
        None => Ok(ExitCode::SUCCESS),
        Some((seq, broken)) => Err(Failure::new(
            format!("a promise is broken after entry {seq}: {broken}"),
            format!("repeat it with: {repeat}"),
        )),
    }
}

/// Runs a scenario with every promise checked after every entry.
pub(crate) fn sim(args: &Sim) -> Result<ExitCode, Failure> {
    let path = if args.scenario.is_dir() { args.scenario.join("scenario.toml") } else { args.scenario.clone() };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give a folder of scenarios/"))?;
    let mut scenario: Scenario = toml::from_str(&text)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "mend that line"))?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    if let Some(day) = &args.day {
        write_day(day, &scenario)?;
    }
    let outcome = simulate(&scenario, 1);
    show(&outcome.report, args.json);
    broken(&outcome, &format!("fleetfold sim {} --seed {}", args.scenario.display(), scenario.seed))
}

/// Runs many zones on many nodes, and prints what came of it as JSON. The exit code is 2 when a change was lost or a chain broken.
pub(crate) fn sim_scale(args: &crate::args::SimScale) -> ExitCode {
    let (nodes, zones, seconds, seed) = (args.nodes, args.zones, args.seconds, args.seed);
    let came = fleetfold_sim::scale(fleetfold_sim::Scale { nodes, zones, seconds, seed, ..Default::default() });
    crate::out::say!("{}", serde_json::to_string_pretty(&came).unwrap_or_default());
    if came.faults == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

/// Writes the world's own events of a scenario.
fn write_day(path: &std::path::Path, scenario: &Scenario) -> Result<(), Failure> {
    let city = city(scenario.seed);
    let script = script(scenario, &city);
    let header = DayHeader {
        network: city.spec.as_ref().map(network_to_json),
        traffic: (scenario.traffic != Traffic::default())
            .then(|| serde_json::to_value(&scenario.traffic))
            .and_then(Result::ok),
        no_shows: script.no_shows.iter().map(ToString::to_string).collect(),
        ..DayHeader::new(scenario.title.clone())
    };
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "{}", DayLine::Header(Box::new(header)).to_text())?;
    for (index, (at, event)) in script.facts.iter().enumerate() {
        let event = encode(event, Space::Geographic, "/generated", &index.to_string(), *at);
        writeln!(out, "{}", DayLine::of(&event).to_text())?;
    }
    out.flush()?;
    Ok(())
}

fn write_log(path: &std::path::Path, header: &DayHeader, space: Space, outcome: &Outcome) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    let header = DayHeader { fleetfold_day: DAY_FORMAT, ..header.clone() };
    writeln!(out, "{}", DayLine::Header(Box::new(header)).to_text())?;
    let mut fleet = Fleet::new();
    let zone = fleetfold_engine::virtual_time::zone();
    for entry in &outcome.log {
        let at = fleet.zone().zone_time(entry.logged_at);
        let bytes = if entry.event.own_epoch().is_some() {
            own_message(&zone, &entry.event, space, at).bytes
        } else {
            encode(&entry.event, space, "/backtest", &format!("{:016x}", entry.id), at).to_bytes()
        };
        let logged_at =
            jiff::Timestamp::from_millisecond(entry.logged_at.0).map(|at| at.to_string()).unwrap_or_default();
        let message = String::from_utf8(bytes).map_err(std::io::Error::other)?;
        writeln!(out, "{}", DayLine::Recorded { seq: entry.seq.0, logged_at, message }.to_text())?;
        fleet.apply(entry);
    }
    let footer = DayFooter::new(fleet.digest(), fleet.facts_digest(), fleet.applied().0);
    writeln!(out, "{}", DayLine::Footer(footer).to_text())?;
    out.flush()?;
    Ok(())
}
