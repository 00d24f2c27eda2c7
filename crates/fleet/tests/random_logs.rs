//! Any log at all: every promise after every entry, and the same end however it is folded.

mod support;

use fleetfold_fleet::Fleet;
use fleetfold_model::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use support::{Step, at, log_of, name};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec((any::<u8>(), any::<u8>(), any::<u8>(), -2_000i32..2_000, 0u16..40), 1..160)
}

proptest! {
    #[test]
    fn positions_between_the_entries_of_a_log_change_nothing(
        steps in steps(),
        hints in vec((any::<u8>(), -3_000i32..3_000, 0i64..9_000_000), 160),
    ) {
        let log = log_of(&steps);
        let (mut quiet, mut noisy) = (Fleet::new(), Fleet::new());
        for (entry, (vehicle, x, when)) in log.iter().zip(hints) {
            let vehicle = name(&format!("v{}", vehicle % 4));
            noisy.hint(&vehicle, at(x), Timestamp(1_000_000 + when));
            prop_assert_eq!(quiet.apply(entry), noisy.apply(entry));
            prop_assert_eq!(quiet.digest(), noisy.digest());
        }
    }

    #[test]
    fn a_fleet_read_from_its_image_goes_on_as_the_one_it_was_taken_from(steps in steps(), part in 0usize..160) {
        let log = log_of(&steps);
        let (before, after) = log.split_at(part.min(log.len()));
        let mut fleet = Fleet::new();
        for entry in before {
            fleet.apply(entry);
        }
        let image = fleet.clone_without_index().image();
        let mut read = Fleet::from_image(image.clone()).unwrap();
        prop_assert_eq!(read.image(), image);
        prop_assert_eq!((read.digest(), read.facts_digest()), (fleet.digest(), fleet.facts_digest()));
        prop_assert_eq!((read.chain(), read.unanswered()), (fleet.chain(), fleet.unanswered()));
        prop_assert_eq!(read.check().map_err(|broken| broken.to_string()), Ok(()));
        for entry in after {
            prop_assert_eq!(fleet.apply(entry), read.apply(entry));
            prop_assert_eq!(fleet.digest(), read.digest());
        }
        prop_assert_eq!(read.image(), fleet.image());
        read.check().unwrap();
    }

    #[test]
    fn a_copy_does_not_change_when_the_fleet_goes_on(steps in steps(), part in 0usize..160) {
        let log = log_of(&steps);
        let mut fleet = Fleet::new();
        let (before, after) = log.split_at(part.min(log.len()));
        for entry in before {
            fleet.apply(entry);
        }
        let copy = fleet.clone_without_index();
        let image = copy.image();
        for entry in after {
            fleet.apply(entry);
        }
        prop_assert_eq!(copy.image(), image);
        copy.check().unwrap();
        fleet.check().unwrap();
    }
}
