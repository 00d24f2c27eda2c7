//! Alerts in the fold: each stands once, however often and by whom it is said.

mod support;

use std::collections::BTreeMap;

use fleetfold_fleet::{Fleet, Refused};
use fleetfold_model::{Alert, AlertAcknowledged, AlertCleared, AlertKind, AlertRaised, Event, Millis, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{Log, name};

fn late(order: &str) -> Alert {
    Alert::new(AlertKind::PredictedLate, Some(name(order))).unwrap()
}

fn raised(alert: Alert, at: i64) -> Event {
    Event::AlertRaised(AlertRaised {
        alert,
        at: Timestamp(at),
        span: Millis(61_000),
        detail: "late".to_owned(),
        epoch: 1,
    })
}

fn cleared(alert: Alert, at: i64) -> Event {
    Event::AlertCleared(AlertCleared { alert, at: Timestamp(at), epoch: 1 })
}

fn seen(alert: Alert, by: &str, until: Option<i64>) -> Event {
    Event::AlertAcknowledged(AlertAcknowledged { alert, by: Some(name(by)), until: until.map(Timestamp) })
}

#[test]
fn an_alert_is_raised_once_and_cleared_once() {
    let mut log = Log::new();
    let digest = log.fleet.digest();
    assert_eq!(log.tell(cleared(late("o1"), 1)).refused, Some(Refused::NoSuchAlert));
    assert_eq!(log.tell(raised(late("o1"), 2)).alerts, [late("o1")]);
    assert_eq!(log.tell(raised(late("o1"), 3)).refused, Some(Refused::AlertStands), "another owner says the same");
    assert_eq!(log.fleet.alert(&late("o1")).unwrap().raised, Timestamp(2));
    assert_eq!(log.tell(raised(late("o2"), 3)).refused, None, "another order");
    assert_eq!(log.tell(cleared(late("o1"), 4)).refused, None);
    assert_eq!(log.tell(cleared(late("o2"), 4)).refused, None);
    assert_eq!(log.fleet.alerts().len(), 0);
    assert_eq!(log.fleet.digest(), digest, "nothing of it is left, and zones that never had one are as before");
}

#[test]
fn an_acknowledged_alert_is_quiet_and_one_that_was_put_off_only_until_then() {
    let mut log = Log::new();
    assert_eq!(log.tell(seen(late("o1"), "maria", None)).refused, Some(Refused::NoSuchAlert));
    log.tell(raised(late("o1"), 1));
    let now = Timestamp(log.now);
    assert!(!log.fleet.alert(&late("o1")).unwrap().is_quiet(now));
    log.tell(seen(late("o1"), "maria", Some(log.now + 60_000)));
    let state = log.fleet.alert(&late("o1")).unwrap().clone();
    assert_eq!(state.acknowledged.as_ref().unwrap().by, Some(name("maria")));
    assert!(state.is_quiet(now + Millis(59_999)) && !state.is_quiet(now + Millis(60_000)));
    // Another operator, later: for good.
    log.now += 1_000;
    log.tell(seen(late("o1"), "jo", None));
    assert!(log.fleet.alert(&late("o1")).unwrap().is_quiet(Timestamp(i64::MAX)));
    // What was said before comes last, and does not count.
    log.behind = 1_500;
    assert_eq!(log.tell(seen(late("o1"), "ana", None)).refused, Some(Refused::Superseded));
    assert_eq!(log.fleet.alert(&late("o1")).unwrap().acknowledged.as_ref().unwrap().by, Some(name("jo")));
    // When it is over and comes again, nobody has seen it.
    log.behind = 0;
    log.tell(cleared(late("o1"), 4));
    log.tell(raised(late("o1"), 5));
    assert!(log.fleet.alert(&late("o1")).unwrap().acknowledged.is_none());
}

proptest! {
    /// Whatever is said in whatever order: the fold holds what a map would, and the same after it was read from its image.
    #[test]
    fn alerts_are_what_was_raised_and_not_cleared(says in vec((0u8..3, 0u8..5, any::<bool>()), 1..60)) {
        let mut log = Log::new();
        let mut known: BTreeMap<Alert, Option<bool>> = BTreeMap::new();
        for (what, which, put_off) in says {
            let alert = late(&format!("o{which}"));
            log.now += 1_000;
            let until = put_off.then_some(log.now + 5_000);
            let refused = match what {
                0 => log.tell(raised(alert.clone(), log.now)).refused,
                1 => log.tell(cleared(alert.clone(), log.now)).refused,
                _ => log.tell(seen(alert.clone(), "maria", until)).refused,
            };
            let stood = known.contains_key(&alert);
            prop_assert_eq!(refused.is_none(), stood == (what != 0));
            match what {
                0 if !stood => drop(known.insert(alert, None)),
                1 => drop(known.remove(&alert)),
                2 if stood => drop(known.insert(alert, Some(put_off))),
                _ => {}
            }
            let read = Fleet::from_image(log.fleet.clone_without_index().image()).unwrap();
            prop_assert_eq!(read.digest(), log.fleet.digest());
            prop_assert_eq!(log.fleet.digest(), log.fleet.digests_recounted().0);
        }
        let held: BTreeMap<Alert, Option<bool>> = log.fleet.alerts().map(|(alert, state)| {
            (alert.clone(), state.acknowledged.as_ref().map(|seen| seen.until.is_some()))
        }).collect();
        prop_assert_eq!(held, known);
    }
}
