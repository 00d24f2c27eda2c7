//! `fleetfold zone handover` and `fleetfold zone split` on the command line.

use std::process::ExitCode;
use std::time::Duration;

use fleetfold_journal::ZoneName;
use fleetfold_model::Name;

use super::{Done, hand_over, split};
use crate::args::{Zone, ZoneCommand};
use crate::demo::zone_name;
use crate::failure::Failure;
use crate::log::{self, Leased, Log};

pub(crate) async fn zone(args: Zone) -> Result<ExitCode, Failure> {
    match args.what {
        ZoneCommand::Create { zone, log, tenant, kept } => {
            let zone = zone_name(&tenant, &zone)?;
            let opened = log::open_with(&log, log::Purpose::Serve, kept.storage()).await?;
            let made = opened.log.make_zone(&zone).await?;
            let name = opened.log.stream_name(log::Stream::Fleet, &zone);
            crate::out::say!("stream {name} of {zone} {}", if made { "was made" } else { "is there" });
            Ok(ExitCode::SUCCESS)
        }
        ZoneCommand::Handover { vehicle, from, to, open, log, tenant, json } => {
            let (from, to) = (zone_name(&tenant, &from)?, zone_name(&tenant, &to)?);
            let vehicle = Name::new(&vehicle).ok_or_else(|| {
                Failure::new(format!("`{vehicle}` is no name of a vehicle"), "use 1 to 64 visible characters")
            })?;
            let opened = log::open(&log, log::Purpose::Write).await?;
            let done = Box::pin(hand_over(&opened.log, (&from, &to), &vehicle, open)).await?;
            say_if_nobody_runs(&opened.log, &to).await;
            Ok(show(&done, json))
        }
        ZoneCommand::Split { from, into, area, log, tenant, json } => {
            let (from, to) = (zone_name(&tenant, &from)?, zone_name(&tenant, &into)?);
            let area = if std::path::Path::new(&area).is_file() { std::fs::read_to_string(&area)? } else { area };
            let opened = log::open(&log, log::Purpose::Write).await?;
            let done = Box::pin(split(&opened.log, &from, &to, &area)).await?;
            say_if_nobody_runs(&opened.log, &to).await;
            Ok(show(&done, json))
        }
    }
}

/// A node that may run a zone that is new has found it after this time.
const FOUND_WITHIN: Duration = Duration::from_secs(3);
/// Time between two looks whether one has.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What came to a zone without an engine waits there: that is said on standard error, beside what was done.
async fn say_if_nobody_runs(log: &Log, zone: &ZoneName) {
    let asked = crate::clock::monotonic();
    while matches!(log.leased(zone).await, Leased::Nobody) {
        if asked.elapsed() < FOUND_WITHIN {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        eprintln!(
            "warning: no engine runs zone {zone}: what was handed over waits there until one does (`fleetfold serve --zones '{zone}'`)"
        );
        return;
    }
}

/// Prints what was done. The exit code is 2 when something left a zone and did not come to the other.
fn show(done: &Done, json: bool) -> ExitCode {
    if json {
        crate::out::say!("{}", serde_json::to_string_pretty(done).unwrap_or_default());
    } else {
        crate::out::say!("  {:<40} {}", "orders handed over", done.orders);
        crate::out::say!("  {:<40} {}", "vehicles handed over", done.vehicles);
        if done.completed > 0 {
            crate::out::say!("  {:<40} {}", "of these begun by an earlier run", done.completed);
        }
        for (why, count) in &done.stays {
            crate::out::say!("  {:<40} {count}", format!("stays: {why}"));
        }
        for (vehicle, seconds) in &done.hours_begin_anew {
            let minutes = seconds / 60;
            crate::out::say!(
                "  the other zone counts the hours of {vehicle} anew: {minutes} min were driven in this shift"
            );
        }
        for id in &done.lost {
            crate::out::say!("  left the zone and did not come to the other: {id}");
        }
        if !done.stays.is_empty() {
            crate::out::say!("  run it again until nothing stays");
        }
    }
    if done.lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
