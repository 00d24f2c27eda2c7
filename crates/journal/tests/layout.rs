//! The layout of snapshots: nobody changes it without raising its format.

use fleetfold_fleet::{Activity, Closed, Duty, EarlyWord, Fleet, Placement, Tally, Told, Turn};
use fleetfold_journal::{SNAPSHOT_FORMAT, SNAPSHOT_LAYOUT};
use fleetfold_model::{
    AlertKind, Diversion, FailReason, Freeze, LoadDirection, OnBoardRule, OrderWork, RoadTarget, Space, StopKind,
    UnassignedReason,
};
use serde::Deserialize;
use serde_reflection::{Tracer, TracerConfig};

/// The names and types of all fields and variants, in their order, as text.
fn layout(trace: impl FnOnce(&mut Tracer) -> serde_reflection::Result<()>) -> String {
    let mut tracer = Tracer::new(TracerConfig::default());
    trace(&mut tracer).unwrap();
    // An enum that is not traced below has an unknown variant here, and the message names it.
    let registry = tracer.registry().unwrap();
    let lines = registry.iter().map(|(name, format)| format!("{name} {}\n", serde_json::to_string(format).unwrap()));
    lines.collect()
}

fn fingerprint(layout: &str) -> String {
    fleetfold_wire::message_hash(layout.as_bytes()).to_string()
}

fn snapshot_layout() -> String {
    layout(|tracer| {
        // One pass sees one variant of an enum inside another type: each enum is traced by itself first.
        tracer.trace_simple_type::<Space>()?;
        tracer.trace_simple_type::<StopKind>()?;
        tracer.trace_simple_type::<FailReason>()?;
        tracer.trace_simple_type::<UnassignedReason>()?;
        tracer.trace_simple_type::<LoadDirection>()?;
        tracer.trace_simple_type::<OnBoardRule>()?;
        tracer.trace_simple_type::<Diversion>()?;
        tracer.trace_simple_type::<Freeze>()?;
        tracer.trace_simple_type::<AlertKind>()?;
        tracer.trace_simple_type::<Told>()?;
        tracer.trace_simple_type::<Activity>()?;
        tracer.trace_simple_type::<Turn>()?;
        tracer.trace_simple_type::<Duty>()?;
        tracer.trace_simple_type::<EarlyWord>()?;
        tracer.trace_simple_type::<OrderWork>()?;
        tracer.trace_simple_type::<RoadTarget>()?;
        tracer.trace_simple_type::<Closed>()?;
        tracer.trace_simple_type::<Placement>()?;
        tracer.trace_simple_type::<Fleet>()?;
        tracer.trace_simple_type::<Tally>()?;
        Ok(())
    })
}

#[test]
fn the_layout_of_the_state_is_the_one_that_the_snapshot_format_stands_for() {
    let layout = snapshot_layout();
    let found = fingerprint(&layout);
    assert!(
        found == SNAPSHOT_LAYOUT,
        "the layout of the state changed: raise SNAPSHOT_FORMAT (now {SNAPSHOT_FORMAT}) and record the new fingerprint \
         \"{found}\" in crates/journal/src/format.rs. The layout is now:\n{layout}"
    );
}

#[test]
fn the_layout_names_every_part_of_the_state() {
    let layout = snapshot_layout();
    let parts = ["VehicleState {", "StoredBase {", "TimeWindow {", "\"over_since\"", "\"NoAccess\"", "\"rounds\""];
    for part in parts {
        assert!(layout.contains(part), "{part} is missing from\n{layout}");
    }
}

#[test]
fn a_field_that_is_added_moved_renamed_or_retyped_changes_the_fingerprint() {
    macro_rules! fingerprint_of {
        ($($field:ident: $type:ty),*) => {{
            #[derive(Deserialize)]
            #[allow(dead_code, reason = "only its layout is looked at")]
            struct State { $($field: $type),* }
            fingerprint(&layout(|tracer| tracer.trace_simple_type::<State>().map(drop)))
        }};
    }
    let now = fingerprint_of!(applied: u64, count: u32);
    assert_eq!(now, fingerprint_of!(applied: u64, count: u32));
    assert_ne!(now, fingerprint_of!(applied: u64, count: u32, added: bool));
    assert_ne!(now, fingerprint_of!(count: u32, applied: u64));
    assert_ne!(now, fingerprint_of!(applied: u64, number: u32));
    assert_ne!(now, fingerprint_of!(applied: u64, count: u64));
    assert_ne!(now, fingerprint_of!(applied: u64, count: Option<u32>));
}
