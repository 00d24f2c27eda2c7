//! What an order would cost that nobody has placed yet, in each of several slots.

use fleetfold_fleet::{Fleet, Refused};
use fleetfold_model::{
    Cost, Event, LogEntry, LogSeq, MessageHash, Millis, Order, OrderWork, TimeWindow, Timestamp, VehicleId,
};

use super::near::by_detour;
use super::offer::{Offer, Possible, Stand, Table};
use crate::outlook::Outlook;

/// A period in which service at the order's last stop may start.
pub type Slot = TimeWindow;

/// What a quote must keep to be accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Nobody else is served later than promised who was not, or more so.
    pub nobody_late: bool,
    /// Nobody else begins so much later.
    pub delay_max: Option<Millis>,
    /// It costs no more than this.
    pub cost_max: Option<Cost>,
}

impl Limits {
    /// True where an offer keeps the limits, and the slot itself.
    pub fn keep(&self, offer: &Possible) -> bool {
        offer.lateness() <= Millis(0)
            && (!self.nobody_late || !offer.makes_late())
            && self.delay_max.is_none_or(|most| offer.delays.iter().all(|delay| delay.by <= most))
            && self.cost_max.is_none_or(|most| offer.extra.total() <= most)
    }
}

/// A slot, quoted.
#[derive(Clone, Debug)]
pub struct Quoted {
    /// What vehicles make of it: those that keep the limits, the cheapest first, then those that can at all, then the others.
    pub offers: Vec<(VehicleId, Offer)>,
    /// Registered vehicles that were not asked, because others are nearer.
    pub not_asked: usize,
}

/// Quotes an order for each slot. `fleet` needs no index. The answer names orders and vehicles of `fleet`.
///
/// # Errors
///
/// Why the fold would refuse the order.
pub fn quote(
    (fleet, outlook, now): (&Fleet, &Outlook, Timestamp),
    order: &Order,
    slots: &[Slot],
    (limits, asked): (&Limits, usize),
) -> Result<Vec<Quoted>, Refused> {
    let mut near: Option<(Vec<VehicleId>, Vec<VehicleId>, usize)> = None;
    let mut quoted = Vec::with_capacity(slots.len());
    for slot in slots {
        let mut copy = fleet.clone_without_index();
        let entry = LogEntry {
            numbered: None,
            seq: LogSeq(copy.applied().0 + 1),
            logged_at: copy.logged_at(),
            id: 0,
            time: None,
            hash: MessageHash::default(),
            event: Event::OrderCreated(within(order, *slot)),
        };
        if let Some(refused) = copy.apply(&entry).refused {
            return Err(refused);
        }
        let Some(id) = copy.order_id(order.name.as_str()) else { return Err(Refused::UnknownOrder) };
        let (near, works, not_asked) = near.get_or_insert_with(|| {
            let mut near = by_detour(&copy, id);
            let not_asked = near.len().saturating_sub(asked);
            near.truncate(asked);
            let works = near.iter().copied().filter(|&vehicle| copy.vehicle(vehicle).is_available()).collect();
            (near, works, not_asked)
        });
        let stand = Stand::of(&copy, outlook, now);
        let table = Table::new(&stand, works, &[id]);
        let offer = |&vehicle: &VehicleId| {
            let offer = table.tour_of(vehicle).map(|tour| table.offer_within(tour, id, |offer| limits.keep(offer)));
            (vehicle, offer.unwrap_or_else(|| Offer::Missed(table.off_duty(vehicle, id))))
        };
        let mut offers: Vec<(VehicleId, Offer)> = near.iter().map(offer).collect();
        offers.sort_by_key(|(_, offer)| match offer {
            Offer::Possible(possible) => (u8::from(!limits.keep(possible)), possible.extra.total().0),
            Offer::Missed(miss) => (2, miss.ways.first().map_or(0, Vec::len) as i64),
        });
        quoted.push(Quoted { offers, not_asked: *not_asked });
    }
    Ok(quoted)
}

/// The order with a slot at its last stop, which is then what is promised.
fn within(order: &Order, slot: Slot) -> Order {
    let mut order = Order { promised: None, ..order.clone() };
    let stop = match &mut order.work {
        OrderWork::Job(job) => &mut job.stop,
        OrderWork::Shipment(shipment) => &mut shipment.delivery,
    };
    stop.windows = vec![slot];
    order
}
