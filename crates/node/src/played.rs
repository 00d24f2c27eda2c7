//! `fleetfold replay DAY --listen ADDRESS`: the page over a recorded day. What was reported that day is played into a log of its own, at
//! a pace of its own, and an engine answers it; the page and everything it asks are those of `serve`.
//!
//! Absent on purpose: the decisions of then. They are checked by `fleetfold replay` without `--listen`; here the engine decides anew.

use std::path::PathBuf;
use std::process::ExitCode;

use fleetfold_model::Millis;

use crate::args::Replay;
use crate::auth::{Auth, Settings};
use crate::days;
use crate::demo::{finish, zone_name};
use crate::failure::Failure;
use crate::feed::{mapping, reopen};
use crate::http;
use crate::http::server::Transport;
use crate::live::{self, Setup};
use crate::log::{self, LogChoice, Stream};
use crate::serve::{opening, replay_into, told_to_end};

/// Bases are written this often, hours of log time: a played day is over before.
const BASE_EVERY: Millis = Millis(24 * 3_600_000);

/// Plays the day and serves the page until a signal comes.
pub(crate) async fn show(args: Replay) -> Result<ExitCode, Failure> {
    let listen = args.listen.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
    let day = days::read(&args.day)?;
    day.is_whole(&args.day)?;
    if day.events.is_empty() {
        return Err(Failure::new("the day has no events to play: it may be cut off", "record or import it anew"));
    }
    let network = match &args.network {
        Some(source) => days::network_of(source)?,
        None => day.network()?,
    };
    let stopped = told_to_end();
    let bound = http::bind(listen, false)?;
    let address = bound.address;
    let zone = zone_name("replay", "day")?;
    if let Some(folder) = &args.data {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(format!("{}: {error}", folder.display()), "name a folder that can be written")
        })?;
    }
    let file = args.data.as_ref().map(|folder| folder.join("day.redb"));
    let opened = log::open(&LogChoice::Embedded(file), log::Purpose::Serve).await?;
    let data: Option<PathBuf> = args.data.clone().or_else(|| Some(opened.folder.as_ref()?.path().to_owned()));
    let is_there = opened.log.zone_bounds(Stream::Fleet, &zone).await?.is_some_and(|(first, last)| first <= last);
    let live = live::start(Setup {
        log: opened.log.clone(),
        zone: zone.clone(),
        network,
        data: data.map(|folder| folder.join("snapshots")),
        pool: live::search_pool(None)?,
        owner: None,
        own: true,
        base_every: BASE_EVERY,
        accept_gap: false,
    })
    .await?;
    http::serve(
        live.clone(),
        bound.listen()?,
        Auth::open(&address.to_string(), Settings::default()),
        Transport::default(),
    );
    crate::out::say!("log   {}", opened.why);
    crate::out::say!("map   http://{address}");
    let played = if is_there {
        crate::out::say!("day   the folder has it: it is shown as it was played; another folder plays it anew");
        Ok(None)
    } else {
        let (timezone, day_start) = opening(&day);
        let mapping = mapping(day_start, args.speed, day.space(), &timezone);
        let mut facts = day.events.clone();
        facts.sort_by_key(|&(at, ..)| at);
        reopen(&mut facts, &mapping);
        crate::out::say!("day   {} events, {}×", facts.len(), args.speed);
        replay_into(&facts, &opened.log, &zone, &mapping, stopped.clone(), |_| {}).await.map(Some)
    };
    if let (Ok(Some(sent)), false) = (&played, *stopped.borrow()) {
        crate::out::say!("{sent} events are played; the page stays until Ctrl-C");
    }
    let mut until = stopped;
    let ended = if played.is_ok() {
        tokio::select! {
            _ = until.wait_for(|stopped| *stopped) => false,
            () = live.ended() => true,
        }
    } else {
        false
    };
    finish(&live, &opened.log).await;
    played?;
    if ended {
        return Err(Failure::new("the engine has stopped; its last words are above", "play the day again"));
    }
    Ok(ExitCode::SUCCESS)
}
