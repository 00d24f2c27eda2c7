//! Events as earlier versions wrote them, byte for byte out of their logs (`tests/older/`): each is read as the event of now that it is.

use std::fs;
use std::path::Path;

use fleetfold_model::Event;
use fleetfold_wire::{What, decode, message_hash};

#[test]
fn what_earlier_versions_wrote_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/older");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let decoded = decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Chains are made of the bytes that stand in the log.
        assert_eq!(decoded.hash, message_hash(&bytes));
        // What is lifted is no mistake of a producer.
        assert!(decoded.warnings.is_empty(), "{}: {:?}", path.display(), decoded.warnings);
        match decoded.what {
            What::Event(Event::PlanProposed(plan)) => assert_eq!((plan.format, plan.rules, plan.rev), (1, 1, 1)),
            What::Event(Event::FeaturesLearned(learned)) => assert_eq!((learned.epoch, learned.speeds.len()), (0, 7)),
            other => panic!("{}: no step leads to {other:?}", path.display()),
        }
        seen += 1;
    }
    assert_eq!(seen, 2);
}
