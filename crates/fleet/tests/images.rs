//! Images that contradict themselves, and a fleet that breaks a promise and is repaired.

mod support;

use fleetfold_fleet::{Fleet, Image, ImageError, PlacementImage, RememberedHash};
use fleetfold_model::{Event, LogEntry, LogSeq, MessageHash, RepairAsked, StopKind, Timestamp};
use support::{Log, name};

/// Two vehicles; `s1` on board of the first, `o1` on its route, `o2` waits.
fn image() -> Image {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.vehicle("v2", 900);
    log.shipment("s1", 100, 500);
    log.job("o1", 300);
    log.plan(Some("v1"));
    log.report("completed", "v1", "s1", StopKind::Pickup);
    log.job("o2", 300);
    log.fleet.image()
}

#[test]
fn an_image_that_contradicts_itself_is_no_fleet() {
    let spoilt = |spoil: fn(&mut Image)| {
        let mut image = image();
        spoil(&mut image);
        Fleet::from_image(image).err()
    };
    assert_eq!(spoilt(|_| ()), None);
    let (s1, o1, v2) = (name("s1"), name("o1"), name("v2"));
    assert_eq!(spoilt(|image| drop(image.orders.remove(1))), Some(ImageError::UnknownOrder(o1.clone())));
    assert_eq!(
        spoilt(|image| image.orders[2].pinned = Some(name("nobody"))),
        Some(ImageError::UnknownVehicle(name("nobody")))
    );
    assert_eq!(spoilt(|image| image.orders[1].number = 0), Some(ImageError::OrderTwice(o1.clone())));
    assert_eq!(spoilt(|image| image.vehicles[1].name = name("v1")), Some(ImageError::VehicleTwice(name("v1"))));
    assert_eq!(spoilt(|image| image.orders[2].number = u32::MAX), Some(ImageError::NumberTooLarge(u32::MAX)));
    assert_eq!(
        spoilt(|image| image.vehicles[1].visits = image.vehicles[0].visits.clone()),
        Some(ImageError::OnTwoRoutes(s1.clone()))
    );
    assert_eq!(
        spoilt(|image| image.orders[2].placement = PlacementImage::OnRoute(name("v1"))),
        Some(ImageError::NotOnItsRoute(name("o2")))
    );
    assert_eq!(spoilt(|image| image.orders[0].on_board = None), Some(ImageError::OnTwoBoards(s1.clone())));
    assert_eq!(spoilt(|image| image.skills.clear()), Some(ImageError::Skills(s1)));
    assert_eq!(
        spoilt(|image| image.vehicles[1].spec = image.vehicles[0].spec.clone()),
        Some(ImageError::OtherName(v2))
    );
    assert!(matches!(
        spoilt(|image| image.unanswered.push(image.unanswered[0].clone())),
        Some(ImageError::AskTwice(_))
    ));
    assert_eq!(
        spoilt(|image| image.remembered.push(RememberedHash { since: Timestamp(0), hash: 1 })),
        Some(ImageError::RememberedOutOfOrder),
        "the ones before it are younger"
    );
}

#[test]
fn a_broken_promise_names_who_breaks_it_and_a_repair_puts_it_right() {
    let mut image = image();
    image.unanswered.clear();
    let mut fleet = Fleet::from_image(image).unwrap();
    let broken = fleet.check().unwrap_err();
    assert_eq!((broken.promise, broken.orders.as_slice()), ("F1", [name("o2")].as_slice()));
    let event = Event::RepairAsked(RepairAsked {
        orders: broken.orders,
        vehicles: broken.vehicles,
        what: broken.what,
        epoch: fleet.chain().epoch,
    });
    let seq = LogSeq(fleet.applied().0 + 1);
    let change = fleet.apply(&LogEntry {
        numbered: None,
        seq,
        logged_at: fleet.logged_at(),
        id: 0,
        time: None,
        hash: MessageHash::default(),
        event,
    });
    assert!(change.asks);
    fleet.check_changed(&change).unwrap();
    fleet.check().unwrap();
}

#[test]
fn the_check_of_what_changed_finds_what_the_full_check_finds() {
    let mut image = image();
    // `o1` is taken for served although it is on a route.
    image.orders[1].closed = Some(fleetfold_fleet::Closed::Served);
    let mut fleet = Fleet::from_image(image).unwrap();
    assert_eq!(fleet.check().unwrap_err().promise, "F2");
    let touch = Event::AssignmentAccepted { vehicle: name("v1"), revision: 9 };
    let mut tell = |event| {
        let seq = LogSeq(fleet.applied().0 + 1);
        let logged_at = fleet.logged_at();
        let change = fleet.apply(&LogEntry {
            numbered: None,
            seq,
            logged_at,
            id: 0,
            time: None,
            hash: MessageHash::default(),
            event,
        });
        fleet.check_changed(&change)
    };
    let broken = tell(touch).unwrap_err();
    assert_eq!((broken.promise, broken.vehicles.as_slice()), ("F2", [name("v1")].as_slice()));
    let epoch = 1;
    let repair = RepairAsked { orders: broken.orders, vehicles: broken.vehicles, what: broken.what, epoch };
    assert_eq!(tell(Event::RepairAsked(repair)), Ok(()));
    fleet.check().unwrap();
}
