//! From the fleet to its image.

use fleetfold_model::{LogSeq, Name, OrderId, VehicleId};

use super::{
    AskImage, Image, MarkImage, NOT_KNOWN, OrderImage, PlacementImage, ProgressImage, RememberedHash, UnderWayImage,
    VehicleImage,
};
use crate::{Fleet, Mark, OrderState, Placement, Progress, VehicleState};

impl Fleet {
    /// The fleet as plain values. Walks everything that is held: take it from [`Fleet::clone_without_index`] on another
    /// thread.
    pub fn image(&self) -> Image {
        let mut skills: Vec<(&Name, u8)> = self.skills.iter().map(|(name, &bit)| (name, bit)).collect();
        skills.sort_unstable_by_key(|&(_, bit)| bit);
        let mut services: Vec<_> = self.services.values().cloned().collect();
        services.sort_unstable_by_key(|learned| learned.place);
        let asks = self.unanswered.iter().map(|(&seq, ask)| AskImage {
            seq,
            orders: ask.orders.iter().map(|&order| self.name_of_order(order)).collect(),
            vehicles: ask.vehicles.iter().map(|&vehicle| self.name_of_vehicle(vehicle)).collect(),
            roads: ask.roads,
            logged_at: ask.logged_at,
        });
        let remembered = self.seen_since.iter().filter(|(since, hash)| self.seen.get(hash) == Some(since));
        let vehicles = self.vehicles.iter().enumerate().filter(|(_, vehicle)| !vehicle.vacant);
        let orders = self.orders.iter().enumerate().filter(|(_, order)| !order.vacant);
        Image {
            applied: self.applied,
            logged_at: self.logged_at,
            swept_at: self.swept_at,
            zone: self.zone.clone(),
            policy: self.policy.clone(),
            policy_said: self.policy_said,
            early_words: self.early_words.clone(),
            chain: self.chain,
            last_base: self.last_base.clone(),
            skills: skills.into_iter().map(|(name, _)| name.clone()).collect(),
            vehicles: vehicles.map(|(number, vehicle)| self.vehicle_image(number as u32, vehicle)).collect(),
            orders: orders.map(|(number, order)| self.order_image(number as u32, order)).collect(),
            roads: self.roads.values().cloned().collect(),
            road_version: self.road_version,
            features_version: self.features_version,
            learned_until: self.learned_until,
            speeds: self.speeds.values().cloned().collect(),
            services,
            arrivals: self.arrivals.clone(),
            unanswered: asks.collect(),
            remembered: remembered.map(|(since, hash)| RememberedHash { since, hash }).collect(),
            alerts: self.alerts.iter().map(|(alert, state)| (alert.clone(), state.clone())).collect(),
            counters: self.counters.clone(),
        }
    }

    fn name_of_order(&self, id: OrderId) -> Name {
        self.orders[id.index()].name.clone()
    }

    fn name_of_vehicle(&self, id: VehicleId) -> Name {
        self.vehicles[id.index()].name.clone()
    }

    fn mark_image(&self, mark: Mark) -> MarkImage {
        MarkImage { vehicle: self.name_of_vehicle(mark.vehicle), at: mark.at }
    }

    fn progress_image(&self, progress: &Progress) -> ProgressImage {
        let mark = |mark: Option<Mark>| mark.map(|mark| self.mark_image(mark));
        ProgressImage {
            departed: mark(progress.departed),
            arrived: mark(progress.arrived),
            completed: mark(progress.completed),
            failed: progress.failed.map(|(mark, reason)| (self.mark_image(mark), reason)),
        }
    }

    fn order_image(&self, number: u32, order: &OrderState) -> OrderImage {
        let vehicle = |id: Option<VehicleId>| id.map(|id| self.name_of_vehicle(id));
        OrderImage {
            number,
            name: order.name.clone(),
            spec: order.spec.clone(),
            pickup: self.progress_image(&order.pickup),
            delivery: self.progress_image(&order.delivery),
            closed: order.closed,
            over_since: order.over_since,
            placement: match order.placement {
                Placement::Unplaced => PlacementImage::Unplaced,
                Placement::OnRoute(id) => PlacementImage::OnRoute(self.name_of_vehicle(id)),
                Placement::Unassigned(reason) => PlacementImage::Unassigned(reason),
            },
            on_board: vehicle(order.on_board),
            held_until: order.held_until,
            pinned: vehicle(order.pinned),
            words: order.words.iter().map(|&word| self.mark_image(word)).collect(),
            rejected_by: order.rejected_by.iter().map(|&id| self.name_of_vehicle(id)).collect(),
            pickup_moved_to: order.pickup_moved_to,
            delivery_moved_to: order.delivery_moved_to,
            rescue_from: vehicle(order.rescue_from),
            ready_at: order.ready_at,
            early_changes: order.early_changes.clone(),
            early_cancel: order.early_cancel,
            created: order.created,
            since: Some(order.since).filter(|&since| since > LogSeq(0) && since < NOT_KNOWN),
            vehicle_changes: order.vehicle_changes,
            last_vehicle: vehicle(order.last_vehicle),
            told: order.told.clone(),
            seen: order.seen.clone(),
        }
    }

    fn vehicle_image(&self, number: u32, vehicle: &VehicleState) -> VehicleImage {
        let visits = vehicle.route.visits.iter().map(|visit| visit.planned(self.name_of_order(visit.order)));
        VehicleImage {
            number,
            name: vehicle.name.clone(),
            spec: vehicle.spec.clone(),
            on: vehicle.on,
            lost: vehicle.lost,
            shift: vehicle.shift.clone(),
            anchor: vehicle.anchor,
            unlocated: vehicle.unlocated,
            under_way: vehicle.under_way.map(|under| UnderWayImage {
                order: self.name_of_order(under.order),
                stop: under.stop,
                departed: under.departed,
                arrived: under.arrived,
            }),
            revision: vehicle.route.revision,
            visits: visits.collect(),
            on_board: vehicle.on_board.iter().map(|&order| self.name_of_order(order)).collect(),
            stops_done: vehicle.stops_done,
            breaks_taken: vehicle.breaks_taken,
            on_break: vehicle.on_break,
            break_ended: vehicle.break_ended,
            accepted: vehicle.accepted,
            tachograph: vehicle.tachograph.clone(),
            kept: vehicle.kept,
            reloads: vehicle.reloads,
            told: vehicle.told.clone(),
            duties: vehicle.duties.clone(),
            touched: vehicle.touched,
        }
    }
}
