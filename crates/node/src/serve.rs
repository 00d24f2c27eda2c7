//! Commands that talk to a log: serve, feed, record, audit.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_model::{Event, LogEntry, LogSeq, Millis, Timestamp};
use fleetfold_sim::{Driving, Phones, Pretend, Report};
use fleetfold_wire::{DayFooter, DayHeader, DayLine, What, decode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use crate::args::{Audit, Drivers, Feed, Record, Serve};
use crate::days;
use crate::demo::{bar, finish, wait_for_signal, zone_name};
use crate::failure::Failure;
use crate::feed::{append_fact, mapping, play, reopen};
use crate::http;
use crate::live::{self, Setup};
use crate::log::{self, Log, LogChoice, Message, Stream, ZoneName};

/// `fleetfold.toml`: each line may also be a flag or an environment variable, which win.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    log: Option<String>,
    tenant: Option<String>,
    zone: Option<String>,
    network: Option<String>,
    data: Option<PathBuf>,
    listen: Option<std::net::SocketAddr>,
    token_file: Option<PathBuf>,
    threads: Option<usize>,
}

fn config(path: Option<&PathBuf>) -> Result<Config, Failure> {
    let Some(path) = path else { return Ok(Config::default()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give the path of a fleetfold.toml"))?;
    toml::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", path.display()), "mend that line"))
}

pub(crate) async fn serve(mut args: Serve) -> Result<ExitCode, Failure> {
    let config = config(args.config.as_ref())?;
    if args.place.log == LogChoice::Auto
        && let Some(log) = &config.log
    {
        args.place.log = log.parse().map_err(|what: String| Failure::new(format!("log = {log:?}"), what))?;
    }
    let pick =
        |flag: String, default: &str, file: Option<String>| if flag == default { file.unwrap_or(flag) } else { flag };
    let zone = zone_name(&pick(args.place.tenant, "demo", config.tenant), &pick(args.place.zone, "city", config.zone))?;
    let network = match args.network.or(config.network) {
        Some(source) => days::network_of(&source)?,
        None => days::build(&fleetfold_model::NetworkSpec::default())?,
    };
    let token_file = args.token_file.or(config.token_file);
    let token = token_file.map(std::fs::read_to_string).transpose()?.map(|token| token.trim().to_owned());
    let listen = args.listen.or(config.listen).unwrap_or_else(|| std::net::SocketAddr::from(([127, 0, 0, 1], 8080)));
    let data = args.data.or(config.data).unwrap_or_else(|| PathBuf::from("fleetfold-data"));
    let opened = log::open(&args.place.log).await?;
    crate::out::say!("log   {}", opened.why);
    let threads = args.threads.or(config.threads);
    let live =
        live::start(Setup { log: opened.log.clone(), zone: zone.clone(), network, data: Some(data), threads }).await?;
    let address = http::serve(live.clone(), listen, token).await?;
    crate::out::say!("zone  {zone}");
    crate::out::say!("map   http://{address}");
    if let Log::Embedded(embedded) = &opened.log {
        embedded.announce(&address.to_string())?;
    }
    tokio::select! {
        () = wait_for_signal() => {}
        () = live.ended() => return Err(Failure::new("the engine has stopped; its last words are above", "start it again: it folds anew from the log")),
    }
    finish(&live, &opened.log).await;
    if let Some(broker) = opened.broker {
        broker.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn feed(args: Feed) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.place.tenant, &args.place.zone)?;
    let day = days::read(&args.day)?;
    let opened = log::open(&args.place.log).await?;
    eprintln!("log   {}", opened.why);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        let _ = stop.send(true);
    });
    let (timezone, day_start) = opening(&day);
    let mapping = mapping(day_start, args.speed, day.space(), &timezone);
    let simulated = args.drivers == Drivers::Simulated;
    let bar = bar(false);
    let sent = if simulated {
        let mut facts = day.exogenous();
        reopen(&mut facts, &mapping);
        let driving = if day.header.exact_drivers {
            Driving::EXACT
        } else {
            Driving { varied: true, positions: true, reject_share: 0.0 }
        };
        let world = Pretend::new(facts, &day.no_shows(), day.network()?, driving, Phones::default(), args.seed);
        play(world, &opened.log, &zone, &mapping, true, stopped, |done| bar.set_position(done)).await?
    } else {
        let mut facts = day.events.clone();
        facts.sort_by_key(|&(at, ..)| at);
        reopen(&mut facts, &mapping);
        replay_into(&facts, &opened.log, &zone, &mapping, stopped, |done| bar.set_position(done)).await?
    };
    bar.finish_and_clear();
    crate::out::say!("{sent} facts are in the log");
    if let Some(broker) = opened.broker {
        broker.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Time zone and first instant of a day.
fn opening(day: &days::Day) -> (String, Timestamp) {
    let opened = day.events.iter().find_map(|(_, _, event)| {
        if let Event::ZoneOpened(zone) = event { Some((zone.timezone.clone(), zone.day_start)) } else { None }
    });
    opened.unwrap_or_else(|| ("UTC".to_owned(), day.events.iter().map(|&(at, ..)| at).min().unwrap_or_default()))
}

/// Plays recorded facts as they were, at their zone times.
async fn replay_into(
    facts: &[(Timestamp, u64, Event)],
    log: &Log,
    zone: &ZoneName,
    mapping: &fleetfold_fleet::Zone,
    mut stopped: watch::Receiver<bool>,
    progress: impl Fn(u64),
) -> Result<u64, Failure> {
    let clock = crate::clock::LogClock::new();
    let source = format!("/recorded/{zone}");
    let mut sent = 0;
    for (index, (at, id, event)) in facts.iter().enumerate() {
        let wait = (mapping.log_time(*at) - clock.now()).0.max(0) as u64;
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
        }
        append_fact(log, zone, event, mapping.space, &source, &format!("{id:016x}"), *at).await?;
        sent += 1;
        progress(index as u64 * 1000 / facts.len() as u64);
    }
    Ok(sent)
}

/// All entries of a zone, in order.
async fn all_entries(log: &Log, zone: &ZoneName) -> Result<Vec<Message>, Failure> {
    let (first, last) = log.bounds(Stream::Fleet).await?;
    let mut messages = Vec::new();
    if last == 0 || first > last {
        return Ok(messages);
    }
    let mut reader = log.read(Stream::Fleet, zone, first.saturating_sub(1)).await?;
    // Other zones share the stream: silence after its end means that ours is over too.
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(1500), reader.recv()).await {
        let seq = message.seq;
        messages.push(message);
        if seq >= last {
            break;
        }
    }
    Ok(messages)
}

/// A zone folded from its log alone.
struct Folded {
    fleet: Fleet,
    tally: Tally,
    lines: Vec<DayLine>,
    skipped: Vec<u64>,
    /// Numbers of plans that do not follow the one before.
    gaps: Vec<u64>,
    plans: u64,
    causes: Vec<(LogSeq, Millis, &'static str)>,
}

async fn fold(log: &Log, zone: &ZoneName, keep_lines: bool) -> Result<Folded, Failure> {
    let skipped = log.skipped(zone).await?;
    let mut folded = Folded {
        fleet: Fleet::new(),
        tally: Tally::default(),
        lines: Vec::new(),
        skipped: skipped.clone(),
        gaps: Vec::new(),
        plans: 0,
        causes: Vec::new(),
    };
    let mut kinds = std::collections::BTreeMap::new();
    let mut last_rev: Option<u64> = None;
    for message in all_entries(log, zone).await? {
        if skipped.contains(&message.seq) {
            continue;
        }
        let Ok(decoded) = decode(&message.bytes) else { continue };
        let What::Event(event) = decoded.what else { continue };
        if let Event::PlanProposed(plan) = &event {
            folded.plans += 1;
            if last_rev.is_some_and(|last| plan.rev != last + 1) {
                folded.gaps.push(plan.rev);
            }
            last_rev = Some(plan.rev);
        }
        kinds.insert(LogSeq(message.seq), fleetfold_wire::event_type(&event));
        let id = if matches!(event, Event::PlanProposed(_)) { 0 } else { decoded.id };
        let entry = LogEntry { seq: LogSeq(message.seq), logged_at: message.at, id, hash: decoded.hash, event };
        let change = folded.fleet.apply(&entry);
        folded.tally.observe(&entry, &change, &folded.fleet);
        if keep_lines {
            let logged_at =
                jiff::Timestamp::from_millisecond(message.at.0).map(|at| at.to_string()).unwrap_or_default();
            // What could be decoded is text.
            let text = String::from_utf8_lossy(&message.bytes).into_owned();
            folded.lines.push(DayLine::Recorded { seq: message.seq, logged_at, message: text });
        }
    }
    for &(seq, wait) in &folded.tally.slow {
        folded.causes.push((seq, wait, kinds.get(&seq).copied().unwrap_or("unknown")));
    }
    Ok(folded)
}

pub(crate) async fn record(args: Record) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.place.tenant, &args.place.zone)?;
    let opened = log::open(&args.place.log).await?;
    let folded = fold(&opened.log, &zone, true).await?;
    let network = match args.network {
        None => None,
        Some(path) => {
            let bytes = std::fs::read(&path)
                .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give a network or day file"))?;
            if fleetfold_roads::is_graph_file(&bytes) {
                return Err(Failure::new(
                    format!("{}: a graph file is not kept in a day", path.display()),
                    "leave --network out here, and give the file to `fleetfold backtest DAY --graph FILE`",
                ));
            }
            Some(days::network_in(&path, bytes)?.0)
        }
    };
    let header = DayHeader { network, skipped: folded.skipped.clone(), ..DayHeader::new(zone.to_string()) };
    let mut out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create(path)?)),
        None => Box::new(crate::out::out()),
    };
    writeln!(out, "{}", DayLine::Header(Box::new(header)).to_text())?;
    for line in &folded.lines {
        writeln!(out, "{}", line.to_text())?;
    }
    let fleet = &folded.fleet;
    let footer = DayFooter::new(fleet.digest(), fleet.facts_digest(), fleet.applied().0);
    writeln!(out, "{}", DayLine::Footer(footer).to_text())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn audit(args: Audit) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.place.tenant, &args.place.zone)?;
    let opened = log::open(&args.place.log).await?;
    let folded = fold(&opened.log, &zone, false).await?;
    let report = Report::new(&folded.tally, folded.fleet.digest(), folded.fleet.facts_digest());
    let unanswered: Vec<u64> = folded.fleet.unanswered().keys().map(|seq| seq.0).collect();
    let good = folded.gaps.is_empty() && unanswered.is_empty() && folded.causes.is_empty();
    if args.json {
        let causes: Vec<_> = folded
            .causes
            .iter()
            .map(|(seq, wait, kind)| json!({ "seq": seq.0, "waited_seconds": wait.0 as f64 / 1000.0, "type": kind }))
            .collect();
        let mut value = serde_json::to_value(&report).unwrap_or_default();
        value["chain_gaps"] = json!(folded.gaps);
        value["unanswered"] = json!(unanswered);
        value["over_10_seconds"] = json!(causes);
        value["skipped"] = json!(folded.skipped);
        value["last_plan"] = json!(folded.fleet.chain().rev);
        crate::out::say!("{}", serde_json::to_string_pretty(&value).unwrap_or_default());
    } else {
        crate::out::write_out(format_args!("{}", report.table()));
        crate::out::say!(
            "  {:<26} {} plans, gaps or doubles: {}",
            "plan chain",
            folded.plans,
            if folded.gaps.is_empty() { "none".to_owned() } else { format!("{:?}", folded.gaps) }
        );
        crate::out::say!(
            "  {:<26} {}",
            "never answered",
            if unanswered.is_empty() { "none".to_owned() } else { format!("{unanswered:?}") }
        );
        for (seq, wait, kind) in &folded.causes {
            crate::out::say!("  over 10 s: entry {} ({kind}) waited {:.1} s", seq.0, wait.0 as f64 / 1000.0);
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
