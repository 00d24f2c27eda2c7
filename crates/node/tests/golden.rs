//! Days that earlier versions recorded, and bases that they stored, fold to the digests that they recorded: in every build, for
//! ever. A change that fails here is a change of history.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::{ZoneName, base};
use fleetfold_model::{Event, LogEntry, LogSeq, Timestamp};
use fleetfold_wire::{DayLine, EventType, What, decode, read_day_line};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/golden")
}

/// The files of a version with this ending.
fn files(version: &str, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(golden().join(version))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {ending} of version {version}");
    files
}

/// Versions whose digests this program's fold must give, and those of the format before, which are read by a stated conversion.
fn versions() -> Vec<String> {
    let mut versions: Vec<String> = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    versions.sort();
    versions
}

fn replay(day: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fleetfold")).arg("replay").arg(day).output().unwrap()
}

struct Recorded {
    entries: Vec<LogEntry>,
    digest: String,
}

fn recorded(day: &Path) -> Recorded {
    let text = std::fs::read_to_string(day).unwrap();
    let (mut entries, mut digest) = (Vec::new(), String::new());
    for (index, line) in text.lines().enumerate() {
        match read_day_line(index + 1, line).unwrap() {
            DayLine::Recorded { seq, logged_at, message } => {
                let decoded = decode(message.as_bytes()).unwrap();
                let What::Event(event) = decoded.what else { panic!("a position among the facts") };
                let id = if event.own_epoch().is_some() { 0 } else { decoded.id };
                let at: jiff::Timestamp = logged_at.parse().unwrap();
                let logged_at = Timestamp(at.as_millisecond());
                entries.push(LogEntry {
                    numbered: decoded.numbered,
                    seq: LogSeq(seq),
                    logged_at,
                    id,
                    time: Some(decoded.at),
                    hash: decoded.hash,
                    event,
                });
            }
            DayLine::Footer(footer) => digest = footer.digest,
            DayLine::Header(_) | DayLine::Event { .. } => {}
        }
    }
    Recorded { entries, digest }
}

#[test]
fn every_golden_day_folds_to_its_recorded_digest() {
    for version in versions().iter().filter(|version| version.as_str() != "0.1.0") {
        for day in files(version, ".jsonl") {
            let output = replay(&day);
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {words}", day.display());
            assert!(words.contains("replay ends in the recorded digest"), "{}: {words}", day.display());
        }
    }
}

/// Version 0.1 made its digests of memory: they are not compared, and the program says so. What this fold makes of the day
/// stays the same from now on.
#[test]
fn a_day_of_version_0_1_is_read_once_more_by_a_stated_conversion() {
    for day in files("0.1.0", ".jsonl") {
        let output = replay(&day);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {words}", day.display());
        assert!(words.contains("cannot be compared"), "{}: {words}", day.display());
        let expected = std::fs::read_to_string(day.with_extension("digest")).unwrap();
        assert!(words.contains(expected.trim()), "{}: {words}", day.display());
    }
}

#[test]
fn a_golden_base_and_the_rest_of_its_day_end_in_the_same_digest() {
    for version in versions().iter().filter(|version| version.as_str() != "0.1.0") {
        for packed in files(version, ".base.zst") {
            let name = packed.file_name().unwrap().to_string_lossy().replace(".base.zst", "");
            let document = zstd::decode_all(std::fs::File::open(&packed).unwrap()).unwrap();
            let zone = ZoneName::new("golden", &name).unwrap();
            let (mut fleet, _) = base::read(&document, &zone).unwrap();
            let day = recorded(&packed.with_file_name(format!("{name}.jsonl")));
            let begun = fleet.applied();
            let mut whole = Fleet::new();
            let mut tally = Tally::default();
            for entry in &day.entries {
                let change = whole.apply(entry);
                tally.observe(entry, &change, &whole);
                if entry.seq == begun {
                    assert_eq!(whole.digest(), fleet.digest(), "{}: at its own entry", packed.display());
                }
                if entry.seq > begun {
                    fleet.apply(entry);
                }
            }
            assert_eq!(format!("{:016x}", fleet.digest()), day.digest, "{}", packed.display());
        }
    }
}

/// Otherwise the golden days say nothing about the type that is missing.
#[test]
fn the_golden_days_have_every_type_of_event() {
    let mut missing: Vec<&str> = EventType::ALL.iter().map(|kind| kind.name()).collect();
    let (mut accepted, mut refused, mut epochs) = (0, 0, std::collections::BTreeSet::new());
    for version in versions().iter().filter(|version| version.as_str() != "0.1.0") {
        for day in files(version, ".jsonl") {
            let mut fleet = Fleet::new();
            for entry in recorded(&day).entries {
                missing.retain(|kind| *kind != fleetfold_wire::event_type(&entry.event));
                let change = fleet.apply(&entry);
                if let (Event::PlanProposed(plan), Some(outcome)) = (&entry.event, &change.plan) {
                    epochs.insert(plan.epoch);
                    accepted += outcome.accepted.iter().filter(|accepted| **accepted).count();
                    refused += outcome.accepted.iter().filter(|accepted| !**accepted).count();
                }
            }
        }
    }
    // Positions are no facts, assignments are derived, a repair needs a fault in the program, and alerts, notes and the like came after these days.
    missing.retain(|kind| {
        let later = [
            "alert.",
            "order.retried.",
            "slot.",
            "order.confirmed.",
            "hold.",
            "break.",
            "reload.",
            "attention.",
            "person.",
        ];
        let later = later.iter().any(|later| kind.starts_with(&format!("fleet.{later}")));
        !later && !["fleet.position.v1", "fleet.assignment.v1", "fleet.repair.asked.v1"].contains(kind)
    });
    assert_eq!(missing, Vec::<&str>::new());
    assert!(
        accepted > 0 && refused > 0 && epochs.len() >= 3,
        "accepted {accepted}, refused {refused}, terms {epochs:?}"
    );
}
