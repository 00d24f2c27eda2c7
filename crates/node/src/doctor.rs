//! `fleetfold doctor`: what is wrong, and the command that mends it.

use std::process::ExitCode;

use serde_json::json;

use crate::args::{Doctor, Permissions};
use crate::clock;
use crate::days;
use crate::demo::zone_name;
use crate::failure::Failure;
use crate::live;
use crate::log::rights::{self, BrokerRole, Scope};
use crate::log::{self, Layout, Log, LogChoice, Removed, Storage, Stream};
use crate::matrix_server::MatrixServer;

/// A stream that is fuller than this will be full soon.
const FULL_PERCENT: u64 = 80;

struct Finding {
    good: bool,
    what: String,
    mend: String,
}

pub(crate) async fn doctor(args: Doctor) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    let mut say = |good: bool, what: String, mend: &str| findings.push(Finding { good, what, mend: mend.to_owned() });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    say(cores >= 2, format!("{cores} cores"), "give the engine at least 2 cores: one folds, the others search");
    match tokio::net::TcpListener::bind(args.listen).await {
        Ok(_) => say(true, format!("{} is free", args.listen), ""),
        Err(error) => say(
            false,
            format!("{} cannot be listened on: {error}", args.listen),
            "stop what listens there, or use --listen 127.0.0.1:PORT",
        ),
    }
    if let Some(source) = &args.network {
        roads(source, &mut say).await;
    }
    if let LogChoice::Nats(server) = &args.of.log {
        let mut answers = false;
        for address in server.sockets() {
            let connect = tokio::net::TcpStream::connect(&address);
            if let Ok(Ok(_)) = tokio::time::timeout(std::time::Duration::from_secs(2), connect).await {
                answers = true;
                say(true, format!("a broker answers at {address}"), "");
            } else {
                say(false, format!("no broker answers at {address}"), "start one: nats-server -js");
            }
        }
        if !answers {
            return Ok(print(&findings, args.json));
        }
    }
    let zone = zone_name(&args.of.tenant, &args.of.zone)?;
    if let LogChoice::Nats(server) = &args.of.log {
        let scope = Scope {
            tenant: Some(args.of.tenant.clone()),
            zone: Some(args.of.zone.clone()),
            vehicle: None,
            layout: Layout::Shared,
            is_node: false,
            inbox: String::new(),
        };
        match rights::lacking(server, args.role, scope).await {
            Ok(lacking) => {
                for right in &lacking {
                    say(false, rights::words(std::slice::from_ref(right)), rights::MEND);
                }
                if !lacking.is_empty() {
                    // Whatever else is asked may only wait in vain.
                    return Ok(print(&findings, args.json));
                }
                say(true, "the broker's user has its rights".to_owned(), "");
            }
            Err(error) => {
                say(false, error.what, &error.hint);
                return Ok(print(&findings, args.json));
            }
        }
    }
    let storage = Storage { replicas: args.replicas, ..Storage::default() };
    match log::open_with(&args.of.log, log::Purpose::Read, storage).await {
        Err(error) => say(false, error.what.clone(), &error.hint),
        Ok(opened) => {
            say(true, format!("log: {}", opened.why), "");
            if let Log::JetStream(jetstream) = &opened.log {
                let version = jetstream.server_version();
                let mut parts = version.split('.').filter_map(|part| part.parse::<u32>().ok());
                let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
                say(
                    (major, minor) >= (2, 10),
                    format!("server {version}"),
                    "install nats-server 2.10 or newer; 2.12.7 or 2.14 and newer have the latest security fixes",
                );
            }
            let fleet = opened.log.stream_name(Stream::Fleet, &zone);
            let mut missing = opened.log.missing(&zone);
            let zones = match &opened.log {
                Log::JetStream(broker) => broker.zones_with_streams().await.unwrap_or_default(),
                Log::Embedded(_) => Vec::new(),
                #[cfg(test)]
                Log::Simulated(_) => Vec::new(),
            };
            // The zone that nobody has named need not be there when others are.
            if !zones.is_empty() && zone.key() == "demo.city" {
                missing.retain(|name| *name != fleet);
            }
            let has_streams =
                Stream::ALL.iter().any(|&stream| !missing.contains(&opened.log.stream_name(stream, &zone)));
            let is_new = !has_streams && opened.log.list_objects("").await.is_ok_and(|bases| bases.is_empty());
            if is_new {
                say(true, "no engine has run here yet: the first one makes its streams".to_owned(), "");
            }
            for name in missing.iter().filter(|_| !is_new) {
                let mend = match name.as_str() {
                    name if name == fleet => {
                        "if the log was deleted, restore it from its backup; a first engine makes it otherwise"
                    }
                    "KV_SKIPPED" => {
                        "restore it from its backup: rejected messages are listed in it; otherwise start an engine"
                    }
                    _ => "start an engine: it makes it",
                };
                say(false, format!("{name} is missing"), mend);
            }
            let own = zones.iter().map(|zone| (Stream::Fleet, zone));
            let shared = Stream::ALL.into_iter().skip(usize::from(!zones.is_empty())).map(|stream| (stream, &zone));
            for (stream, zone) in own.chain(shared) {
                let name = opened.log.stream_name(stream, zone);
                if missing.contains(&name) {
                    continue;
                }
                match opened.log.bounds(stream, zone).await {
                    Ok((first, last)) => {
                        say(true, format!("stream {name}: entries {first} to {last}"), "");
                        if stream == Stream::Fleet {
                            facts(&opened.log, zone, &name, &mut say).await;
                        }
                    }
                    Err(error) => say(false, error.what, &error.hint),
                }
            }
            if !missing.contains(&fleet) {
                match live::beginning(&opened.log, &zone, Some(&args.data.join(zone.key())), false).await {
                    Ok(begins) => {
                        say(true, format!("zone {zone} would be folded from entry {} on", begins.read_after + 1), "");
                        if let Some(unseen) = begins.unseen {
                            say(true, format!("zone {zone}: {unseen}"), "");
                        }
                    }
                    Err(error) => say(false, error.what, &error.hint),
                }
            }
            if let Log::JetStream(broker) = &opened.log {
                match broker.odd_replicas().await {
                    Ok(all) => {
                        for odd in all {
                            let what = format!("{} has {} replicas, not {}", odd.name, odd.has, odd.wanted);
                            say(false, what, &odd.mend());
                        }
                    }
                    Err(error) => say(false, error.what, &error.hint),
                }
            }
            // Clock skew: what the log stamps against what we read.
            if args.role == BrokerRole::Reader {
                say(true, "whether an append works is not tried: readers write nothing".to_owned(), "");
            } else if let Some(zone) = log::ZoneName::new("fleetfold-doctor", "probe").filter(|_| missing.is_empty()) {
                let before = clock::wall();
                let subject = zone.subject(&fleetfold_journal::Address::of_rejected("probe"));
                let body = bytes::Bytes::from_static(b"{\"probe\":true}");
                let stored = opened
                    .log
                    .append(Stream::Rejected, subject.clone(), format!("probe-{}", before.0), body, None)
                    .await;
                let after = clock::wall();
                match (stored, opened.log.last(Stream::Rejected, &subject).await) {
                    (Ok(_), Ok(Some(message))) => {
                        let skew =
                            if message.at < before { (before - message.at).0 } else { (message.at - after).0.max(0) };
                        say(
                            skew < 1000,
                            format!("log time and this clock differ by {skew} ms"),
                            "set both clocks (chronyd, systemd-timesyncd); plans use log time only, but people read both",
                        );
                        say(true, format!("an append is confirmed within {} ms", (after - before).0), "");
                    }
                    (Err(error), _) => say(
                        false,
                        format!("a probe cannot be appended: {error}"),
                        "allow this user to publish to fleet.> and to read JetStream acknowledgements",
                    ),
                    (_, Err(error)) => say(false, error.what, &error.hint),
                    (Ok(_), Ok(None)) => say(
                        false,
                        "a probe was confirmed and is not there".to_owned(),
                        "check the limits of stream REJECTED",
                    ),
                }
            }
            if let Some(broker) = opened.broker {
                broker.stop().await;
            }
        }
    }
    Ok(print(&findings, args.json))
}

/// `fleetfold permissions`.
pub(crate) fn permissions(args: &Permissions) -> Result<ExitCode, Failure> {
    zone_name(&args.tenant, args.zone.as_deref().unwrap_or("any"))?;
    if let Some(vehicle) = &args.vehicle
        && fleetfold_model::Name::new(vehicle).is_none()
    {
        return Err(Failure::new("the vehicle's id is none", "give 1 to 64 visible characters"));
    }
    let roles = if args.role.is_empty() { BrokerRole::ALL.to_vec() } else { args.role.clone() };
    if args.nkey.is_some() && roles.len() != 1 {
        return Err(Failure::new("an NKey is that of one user", "give --role, too"));
    }
    let scope = Scope {
        tenant: Some(args.tenant.clone()),
        zone: args.zone.clone(),
        vehicle: args.vehicle.clone(),
        layout: args.streams,
        is_node: args.nodes,
        inbox: String::new(),
    };
    crate::out::say!("{}", rights::settings(&roles, &scope, args.nkey.as_deref()).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Whether a stream of facts keeps them for as long as it should, and has kept them.
async fn facts(log: &Log, zone: &log::ZoneName, name: &str, say: &mut impl FnMut(bool, String, &str)) {
    match log.odd_settings(zone).await {
        Ok(all) => {
            for odd in all {
                let what = format!("stream {name} drops facts before their time: {}", odd.words);
                say(
                    false,
                    what,
                    "set it back; a zone whose log has a hole cannot be started without a base behind the hole",
                );
            }
        }
        Err(error) => say(false, error.what, &error.hint),
    }
    match log.percent_full(zone).await {
        Ok(Some(percent)) => say(
            percent < FULL_PERCENT,
            format!("stream {name} is {percent} % full"),
            "a full stream takes neither facts nor plans: raise its max_bytes (nats stream edit NAME --max-bytes), or let facts expire sooner",
        ),
        Ok(None) => {}
        Err(error) => say(false, error.what, &error.hint),
    }
    match log.removed(zone, 0).await {
        Ok(Removed { count: 0, .. }) => {}
        Ok(Removed { count: removed, .. }) => say(
            false,
            format!("{removed} entries between the first and the last of stream {name} were removed"),
            "look whether a zone lacks any: fleetfold verify. If one does, restore the log from its backup",
        ),
        Err(error) => say(false, error.what, &error.hint),
    }
}

/// Opens the network and, where it is a server, asks it.
async fn roads(source: &str, say: &mut impl FnMut(bool, String, &str)) {
    let named = source.to_owned();
    match tokio::task::spawn_blocking(move || look_at(&named)).await {
        Ok(Ok(what)) => say(true, what, ""),
        Ok(Err(failure)) => say(false, failure.what.clone(), &failure.hint),
        Err(error) => say(false, format!("{source}: {error}"), "report this"),
    }
}

fn look_at(source: &str) -> Result<String, Failure> {
    let before = clock::wall();
    if let Some(server) = MatrixServer::parse(source) {
        let server = server?;
        // Any place will do: a server without a street there answers that it has none, and so it works.
        let answer = server.check(fleetfold_model::Position { x: 0, y: 0 });
        let took = (clock::wall() - before).0;
        return match answer {
            Err(why) if !why.starts_with("it answers") => Err(Failure::new(
                format!("{}: {why}", server.name()),
                "start it, or leave --network out: straight lines",
            )),
            _ => Ok(format!("{} answers within {took} ms; roads cannot be closed on it", server.name())),
        };
    }
    let network = days::network_of(source)?;
    let took = (clock::wall() - before).0;
    let what = network.graph().map_or_else(
        || "travel times without streets".to_owned(),
        |(streets, _)| format!("{} junctions, {} edges", streets.junctions(), streets.directed_edges()),
    );
    Ok(format!("{source}: {what}, opened within {took} ms"))
}

fn print(findings: &[Finding], json: bool) -> ExitCode {
    if json {
        let list: Vec<_> = findings.iter().map(|f| json!({ "ok": f.good, "what": f.what, "mend": f.mend })).collect();
        crate::out::say!("{}", serde_json::to_string_pretty(&list).unwrap_or_default());
    } else {
        for finding in findings {
            crate::out::say!("{} {}", if finding.good { "ok  " } else { "BAD " }, finding.what);
            if !finding.good {
                crate::out::say!("     mend: {}", finding.mend);
            }
        }
    }
    if findings.iter().all(|finding| finding.good) { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
