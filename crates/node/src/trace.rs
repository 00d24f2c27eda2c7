//! Traces: from an event that brings a `traceparent` (the CloudEvents extension for distributed tracing) to the decision about it and to
//! the assignment that a driver is told. The plan's message and the assignment's carry it on as a header of that name; with `--otlp`, the
//! three spans go to a collector.
//!
//! The ids of our spans are made of what they are about, so that whoever tells a route again after a restart names the same span.
//!
//! Absent on purpose: events without a trace begin none. A fleet that wants one for each order lets its producers begin it.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{Request, Response};
use bytes::Bytes;
use fleetfold_journal::ZoneName;
use fleetfold_model::{Event, LogEntry, LogSeq, Name, Timestamp};
use fleetfold_wire::CloudEvent;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor};

use crate::failure::Failure;

/// The name of the header, as W3C Trace Context has it.
pub(crate) const HEADER: &str = "traceparent";
/// Events whose traces are known: those of a burst are answered before so many others have come.
const KNOWN_MAX: usize = 4096;
/// A collector that does not take spans within this time does not get them.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);
/// Where spans are sent, below the address of a collector.
const PATH: &str = "/v1/traces";

/// A span of a trace, as a `traceparent` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    id: u128,
    span: u64,
    flags: u8,
}

impl Trace {
    /// Reads a `traceparent` of this or of a later version of it. `None`: it is none, and there is no trace.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let legal = part.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
            legal.then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let (version, id, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        let more = parts.next().is_some();
        (version != 0xff && id != 0 && span != 0 && !(version == 0 && more)).then_some(Self {
            id,
            span: span as u64,
            flags: flags as u8,
        })
    }

    /// A span below this one, by what it is about.
    fn child(self, about: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.id.to_be_bytes()).update(&self.span.to_be_bytes()).update(about.as_bytes());
        let hash = hasher.finalize();
        let span =
            hash.as_bytes().chunks_exact(8).map(|part| part.iter().fold(0, |span, &byte| span << 8 | u64::from(byte)));
        // No span has the id 0.
        Self { span: span.into_iter().find(|&span| span != 0).unwrap_or(1), ..self }
    }

    fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.id, self.span, self.flags)
    }
}

/// An event of a trace, in the log.
#[derive(Clone, Debug)]
struct Traced {
    seq: LogSeq,
    /// The span of its producer.
    producer: Trace,
    kind: String,
    at: Timestamp,
}

impl Traced {
    fn event(&self, zone: &ZoneName) -> Trace {
        self.producer.child(&format!("event/{zone}/{}", self.seq.0))
    }
}

/// A decision of a trace: the span that an assignment is below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    pub(crate) trace: Trace,
    at: Timestamp,
}

impl Decision {
    /// The span of an assignment.
    pub(crate) fn assignment(self, vehicle: &Name, revision: LogSeq) -> Trace {
        self.trace.child(&format!("assignment/{vehicle}/{}", revision.0))
    }

    /// A driver has been told.
    pub(crate) fn told(self, zone: &ZoneName, vehicle: &Name, revision: LogSeq, at: Timestamp) {
        let about = vec![
            KeyValue::new("fleetfold.zone", zone.to_string()),
            KeyValue::new("fleetfold.vehicle", vehicle.to_string()),
            KeyValue::new("fleetfold.revision", revision.0 as i64),
        ];
        let span = self.assignment(vehicle, revision);
        emit(span, self.trace, ("assignment".into(), SpanKind::Producer), (self.at, at), about);
    }
}

/// The trace that an event brings, as its envelope says.
#[derive(Debug)]
pub(crate) struct Brought {
    producer: Trace,
    kind: String,
    id: String,
    source: String,
}

impl Brought {
    /// `None`: most events bring none.
    pub(crate) fn by(envelope: &CloudEvent) -> Option<Box<Self>> {
        let producer = envelope.traceparent.as_deref().and_then(Trace::parse)?;
        let (kind, id, source) = (envelope.kind.clone(), envelope.id.clone(), envelope.source.clone());
        Some(Box::new(Self { producer, kind, id, source }))
    }
}

/// The events of traces that may still be answered.
#[derive(Debug, Default)]
pub(crate) struct Traces(BTreeMap<LogSeq, Traced>);

impl Traces {
    /// An entry with a trace is to be folded next: it is noted, and its span is over now.
    pub(crate) fn saw(&mut self, zone: &ZoneName, entry: &LogEntry, brought: Brought, owned: bool) {
        if matches!(entry.event, Event::PlanProposed(_)) {
            return;
        }
        let Brought { producer, kind, id, source } = brought;
        let traced = Traced { seq: entry.seq, producer, kind, at: entry.logged_at };
        if owned {
            let about = vec![
                KeyValue::new("fleetfold.zone", zone.to_string()),
                KeyValue::new("fleetfold.seq", entry.seq.0 as i64),
                KeyValue::new("cloudevents.event_id", id),
                KeyValue::new("cloudevents.event_source", source),
            ];
            let named = (traced.kind.clone().into(), SpanKind::Consumer);
            emit(traced.event(zone), producer, named, (entry.logged_at, crate::clock::wall()), about);
        }
        self.0.insert(entry.seq, traced);
        if self.0.len() > KNOWN_MAX {
            self.0.pop_first();
        }
    }

    /// The decisions about events of traces in a plan, in its order; with a vehicle, those of groups that change its route.
    fn decisions<'a>(
        &'a self,
        zone: &'a ZoneName,
        event: &'a Event,
        of: Option<&'a Name>,
    ) -> impl Iterator<Item = (&'a Traced, Trace)> {
        let plan = if let Event::PlanProposed(plan) = event { Some(plan) } else { None };
        plan.into_iter().flat_map(move |plan| {
            let about = format!("plan/{}/{}", plan.epoch, plan.rev);
            let groups = plan
                .groups
                .iter()
                .filter(move |group| of.is_none_or(|of| group.routes.iter().any(|route| route.vehicle == *of)));
            let causes = groups.flat_map(|group| &group.caused_by).filter_map(|seq| self.0.get(seq));
            causes.map(move |traced| (traced, traced.event(zone).child(&about)))
        })
    }

    /// What a plan's message carries on.
    pub(crate) fn of_plan(&self, zone: &ZoneName, event: &Event) -> Option<Trace> {
        if self.0.is_empty() {
            return None;
        }
        self.decisions(zone, event, None).next().map(|(_, trace)| trace)
    }

    /// A plan was folded: its decisions stand.
    pub(crate) fn decided(&self, zone: &ZoneName, entry: &LogEntry) {
        if self.0.is_empty() {
            return;
        }
        let Event::PlanProposed(plan) = &entry.event else { return };
        for (traced, trace) in self.decisions(zone, &entry.event, None) {
            let about = vec![
                KeyValue::new("fleetfold.zone", zone.to_string()),
                KeyValue::new("fleetfold.plan", plan.rev as i64),
                KeyValue::new("fleetfold.caused_by", traced.seq.0 as i64),
            ];
            let named = ("decision".into(), SpanKind::Internal);
            emit(trace, traced.event(zone), named, (traced.at, entry.logged_at), about);
        }
    }

    /// The decision that has given a vehicle the route that it is told now; or, where a fact alone has changed it, that fact.
    pub(crate) fn of_route(&self, zone: &ZoneName, entry: Option<&LogEntry>, vehicle: &Name) -> Option<Decision> {
        let entry = entry.filter(|_| !self.0.is_empty())?;
        let decided = self.decisions(zone, &entry.event, Some(vehicle)).next().map(|(_, trace)| trace);
        let trace = decided.or_else(|| self.0.get(&entry.seq).map(|traced| traced.event(zone)))?;
        Some(Decision { trace, at: entry.logged_at })
    }
}

/// Where spans go; none: nobody has asked for them.
static SPANS: OnceLock<BatchSpanProcessor> = OnceLock::new();

fn emit(
    span: Trace,
    parent: Trace,
    (name, span_kind): (std::borrow::Cow<'static, str>, SpanKind),
    (start, end): (Timestamp, Timestamp),
    attributes: Vec<KeyValue>,
) {
    let Some(spans) = SPANS.get().filter(|_| span.is_sampled()) else { return };
    let time = |at: Timestamp| -> SystemTime { UNIX_EPOCH + Duration::from_millis(at.0.max(0) as u64) };
    // Two clocks may have read them.
    let end = end.max(start);
    // It is put into a bounded queue, and left out where that is full.
    spans.on_end(SpanData {
        span_context: SpanContext::new(
            TraceId::from(span.id),
            SpanId::from(span.span),
            TraceFlags::new(span.flags),
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::from(parent.span),
        parent_span_is_remote: span_kind == SpanKind::Consumer,
        span_kind,
        name,
        start_time: time(start),
        end_time: time(end),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("fleetfold")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    });
}

/// Sends spans to a collector from now on, on a thread of its own. One that does not answer costs spans, and nothing else.
///
/// # Errors
///
/// When that is no address.
pub(crate) fn send_to(collector: &str) -> Result<(), Failure> {
    let hint = "give the address of a collector that speaks OTLP over HTTP: --otlp http://HOST:4318";
    // What stands before an `@` is a password.
    let shown = collector.rsplit('@').next().unwrap_or_default();
    let failed = |what: &dyn std::fmt::Display| Failure::new(format!("{shown} is no collector: {what}"), hint);
    if !collector.starts_with("http://") && !collector.starts_with("https://") {
        return Err(failed(&"it begins neither with http:// nor with https://"));
    }
    let base = collector.trim_end_matches('/');
    let endpoint = if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Client(
            ureq::Agent::config_builder().timeout_global(Some(TAKEN_WITHIN)).http_status_as_error(false).build().into(),
        ))
        .with_endpoint(endpoint)
        .with_timeout(TAKEN_WITHIN)
        .build()
        .map_err(|error| failed(&error))?;
    let mut processor = BatchSpanProcessor::builder(exporter).build();
    processor.set_resource(&Resource::builder().with_service_name("fleetfold").build());
    let _ = SPANS.set(processor);
    Ok(())
}

/// Sends what is left, for a short time.
pub(crate) fn end() {
    if let Some(spans) = SPANS.get() {
        let _ = spans.shutdown_with_timeout(TAKEN_WITHIN);
    }
}

/// Blocks, on the thread of the spans.
#[derive(Debug)]
struct Client(ureq::Agent);

impl HttpClient for Client {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let sent = self.0.run(request.map(|body| body.to_vec())).map_err(HttpError::from).and_then(|mut answer| {
            let body = answer.body_mut().read_to_vec()?;
            Ok(answer.map(|_| Bytes::from(body)))
        });
        Box::pin(ready(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_as_w3c_says() {
        let trace = Trace::parse(GOOD).unwrap();
        assert_eq!(trace.to_string(), GOOD);
        assert!(trace.is_sampled());
        // A later version may say more.
        assert_eq!(Trace::parse(&format!("cc{}-what-comes", &GOOD[2..])), Some(trace));
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_below_one_are_of_its_trace_and_differ() {
        let trace = Trace::parse(GOOD).unwrap();
        let (one, other) = (trace.child("one"), trace.child("other"));
        assert_eq!((one.id, one.flags), (trace.id, trace.flags));
        assert!(one != other && one != trace && one == trace.child("one"));
    }
}
