//! `fleetfold demo`: a generated city-day through the real engine, log and map.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fleetfold_model::Space;
use fleetfold_sim::{Driving, Pretend, Report, Scenario, city, city_on, script};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use crate::args::Demo;
use crate::auth::{Auth, Settings};
use crate::failure::Failure;
use crate::feed::{mapping, play, reopen};
use crate::http;
use crate::http::server::Transport;
use crate::live::{self, Live, Setup, Summary};
use crate::log::{self, Log, ZoneName};

pub(crate) async fn demo(args: Demo) -> Result<ExitCode, Failure> {
    let zone = zone_name(&args.of.tenant, &args.of.zone)?;
    let opened = log::open(&args.of.log, log::Purpose::Write).await?;
    let mut scenario = Scenario::demo(args.seed);
    scenario.demand.orders = args.orders;
    scenario.vehicles = (args.orders / 15).clamp(2, 400);
    let city = match &args.graph {
        None => city(args.seed),
        Some(path) => city_on(Arc::new(crate::graph::open(path)?), args.seed)
            .ok_or_else(|| Failure::new(format!("{}: no streets", path.display()), "give a graph file"))?,
    };
    let network = Arc::clone(&city.network);
    let data = opened.folder.as_ref().map(|folder| folder.path().join("snapshots"));
    let live = live::start(Setup {
        log: opened.log.clone(),
        zone: zone.clone(),
        network: Arc::clone(&network),
        data,
        pool: live::search_pool(None)?,
        owner: None,
        own: true,
        base_every: fleetfold_model::Millis::from_seconds(24 * 3600),
        accept_gap: false,
    })
    .await?;
    let (listener, address) = http::listen(args.listen, false)?;
    let auth = Auth::open(&address.to_string(), Settings::default());
    http::serve(live.clone(), listener, auth, Transport::default());
    // With --json standard output is the report and nothing else.
    let tell = |line: String| if args.json { eprintln!("{line}") } else { crate::out::say!("{line}") };
    tell(format!("log   {}", opened.why));
    tell(format!("map   http://{address}"));
    let (orders, vehicles) = (scenario.demand.orders, scenario.vehicles);
    tell(format!("day   {orders} orders, {vehicles} vehicles, {}× — {}", args.speed, scenario.title));
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        let _ = stop.send(true);
    });
    let script = script(&scenario, &city);
    let mapping = mapping(script.start, args.speed, Space::Geographic, "UTC");
    let mut facts =
        script.facts.into_iter().enumerate().map(|(index, (at, event))| (at, 1 + index as u64, event)).collect();
    reopen(&mut facts, &mapping);
    let driving =
        Driving { varied: true, positions: true, reject_share: scenario.incidents.reject_share, tells_of_depots: true };
    let world = Pretend::new(facts, &script.no_shows, network, driving, scenario.phones, args.seed);
    let bar = bar(args.json);
    let watched = tokio::spawn(progress(live.clone(), bar.clone(), stopped.clone()));
    play(world, &opened.log, &zone, &mapping, true, stopped.clone(), |_| {}).await?;
    let interrupted = *stopped.borrow();
    let summary = if interrupted { live.summary().await } else { settle(&live).await };
    watched.abort();
    bar.finish_and_clear();
    if let Some(summary) = summary {
        show(&summary, args.json);
    }
    if args.stay && !interrupted {
        tell("the day is over; the map stays until Ctrl-C".to_owned());
        let _ = stopped.clone().wait_for(|stop| *stop).await;
    }
    finish(&live, &opened.log).await;
    if let Some(broker) = opened.broker {
        broker.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn zone_name(tenant: &str, zone: &str) -> Result<ZoneName, Failure> {
    ZoneName::new(tenant, zone).ok_or_else(|| {
        Failure::new(format!("`{tenant}` / `{zone}` is no tenant and zone"), "use letters, digits, - and _")
    })
}

pub(crate) async fn wait_for_signal() {
    let kind = tokio::signal::unix::SignalKind::terminate();
    let Ok(mut terminate) = tokio::signal::unix::signal(kind) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Waits until every fact is answered and the engine has folded to the end of its log.
pub(crate) async fn settle(live: &Live) -> Option<Summary> {
    let mut last = None;
    for _ in 0..100 {
        let summary = live.summary().await?;
        let end = live.log.bounds(log::Stream::Fleet, &live.zone).await.map_or(0, |(_, end)| end);
        if summary.unanswered == 0 && summary.applied >= end {
            return Some(summary);
        }
        last = Some(summary);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    last
}

pub(crate) async fn finish(live: &Live, log: &Log) {
    live.stop().await;
    if let Log::Embedded(log) = log {
        log.retire();
    }
}

pub(crate) fn show(summary: &Summary, json: bool) {
    let report = Report::new(&summary.tally, summary.digest, summary.facts_digest);
    if json {
        crate::out::say!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        crate::out::write_out(format_args!("{}", report.table()));
    }
}

pub(crate) fn bar(quiet: bool) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(1000) };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
        bar.set_style(style);
    }
    bar
}

async fn progress(live: Live, bar: ProgressBar, mut stopped: watch::Receiver<bool>) {
    loop {
        let Some(summary) = live.summary().await else { return };
        let tally = &summary.tally;
        let done = tally.served + tally.cancelled + tally.failed;
        bar.set_position((done * 1000).checked_div(tally.orders.max(1)).unwrap_or(0));
        let at = jiff::Timestamp::from_millisecond(summary.now.0)
            .map(|at| at.strftime("%H:%M").to_string())
            .unwrap_or_default();
        bar.set_message(format!(
            "{at}  {} orders, {} served, {} open, on time {:.0} %, p99 {} ms",
            tally.orders,
            tally.served,
            summary.open,
            tally.on_time_share() * 100.0,
            tally.answers.quantile(990).0
        ));
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
}
