//! The documents of reasons in plain English, for a terminal.

use std::fmt::Write as _;

use super::documents::{
    Cost, Delay, Difference, ExplainedOrder, ExplainedVehicle, Give, GroupReason, Offer, OrderReason, Place,
    PlanReason, StopTimes, Trigger, WhatIf,
};

/// Alternatives that are told one by one; of the others how many there are.
const TOLD: usize = 12;

/// Orders that become later and are told one by one.
const DELAYS_TOLD: usize = 6;

/// The clock of a zone, for people.
pub(crate) struct Clock(pub(crate) i64);

impl Clock {
    fn time(&self, at: i64) -> String {
        let instant = jiff::Timestamp::from_millisecond(at.saturating_add(self.0));
        instant.map_or_else(|_| at.to_string(), |at| at.to_string()[11..19].to_owned())
    }

    fn day(&self, at: i64) -> String {
        let instant = jiff::Timestamp::from_millisecond(at.saturating_add(self.0));
        instant.map_or_else(|_| at.to_string(), |at| at.to_string()[..19].replace('T', " "))
    }
}

/// A span as minutes and seconds.
fn span(seconds: f64) -> String {
    let whole = seconds.abs().round() as i64;
    let (hours, minutes, rest) = (whole / 3600, whole % 3600 / 60, whole % 60);
    match (hours, minutes) {
        (0, 0) if whole == 0 && seconds != 0.0 => format!("{:.1} s", seconds.abs()),
        (0, 0) => format!("{rest} s"),
        (0, _) if rest == 0 => format!("{minutes} min"),
        (0, _) => format!("{minutes} min {rest} s"),
        (_, _) => format!("{hours} h {minutes} min"),
    }
}

fn cost(cost: &Cost) -> String {
    let mut text = format!(
        "{:.2}: driving {:.2} ({}, {:.1} km)",
        cost.total,
        cost.drive,
        signed(cost.drive_seconds),
        cost.drive_meters as f64 / 1e3
    );
    for (what, price) in [
        ("change of vehicle", cost.change),
        ("use of the vehicle", cost.fixed),
        ("leaving its place", cost.coverage),
        ("time to completion", cost.flow),
    ] {
        if price != 0.0 {
            let _ = write!(text, ", {what} {price:.2}");
        }
    }
    if cost.late_seconds != 0.0 {
        let _ = write!(text, ", lateness {:.2} ({})", cost.late, signed(cost.late_seconds));
    }
    if cost.wait_seconds != 0.0 {
        let _ = write!(text, ", waiting {}", signed(cost.wait_seconds));
    }
    if cost.overtime_seconds != 0.0 {
        let _ = write!(text, ", overtime {}", signed(cost.overtime_seconds));
    }
    text
}

fn signed(seconds: f64) -> String {
    if seconds < 0.0 { format!("-{}", span(seconds)) } else { span(seconds) }
}

fn stop_words(clock: &Clock, stop: &StopTimes) -> String {
    let late =
        if stop.late_seconds > 0.0 { format!(", {} late", span(stop.late_seconds)) } else { ", in time".to_owned() };
    stop.start.map_or_else(
        || format!("{}, where no road leads", stop.stop),
        |start| format!("{} {}{late}", stop.stop, clock.time(start)),
    )
}

/// Each order once, with the stop of it that becomes later the most.
fn delays(delays: &[Delay]) -> String {
    let mut by_order: Vec<&Delay> = Vec::new();
    for delay in delays {
        match by_order.iter_mut().find(|known| known.order == delay.order) {
            Some(known) if known.later_seconds >= delay.later_seconds => {}
            Some(known) => *known = delay,
            None => by_order.push(delay),
        }
    }
    let late = |order: &str| {
        let late = |delay: &&Delay| delay.order == order && delay.late_seconds > delay.late_seconds_before;
        delays.iter().filter(late).map(|delay| delay.late_seconds).fold(0.0, f64::max)
    };
    let mut told: Vec<String> = Vec::new();
    for delay in by_order.iter().take(DELAYS_TOLD) {
        let late = late(&delay.order);
        let late = if late > 0.0 { format!(" and {} late", span(late)) } else { String::new() };
        told.push(format!("{} {} later{late}", delay.order, span(delay.later_seconds)));
    }
    if by_order.len() > DELAYS_TOLD {
        told.push(format!("{} orders more", by_order.len() - DELAYS_TOLD));
    }
    told.join(", ")
}

fn give(give: &Give) -> String {
    let by = give.by.unwrap_or(0.0);
    let other = give.vehicle.as_deref().unwrap_or("another vehicle");
    match give.what {
        "off_duty" => "it is off duty".to_owned(),
        "lost" => "it is lost: broken down or out of contact".to_owned(),
        "pinned" => format!("the order is pinned to {other}"),
        "on_board" => format!("the goods are on board of {other}"),
        "under_way" => format!("{other} is under way to it"),
        "rejected" => "its driver has rejected the order".to_owned(),
        "silent" => "nothing is heard of it".to_owned(),
        "skills" => format!("it lacks the skill {}", give.skills.join(", ")),
        "stops" => format!("it may have {by} stops fewer than that"),
        "reloads" => format!("it would have to be loaded {by} times more than it may"),
        "capacity" => format!("it is full by {by} in dimension {}", give.dimension.unwrap_or(1)),
        "shift" => format!("its shift ends {} too early", span(by)),
        "driving_time" => {
            let limit = match give.limit {
                Some("driving") => "drive without a break",
                Some("duty") => "be at work",
                Some(_) | None => "drive in his shift",
            };
            format!("its driver would {limit} for {} longer than he may", span(by))
        }
        "promise" => format!("it is {} later than promised", span(by)),
        "unreachable" => "no road leads there".to_owned(),
        "unloading_order_or_break" => "the order of unloading or a break has no place for it".to_owned(),
        "price" => format!("it would cost {by:.2} more than leaving the order out"),
        other => other.to_owned(),
    }
}

/// Rules that an order breaks, in words.
pub(super) fn broken(breaks: &[Give]) -> String {
    breaks.iter().map(give).collect::<Vec<_>>().join(", ")
}

fn needs(offer: &Offer) -> String {
    let ways: Vec<String> =
        offer.needs.iter().map(|way| way.iter().map(give).collect::<Vec<_>>().join(" and ")).collect();
    let mut text = ways.join(", or ");
    if offer.route_is_broken {
        let _ = write!(text, "{}its route breaks a rule as it is", if text.is_empty() { "" } else { "; " });
    }
    text
}

fn offer(clock: &Clock, offer: &Offer) -> String {
    let Some(parts) = &offer.cost else { return format!("{}: no: {}", offer.vehicle, needs(offer)) };
    let compared = match offer.dearer_by {
        Some(by) if by >= 0.0 => format!("dearer by {by:.2}, "),
        Some(by) if offer.makes_late => {
            format!(
                "cheaper by {:.2}, but somebody would be late, and an answer takes what keeps all promises first: ",
                -by
            )
        }
        Some(by) => format!("would have been cheaper by {:.2}, ", -by),
        None => String::new(),
    };
    let stops: Vec<String> = offer.stops.iter().map(|stop| stop_words(clock, stop)).collect();
    let mut text = format!("{}: {compared}{}; {}", offer.vehicle, cost(parts), stops.join(", "));
    if !offer.delays.is_empty() {
        let _ = write!(text, "; {}", delays(&offer.delays));
    }
    if !offer.limits_broken.is_empty() {
        let _ = write!(text, "; not accepted: {}", offer.limits_broken.join(", "));
    }
    text
}

fn offers(text: &mut String, clock: &Clock, list: &[Offer], not_asked: usize) {
    for one in list.iter().take(TOLD) {
        let _ = writeln!(text, "      {}", offer(clock, one));
    }
    let more = list.len().saturating_sub(TOLD) + not_asked;
    if more > 0 {
        let _ = writeln!(text, "      ({more} vehicles more are not told here; --vehicles asks more)");
    }
}

fn trigger(clock: &Clock, trigger: &Trigger) -> String {
    let entries: Vec<String> = trigger
        .entries
        .iter()
        .take(TOLD)
        .map(|cause| {
            let about = cause.subject.as_deref().map_or(String::new(), |subject| format!(" of {subject}"));
            format!(
                "entry {} {}{about} (id {}, logged {})",
                cause.seq,
                cause.kind,
                cause.id,
                clock.time(cause.logged_at)
            )
        })
        .collect();
    let entries = entries.join("; ");
    match trigger.kind {
        "facts" => format!("triggered by {entries}"),
        "search" => format!("found by a search of {} rounds over routes that were last changed by {entries}", trigger.rounds),
        _ => "no event asked for it: a promise was about to break, times had moved, or there was room for an order on no route".to_owned(),
    }
}

fn order_reason(text: &mut String, clock: &Clock, reason: &OrderReason) {
    let from = reason.from.as_deref().map_or(String::new(), |from| format!(" from {from}"));
    match (&reason.vehicle, reason.unassigned) {
        (Some(vehicle), _) => {
            let _ = writeln!(text, "    {} went{from} to {vehicle}", reason.order);
        }
        (None, why) => {
            let _ = writeln!(
                text,
                "    {} was left on no route{from}: {}",
                reason.order,
                why.unwrap_or("no reason is told")
            );
        }
    }
    if let Some(parts) = &reason.cost {
        let _ = writeln!(text, "      costs {}", cost(parts));
    }
    if !reason.stops.is_empty() {
        let stops: Vec<String> = reason.stops.iter().map(|stop| stop_words(clock, stop)).collect();
        let _ = writeln!(text, "      {}", stops.join(", "));
    }
    if !reason.breaks.is_empty() {
        let _ = writeln!(text, "      a dispatcher's word counts more than this: {}", broken(&reason.breaks));
    }
    if !reason.delays.is_empty() {
        let _ = writeln!(text, "      makes later: {}", delays(&reason.delays));
    }
    if !reason.alternatives.is_empty() {
        let _ = writeln!(text, "      the others:");
    }
    offers(text, clock, &reason.alternatives, reason.not_asked);
}

fn group(text: &mut String, clock: &Clock, group: &GroupReason) {
    let _ = writeln!(text, "  {}", trigger(clock, &group.trigger));
    if !group.accepted {
        let _ = writeln!(text, "  refused: its routes had changed meanwhile, nothing of it came true");
        return;
    }
    if group.joint > 1 {
        let saving = match group.saving {
            Some(saving) if saving >= 0.0 => format!(", which saves {saving:.2}"),
            Some(saving) => format!(", which costs {:.2} more", -saving),
            None => String::new(),
        };
        let _ = writeln!(text, "  part of a joint change of {} orders{saving}", group.joint);
    }
    if group.joint == 0 && !group.routes.is_empty() {
        let _ = writeln!(text, "  no order moved: times, or the order of stops, were told anew");
    }
    for route in &group.routes {
        let say = |parts: &Option<Cost>| parts.as_ref().map_or("not to be driven within its limits".to_owned(), cost);
        let _ = writeln!(
            text,
            "    route of {}: before {}; after {}",
            route.vehicle,
            say(&route.before),
            say(&route.after)
        );
        if route.off_seconds >= 1.0 {
            let _ = writeln!(
                text,
                "      (the plan's times differ from these by up to {}: other roads, or positions that are not in the log)",
                span(route.off_seconds)
            );
        }
    }
    for reason in &group.orders {
        order_reason(text, clock, reason);
    }
}

pub(crate) fn decision(clock: &Clock, decision: &PlanReason) -> String {
    let mut text = format!(
        "decision {} (entry {}), made on what was known at entry {}, {}\n",
        decision.decision,
        decision.seq,
        decision.based_on_seq,
        clock.day(decision.at)
    );
    for one in &decision.groups {
        group(&mut text, clock, one);
    }
    text
}

pub(crate) fn order(clock: &Clock, order: &ExplainedOrder) -> String {
    let on = order.vehicle.as_deref().map_or(String::new(), |vehicle| format!(" on {vehicle}"));
    let mut text =
        format!("{} (entry {}): {} is {}{on}\n", clock.day(order.at), order.applied, order.order, order.status);
    for stop in &order.stops {
        let _ = writeln!(text, "  {}", stop_words(clock, stop));
    }
    match &order.decision {
        Some(made) => text.push_str(&decision(clock, made)),
        None => text.push_str("no decision in this log is about it\n"),
    }
    if !order.now.is_empty() {
        let _ = writeln!(text, "what would have to give now:");
        offers(&mut text, clock, &order.now, order.not_asked.unwrap_or(0));
    }
    text
}

pub(crate) fn vehicle(clock: &Clock, vehicle: &ExplainedVehicle) -> String {
    let (at, id, status) = (clock.day(vehicle.at), &vehicle.vehicle, vehicle.status);
    let mut text = format!("{at} (entry {}): {id} is {status}\n", vehicle.applied);
    match &vehicle.cost {
        Some(parts) if !vehicle.visits.is_empty() => {
            let _ = writeln!(text, "  what is left of its route costs {}", cost(parts));
        }
        Some(_) => text.push_str("  its route is empty\n"),
        None => text.push_str("  its route cannot be driven within its limits\n"),
    }
    for visit in &vehicle.visits {
        let late =
            if visit.late_seconds > 0.0 { format!(", {} late", span(visit.late_seconds)) } else { String::new() };
        let by = visit.decision.map_or(String::new(), |by| format!(" (decision {by})"));
        let frozen = if visit.frozen { ", under way" } else { "" };
        if let Some(at) = visit.reload {
            let _ = writeln!(text, "  {} at a depot, to be loaded for the next trip", clock.time(at));
        }
        let start = visit.start.map_or("no road leads to the".to_owned(), |start| clock.time(start));
        let _ = writeln!(text, "  {start} {} of {}{late}{frozen}{by}", visit.stop, visit.order);
    }
    if let Some(made) = &vehicle.decision {
        text.push_str("its route was last changed by\n");
        text.push_str(&decision(clock, made));
    }
    text
}

fn place(clock: &Clock, place: &Place) -> String {
    let late = if place.late_seconds > 0.0 { format!(", {} late", span(place.late_seconds)) } else { String::new() };
    match (&place.vehicle, place.start) {
        (Some(vehicle), Some(start)) => format!("{vehicle} at {}{late}", clock.time(start)),
        (Some(vehicle), None) => vehicle.clone(),
        (None, _) => place.unassigned.map_or(place.status.to_owned(), |why| format!("no route: {why}")),
    }
}

fn difference(text: &mut String, clock: &Clock, one: &Difference) {
    let later = match one.later_seconds {
        Some(later) if later > 0.0 => format!(" ({} later)", span(later)),
        Some(later) if later < 0.0 => format!(" ({} earlier)", span(later)),
        _ => String::new(),
    };
    // What it broke before, too, is nothing that these changes do.
    let broken = one.after.breaks.as_ref().filter(|&breaks| one.before.breaks.as_ref() != Some(breaks));
    let broken = broken.map_or(String::new(), |breaks| format!("; breaks: {breaks}"));
    let (before, after) = (place(clock, &one.before), place(clock, &one.after));
    let _ = writeln!(text, "  {}: {before} -> {after}{later}{broken}", one.order);
    offers(text, clock, &one.offers, 0);
}

pub(crate) fn what_if(clock: &Clock, answer: &WhatIf) -> String {
    let mut text = format!("what if, at {} (entry {}):\n", clock.day(answer.at), answer.applied);
    for tried in &answer.events {
        let field = |name: &str| tried.event.get(name).and_then(serde_json::Value::as_str).unwrap_or("");
        let refused = tried.refused.map_or(String::new(), |why| format!(": refused, {why}"));
        let _ = writeln!(text, "  {} {}{refused}", field("type"), field("subject"));
    }
    if answer.unsettled {
        let _ = writeln!(text, "  the engine did not come to an end: this is not the whole of it");
    }
    if answer.orders.is_empty() {
        let _ = writeln!(text, "no order would change");
    } else {
        let counts: Vec<String> = answer.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let _ = writeln!(text, "{} orders would change: {}", answer.orders.len(), counts.join(", "));
    }
    for one in &answer.orders {
        difference(&mut text, clock, one);
    }
    let (before, after) = (&answer.cost_before, &answer.cost_after);
    let _ = writeln!(
        text,
        "cost before {:.2}, after {:.2} ({:+.2})",
        before.total,
        after.total,
        after.total - before.total
    );
    let _ = writeln!(text, "  routes before {}", cost(&before.routes));
    let _ = writeln!(text, "  routes after  {}", cost(&after.routes));
    let _ = writeln!(
        text,
        "  on no route before {} ({:.2}), after {} ({:.2})",
        before.unassigned, before.unserved, after.unassigned, after.unserved
    );
    if before.undrivable_routes + after.undrivable_routes > 0 {
        let _ = writeln!(
            text,
            "  routes that cannot be driven within their limits, not counted: before {}, after {}",
            before.undrivable_routes, after.undrivable_routes
        );
    }
    text
}
