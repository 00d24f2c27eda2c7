//! `fleetfold what-if` and `POST /v1/what-if`: what would come of changes, tried on a copy. Nothing of it enters the log.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

use fleetfold_engine::Outlook;
use fleetfold_engine::reasons::{OrderDifference, PlanCost as EngineCost, Trial, Whereabouts, settle};
use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, OrderId, Timestamp};
use fleetfold_roads::Network;
use fleetfold_wire::{What, Writer, decode, other_coordinates};
use serde_json::Value;

use super::broken;
use super::change;
use super::documents::{Cost, Difference, Offer, Place, PlanCost, Tried, WhatIf, money, seconds, vehicle_name};
use super::explain::{instant, of_a_log, order_status};
use super::source::{Reading, Source, is_after};
use super::words::{self, Clock};
use crate::args;
use crate::days;
use crate::demo::zone_name;
use crate::failure::Failure;
use crate::readers::open_existing;
use crate::view::{reason_words, refused_words};

/// Most changes of one trial.
pub(crate) const CHANGES_MAX: usize = 100;

/// A change: in words, or as an event.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Words(String),
    Event(Value),
}

/// Changes as events: what is told of them, and what is tried.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    told: Vec<Value>,
    events: Vec<(u64, Event)>,
}

impl Changes {
    /// Reads changes as a producer's events are read. `now`: zone time.
    ///
    /// # Errors
    ///
    /// What is wrong, and with which of them.
    pub(crate) fn read(changes: Vec<Change>, fleet: &Fleet, now: Timestamp) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::new(what, format!("changes are: {}", change::KNOWN));
        if changes.is_empty() || changes.len() > CHANGES_MAX {
            return Err(wrong(format!("{} changes: 1 to {CHANGES_MAX} can be tried at once", changes.len())));
        }
        let mut read = Self::default();
        let mut made: BTreeSet<String> = BTreeSet::new();
        for (number, change) in (1..).zip(changes) {
            let event = match change {
                Change::Words(text) => change::event(&text, number, now).map_err(&wrong)?,
                Change::Event(event) => event,
            };
            let decoded = decode(event.to_string().as_bytes()).map_err(|error| {
                Failure::new(format!("change {number}: {error}"), "mend it: docs/EVENTS.md has an example of each type")
            })?;
            if decoded.kind.writer() == Writer::Engine {
                let what = format!("change {number}: `{}` is written by the engine alone", decoded.kind.name());
                return Err(Failure::new(what, "try what the world, a driver or a dispatcher does"));
            }
            if let Some(warning) = other_coordinates(decoded.kind, &decoded.envelope, fleet.zone().space) {
                return Err(Failure::new(format!("change {number}: {warning}"), "give places as the zone reads them"));
            }
            // Such an event would be kept until its order or vehicle comes: here it is a slip of the pen.
            for (field, what) in [("order_id", "order"), ("vehicle_id", "vehicle")] {
                let Some(id) = event.get("data").and_then(|data| data.get(field)).and_then(Value::as_str) else {
                    continue;
                };
                let makes = decoded.kind.name()
                    == format!("fleet.{what}.{}.v1", if what == "order" { "created" } else { "registered" });
                let is_known = fleet.order_id(id).is_some() && what == "order"
                    || fleet.vehicle_id(id).is_some() && what == "vehicle";
                if makes {
                    made.insert(format!("{what} {id}"));
                } else if !is_known && !made.contains(&format!("{what} {id}")) {
                    return Err(Failure::new(
                        format!("change {number}: the zone knows no {what} {id}"),
                        "look for its id in /v1/state, or in `fleetfold explain`; an order that is over for a day is forgotten",
                    ));
                }
            }
            let What::Event(is) = decoded.what else {
                let what = format!("change {number}: a position report is a hint, and no change that can be tried");
                return Err(Failure::new(what, "say what happens: `vehicle ID lost`, for instance"));
            };
            read.told.push(event);
            read.events.push((decoded.id, is));
        }
        Ok(read)
    }
}

/// Tries changes on a copy of a fleet, and tells what would come of them. Takes its thread for as long as the answers take.
pub(crate) fn tried(
    fleet: Fleet,
    network: Arc<Network>,
    log_now: Timestamp,
    changes: Changes,
    searches: bool,
) -> WhatIf {
    let applied = fleet.applied().0;
    let at = fleet.zone().zone_time(log_now).0;
    let normal = Arc::clone(&network);
    let came = settle(Trial { fleet, network, log_now, events: changes.events, searches });
    let plans = [&came.before, &came.after].map(|fleet| Planned::of(fleet, &normal, log_now));
    let refused: BTreeMap<usize, &'static str> =
        came.refused.iter().map(|&(index, reason)| (index, refused_words(reason))).collect();
    let events = changes.told.into_iter().enumerate();
    let events = events.map(|(index, event)| Tried { event, refused: refused.get(&index).copied() }).collect();
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for one in &came.orders {
        for what in kinds(one) {
            *counts.entry(what).or_default() += 1;
        }
    }
    WhatIf {
        applied,
        at,
        events,
        unsettled: came.is_open,
        counts,
        orders: came.orders.iter().map(|one| difference(&plans, one)).collect(),
        cost_before: plan_cost(&came.cost_before),
        cost_after: plan_cost(&came.cost_after),
    }
}

/// In which ways an order differs.
fn kinds(one: &OrderDifference) -> Vec<&'static str> {
    let (before, after) = (&one.before, &one.after);
    let mut found = Vec::new();
    match (before.vehicle, after.vehicle) {
        (Some(from), Some(to)) if from != to => found.push("to another vehicle"),
        (Some(_), Some(_)) if before.start != after.start => found.push("at another time"),
        (Some(_), None) if after.is_open => found.push("become unassigned"),
        (None, Some(_)) if before.is_open => found.push("find a place"),
        (None, Some(_)) => found.push("new and placed"),
        (None, None) if after.is_open && !before.is_open => found.push("new and unassigned"),
        (Some(_) | None, Some(_) | None) => {}
    }
    if before.is_open && !after.is_open {
        found.push("over");
    }
    if after.late > before.late {
        found.push(if before.late.0 == 0 { "become late" } else { "become later than late" });
    }
    if after.late < before.late && after.vehicle.is_some() && after.late.0 == 0 {
        found.push("no longer late");
    }
    found
}

/// One of the two plans.
struct Planned<'a> {
    fleet: &'a Fleet,
    /// Travel times of now. Only what is tied to its vehicle asks for them, because of its way home.
    outlook: OnceCell<Outlook>,
    normal: &'a Arc<Network>,
    log_now: Timestamp,
}

impl<'a> Planned<'a> {
    fn of(fleet: &'a Fleet, normal: &'a Arc<Network>, log_now: Timestamp) -> Self {
        Self { fleet, outlook: OnceCell::new(), normal, log_now }
    }

    /// The rules that an order breaks there, in words.
    fn broken(&self, order: OrderId) -> Option<String> {
        if self.fleet.order(order).pinned.is_none() {
            return broken(self.fleet, &Outlook::constant(Arc::clone(self.normal)), order);
        }
        let now = self.fleet.zone().zone_time(self.log_now);
        broken(self.fleet, self.outlook.get_or_init(|| Outlook::at(self.fleet, now, self.normal)), order)
    }

    fn whereabouts(&self, name: &str, at: &Whereabouts) -> Place {
        let known = self.fleet.order_id(name);
        Place {
            status: known.map_or("unknown", |id| order_status(self.fleet, id)),
            vehicle: at.vehicle.map(|vehicle| vehicle_name(self.fleet, vehicle)),
            unassigned: at.reason.map(reason_words),
            start: at.start.map(|at| at.0),
            late_seconds: seconds(at.late),
            breaks: at.vehicle.and(known).and_then(|order| self.broken(order)),
        }
    }
}

fn difference([before, after]: &[Planned<'_>; 2], one: &OrderDifference) -> Difference {
    let name = one.order.as_str();
    let later = match (one.before.start, one.after.start) {
        (Some(before), Some(after)) => Some(seconds(after - before)),
        _ => None,
    };
    Difference {
        order: name.to_owned(),
        before: before.whereabouts(name, &one.before),
        after: after.whereabouts(name, &one.after),
        later_seconds: later,
        offers: one.offers.iter().map(|(vehicle, offer)| Offer::of(after.fleet, *vehicle, offer, None)).collect(),
    }
}

fn plan_cost(cost: &EngineCost) -> PlanCost {
    PlanCost {
        total: money(cost.parts.total()) + money(cost.unserved),
        routes: Cost::of(&cost.parts),
        unserved: money(cost.unserved),
        unassigned: cost.unassigned,
        undrivable_routes: cost.undrivable,
    }
}

/// The command.
pub(crate) async fn what_if(args: args::WhatIf) -> Result<ExitCode, Failure> {
    let at = args.at.as_deref().map(instant).transpose()?;
    let given = args.network.as_deref().map(days::network_of).transpose()?;
    let step = |fleet: &mut Fleet, entry: &fleetfold_model::LogEntry| {
        let is_over = is_after(fleet, entry, at);
        if !is_over {
            fleet.apply(entry);
        }
        !is_over
    };
    let (fleet, network) = if let Some(path) = &args.day {
        let day = days::read(path)?;
        if day.entries.is_empty() {
            return Err(Failure::new(
                format!("{}: this day was not recorded from a log: there is no plan to change", path.display()),
                "give a recording: `fleetfold record`, or `fleetfold backtest DAY --record FILE`",
            ));
        }
        if given.is_none() && day.header.network.is_none() {
            eprintln!("note: the day brings no network: straight lines; --network names a graph, matrix or day file");
        }
        let network = match given {
            Some(network) => network,
            None => day.network()?,
        };
        (Source::Day(path, &day).walk(Reading::default(), step).await?, network)
    } else {
        let zone = zone_name(&args.of.tenant, &args.of.zone)?;
        let opened = open_existing(&args.of.log, &zone).await?;
        let network = if let Some(network) = given { network } else { of_a_log()? };
        (Source::Log(&opened.log, &zone).walk(Reading::default(), step).await?, network)
    };
    let log_now = at.map_or(fleet.logged_at(), |at| fleet.zone().log_time(at)).max(fleet.logged_at());
    let now = fleet.zone().zone_time(log_now);
    let offset = fleet.zone().utc_offset.0;
    let changes = Changes::read(given_changes(&args)?, &fleet, now)?;
    let searches = args.search;
    // Answers are made in parallel, and searches take their threads for themselves.
    let answer = tokio::task::spawn_blocking(move || tried(fleet, network, log_now, changes, searches)).await;
    let answer = answer.map_err(|error| Failure::new(error.to_string(), "report it with the log or the recording"))?;
    if args.json {
        crate::out::say!("{}", crate::view::text(&answer));
    } else {
        crate::out::write_out(format_args!("{}", words::what_if(&Clock(offset), &answer)));
    }
    let refused = answer.events.iter().any(|event| event.refused.is_some());
    Ok(if refused { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// Changes in words first, then those of files, in the order in which they are given.
fn given_changes(args: &args::WhatIf) -> Result<Vec<Change>, Failure> {
    let mut changes: Vec<Change> = args.change.iter().cloned().map(Change::Words).collect();
    for path in &args.event {
        let wrong = |what: String| {
            Failure::new(
                format!("{}: {what}", path.display()),
                "give a file with a CloudEvent, a list of them, or one a line",
            )
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        changes.extend(events_in(&text).map_err(wrong)?.into_iter().map(Change::Event));
    }
    Ok(changes)
}

/// The events of a text: one, a list, or one a line.
///
/// # Errors
///
/// What cannot be read, and where.
pub(crate) fn events_in(text: &str) -> Result<Vec<Value>, String> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(events)) => Ok(events),
        Ok(event) => Ok(vec![event]),
        Err(whole) => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let read = |(at, line): (usize, &str)| {
                serde_json::from_str::<Value>(line)
                    .map_err(|error| if at == 0 { whole.to_string() } else { format!("line {}: {error}", at + 1) })
            };
            lines.map(read).collect()
        }
    }
}
