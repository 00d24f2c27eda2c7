//! The digest of one log, as a number: it must be the same in every build of one format.

mod support;

use fleetfold_fleet::Fleet;
use support::{Step, log_by};

/// A log of every kind of event, always the same (a linear congruential generator, constants of Knuth's MMIX).
fn fixed_steps(count: usize) -> Vec<Step> {
    let mut state = 16_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let mut step = || (next() as u8, next() as u8, next() as u8, (next() % 4_000) as i32 - 2_000, (next() % 20) as u16);
    (0..count).map(|_| step()).collect()
}

/// When this fails, the digest of a log has changed. That is right only when the fold decides something differently or the
/// digest covers something else, and then `fleetfold_model::FORMAT` rises with it; a new name or another order of
/// declarations is no reason.
#[test]
fn the_digest_of_a_fixed_log_is_what_it_was() {
    for (rules, digest) in
        [(2, "2e7a6a7106ae9da6"), (3, "40c530b91a82ece9"), (4, "73cc833d336318a4"), (5, "0f0734c61c22e621")]
    {
        assert_eq!((fleetfold_model::FORMAT, digest_by(rules).as_str()), (2, digest), "rules {rules}");
    }
}

fn digest_by(rules: u16) -> String {
    let log = log_by(&fixed_steps(600), rules);
    let mut fleet = Fleet::new();
    let mut all = 0_u64;
    for entry in &log {
        fleet.apply(entry);
        all = all.rotate_left(7) ^ fleet.digest() ^ fleet.facts_digest().rotate_left(1);
    }
    let accepted = fleet.counters().groups_accepted;
    assert!(accepted > 20 && fleet.counters().refused > 50 && fleet.unanswered().len() < 100, "{:?}", fleet.counters());
    format!("{all:016x}")
}
