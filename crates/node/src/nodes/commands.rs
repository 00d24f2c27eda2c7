//! `fleetfold zones` and `fleetfold drain`: they ask the broker, no engine.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::placement::NodeName;

use super::documents::{Overview, drain_key, overview};
use crate::args::{Drain, Zones};
use crate::clock;
use crate::failure::Failure;
use crate::log::{self, Log, LogChoice, Nodes, Opened, Purpose};

/// How long `drain` waits until a node has given its zones away.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// The buckets of the nodes on a log.
pub(crate) async fn open(choice: &LogChoice) -> Result<(Opened, Nodes), Failure> {
    let opened = log::open(choice, Purpose::Read).await?;
    let Log::JetStream(broker) = &opened.log else {
        return Err(Failure::new(
            "nodes know of each other through a broker, and this log is none",
            "give --log nats://HOST:PORT",
        ));
    };
    let buckets = broker.nodes(Purpose::Read).await?;
    Ok((opened, buckets))
}

/// Prints which node owns which zone.
pub(crate) async fn zones(args: Zones) -> Result<ExitCode, Failure> {
    let (_opened, buckets) = open(&args.log).await?;
    let found = overview(&buckets).await?;
    if args.json {
        crate::out::say!("{}", serde_json::to_string_pretty(&found).unwrap_or_default());
    } else {
        show(&found);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(found: &Overview) {
    crate::out::say!("{:<24} {:>6} {:>9}  {:<10} {}", "node", "owned", "followed", "", "http");
    for node in &found.nodes {
        let draining = if node.draining { "draining" } else { "" };
        crate::out::say!("{:<24} {:>6} {:>9}  {draining:<10} {}", node.node, node.owned, node.followed, node.http);
    }
    crate::out::say!("");
    crate::out::say!(
        "{:<32} {:<24} {:<9} {:>8} {:>10} {:>6} {:>10} {:>8}",
        "zone",
        "node",
        "state",
        "epoch",
        "applied",
        "lag",
        "unanswered",
        "overload"
    );
    for zone in &found.zones {
        for runs in &zone.nodes {
            let state = serde_json::to_value(runs.state).unwrap_or_default();
            crate::out::say!(
                "{:<32} {:<24} {:<9} {:>8} {:>10} {:>6} {:>10} {:>8}",
                zone.zone,
                runs.node,
                state.as_str().unwrap_or_default(),
                runs.epoch.map_or("-".to_owned(), |epoch| epoch.to_string()),
                runs.applied,
                runs.lag,
                runs.unanswered,
                runs.overload
            );
        }
    }
}

/// Asks a node to give its zones away, and waits until it has.
pub(crate) async fn drain(args: Drain) -> Result<ExitCode, Failure> {
    let name = NodeName::new(&args.node).ok_or_else(|| {
        Failure::new(format!("`{}` is no name of a node", args.node), "`fleetfold zones` lists the nodes")
    })?;
    let (_opened, buckets) = open(&args.log).await?;
    let node_of = |found: &Overview| found.nodes.iter().find(|node| node.node == args.node).cloned();
    let before = node_of(&overview(&buckets).await?)
        .ok_or_else(|| Failure::new(format!("no node is called {name}"), "`fleetfold zones` lists the nodes"))?;
    if args.undo {
        buckets.leave(&drain_key(&name)).await;
        crate::out::say!("{name} takes zones again");
        return Ok(ExitCode::SUCCESS);
    }
    let started = clock::monotonic();
    buckets.announce(&drain_key(&name), Bytes::from_static(b"1")).await?;
    while started.elapsed() < DRAIN_MAX {
        match node_of(&overview(&buckets).await?) {
            Some(node) if node.owned > 0 => tokio::time::sleep(Duration::from_millis(50)).await,
            Some(_) | None => {
                let found = overview(&buckets).await?;
                let ownerless: Vec<&str> =
                    found.zones.iter().filter(|zone| zone.owner.is_none()).map(|zone| zone.zone.as_str()).collect();
                crate::out::say!("{name} owns no zone any more: it has given {} away", before.owned);
                if !ownerless.is_empty() {
                    crate::out::say!("not owned by any node yet: {}", ownerless.join(", "));
                }
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    Err(Failure::new(
        format!("{name} still owns zones after {} s", DRAIN_MAX.as_secs()),
        format!(
            "is another node present that may run them, and has it caught up? See `fleetfold zones`. It goes on giving them away: \
             `fleetfold drain {name} --undo` ends that"
        ),
    ))
}
