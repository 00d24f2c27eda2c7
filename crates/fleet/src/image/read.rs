//! From an image to the fleet.

use std::collections::BTreeSet;
use std::sync::Arc;

use fleetfold_model::{Alert, LogSeq, Name, OrderId, StopKind, Timestamp, VehicleId};

use super::{Image, MarkImage, NOT_KNOWN, OrderImage, PlacementImage, ProgressImage, UnderWayImage, VehicleImage};
use crate::digest::{order_spec_digest, policy_digest, vehicle_spec_digest};
use crate::fold::{KEPT, SKILLS_MAX};
use crate::pages::Pages;
use crate::{Ask, Fleet, Mark, OrderState, Placement, Progress, Route, UnderWay, VehicleState, Visit};

/// Why an image is of no fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// Something refers to an order that the image does not hold.
    UnknownOrder(Name),
    /// Something refers to a vehicle that the image does not hold.
    UnknownVehicle(Name),
    /// Two orders have this name, or the same number.
    OrderTwice(Name),
    /// Two vehicles have this name, or the same number.
    VehicleTwice(Name),
    /// A number of an order or a vehicle is beyond 50 million.
    NumberTooLarge(u32),
    /// A skill is named twice, there are too many, or one is missing that this order or vehicle has.
    Skills(Name),
    /// The order has a stop on two routes, twice on one, or on another route than its own.
    OnTwoRoutes(Name),
    /// The order's placement names a route that it is not on.
    NotOnItsRoute(Name),
    /// The order's goods are on a vehicle that does not carry them, or the other way round.
    OnTwoBoards(Name),
    /// The specification of an order or a vehicle has another name.
    OtherName(Name),
    /// Two facts that wait have the same sequence.
    AskTwice(LogSeq),
    /// Two changes of the roads have the same name.
    RoadTwice(Name),
    /// The same alert twice.
    AlertTwice(Alert),
    /// The same hash of an event id twice.
    HashTwice(u64),
    /// Remembered hashes are not in the order of their times.
    RememberedOutOfOrder,
}

impl std::fmt::Display for ImageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownOrder(name) => write!(f, "order {name} is referred to, but not there"),
            Self::UnknownVehicle(name) => write!(f, "vehicle {name} is referred to, but not there"),
            Self::OrderTwice(name) => write!(f, "order {name}, or its number, is there twice"),
            Self::VehicleTwice(name) => write!(f, "vehicle {name}, or its number, is there twice"),
            Self::NumberTooLarge(number) => write!(f, "number {number} is too large"),
            Self::Skills(name) => write!(f, "the skills of {name} do not fit the list of skills"),
            Self::OnTwoRoutes(name) => write!(f, "order {name} is on a route that is not its own"),
            Self::NotOnItsRoute(name) => write!(f, "order {name} is not on its route"),
            Self::OnTwoBoards(name) => write!(f, "order and vehicle differ about who carries {name}"),
            Self::OtherName(name) => write!(f, "the specification of {name} has another name"),
            Self::AskTwice(LogSeq(seq)) => write!(f, "entry {seq} waits for an answer twice"),
            Self::RoadTwice(name) => write!(f, "road change {name} is there twice"),
            Self::AlertTwice(alert) => {
                let about = alert.about().map_or("the zone", Name::as_str);
                write!(f, "the alert {:?} of {about} is there twice", alert.kind())
            }
            Self::HashTwice(hash) => write!(f, "event hash {hash:016x} is there twice"),
            Self::RememberedOutOfOrder => write!(f, "remembered hashes are not in the order of their times"),
        }
    }
}

impl std::error::Error for ImageError {}

/// Retired orders leave gaps between the numbers, but a number from a damaged file must not take the memory of the machine.
const NUMBER_MAX: u32 = 50_000_000;

impl Fleet {
    /// The fleet that an image was taken from, but for position reports.
    ///
    /// # Errors
    ///
    /// When the image contradicts itself.
    pub fn from_image(image: Image) -> Result<Self, ImageError> {
        let mut fleet = Self::new();
        fleet.applied = image.applied;
        fleet.logged_at = image.logged_at;
        fleet.swept_at = image.swept_at;
        fleet.zone = image.zone;
        fleet.policy_digest = policy_digest(&image.policy);
        fleet.policy = image.policy;
        fleet.policy_said = image.policy_said;
        fleet.early_words = image.early_words;
        fleet.chain = image.chain;
        fleet.last_base = image.last_base;
        fleet.road_version = image.road_version;
        fleet.features_version = image.features_version;
        fleet.learned_until = image.learned_until;
        fleet.arrivals = image.arrivals;
        fleet.arrivals.sort_unstable_by_key(|ends| ends.lead);
        fleet.arrivals.dedup_by_key(|ends| ends.lead);
        fleet.counters = image.counters;
        for (bit, name) in image.skills.into_iter().enumerate() {
            if bit >= SKILLS_MAX || fleet.skills.insert(name.clone(), bit as u8).is_some() {
                return Err(ImageError::Skills(name));
            }
        }
        for road in image.roads {
            let name = road.change.change.clone();
            if fleet.roads.insert(name.clone(), road).is_some() {
                return Err(ImageError::RoadTwice(name));
            }
        }
        for speed in image.speeds {
            fleet.speeds.insert(speed.key, speed);
        }
        for service in image.services {
            fleet.services.insert(service.place, service);
        }
        for (alert, state) in image.alerts {
            if fleet.alerts.insert(alert.clone(), state).is_some() {
                return Err(ImageError::AlertTwice(alert));
            }
        }
        fleet.number(&image.vehicles, &image.orders)?;
        for vehicle in &image.vehicles {
            fleet.read_vehicle(vehicle)?;
        }
        for order in &image.orders {
            fleet.read_order(order)?;
        }
        fleet.check_sides()?;
        for ask in image.unanswered {
            let orders = ask.orders.iter().map(|name| fleet.order_named(name)).collect::<Result<_, _>>()?;
            let vehicles = ask.vehicles.iter().map(|name| fleet.vehicle_named(name)).collect::<Result<_, _>>()?;
            if fleet.unanswered.contains_key(&ask.seq) {
                return Err(ImageError::AskTwice(ask.seq));
            }
            fleet.add_ask(ask.seq, Ask { orders, vehicles, roads: ask.roads, logged_at: ask.logged_at });
        }
        let mut before = Timestamp(i64::MIN);
        for remembered in image.remembered {
            if remembered.since < before {
                return Err(ImageError::RememberedOutOfOrder);
            }
            before = remembered.since;
            if fleet.seen.insert(remembered.hash, remembered.since).is_some() {
                return Err(ImageError::HashTwice(remembered.hash));
            }
            fleet.seen_since.push((remembered.since, remembered.hash));
        }
        fleet.settle();
        Ok(fleet)
    }

    /// Gives every vehicle and order its number, and blanks the numbers between.
    fn number(&mut self, vehicles: &[VehicleImage], orders: &[OrderImage]) -> Result<(), ImageError> {
        let length = |last: Option<u32>| match last {
            None => Ok(0),
            Some(last) if last > NUMBER_MAX => Err(ImageError::NumberTooLarge(last)),
            Some(last) => Ok(last as usize + 1),
        };
        let vehicle_slots = length(vehicles.iter().map(|vehicle| vehicle.number).max())?;
        let order_slots = length(orders.iter().map(|order| order.number).max())?;
        self.vehicles = Pages::of_vacant(vehicle_slots);
        self.orders = Pages::of_vacant(order_slots);
        (0..vehicle_slots).for_each(|number| self.free_vehicles.set(number, true));
        (0..order_slots).for_each(|number| self.free_orders.set(number, true));
        for vehicle in vehicles {
            let number = vehicle.number as usize;
            let taken = !self.vehicles[number].vacant;
            let known = self.vehicle_ids.insert(vehicle.name.clone(), VehicleId(vehicle.number)).is_some();
            if taken || known {
                return Err(ImageError::VehicleTwice(vehicle.name.clone()));
            }
            self.vehicles[number] = VehicleState::new(vehicle.name.clone());
            self.free_vehicles.set(number, false);
        }
        for order in orders {
            let number = order.number as usize;
            let taken = !self.orders[number].vacant;
            if taken || self.order_ids.insert(order.name.clone(), OrderId(order.number)).is_some() {
                return Err(ImageError::OrderTwice(order.name.clone()));
            }
            self.orders[number] = OrderState::new(order.name.clone());
            self.free_orders.set(number, false);
        }
        Ok(())
    }

    fn order_named(&self, name: &Name) -> Result<OrderId, ImageError> {
        self.order_ids.get(name).copied().ok_or_else(|| ImageError::UnknownOrder(name.clone()))
    }

    fn vehicle_named(&self, name: &Name) -> Result<VehicleId, ImageError> {
        self.vehicle_ids.get(name).copied().ok_or_else(|| ImageError::UnknownVehicle(name.clone()))
    }

    fn bits_named(&self, of: &Name, names: &[Name]) -> Result<u64, ImageError> {
        names.iter().try_fold(0, |bits, name| {
            let bit = self.skills.get(name).ok_or_else(|| ImageError::Skills(of.clone()))?;
            Ok(bits | 1 << bit)
        })
    }

    fn read_mark(&self, mark: &MarkImage) -> Result<Mark, ImageError> {
        Ok(Mark { vehicle: self.vehicle_named(&mark.vehicle)?, at: mark.at })
    }

    fn read_progress(&self, progress: &ProgressImage) -> Result<Progress, ImageError> {
        let mark = |mark: &Option<MarkImage>| mark.as_ref().map(|mark| self.read_mark(mark)).transpose();
        let failed = progress.failed.as_ref().map(|(mark, reason)| Ok((self.read_mark(mark)?, *reason)));
        Ok(Progress {
            departed: mark(&progress.departed)?,
            arrived: mark(&progress.arrived)?,
            completed: mark(&progress.completed)?,
            failed: failed.transpose()?,
        })
    }

    fn read_order(&mut self, image: &OrderImage) -> Result<(), ImageError> {
        let vehicle = |name: &Option<Name>| name.as_ref().map(|name| self.vehicle_named(name)).transpose();
        if image.spec.as_ref().is_some_and(|spec| spec.name != image.name) {
            return Err(ImageError::OtherName(image.name.clone()));
        }
        let state = OrderState {
            spec_digest: image.spec.as_ref().map_or(0, order_spec_digest),
            skills: image.spec.as_ref().map_or(Ok(0), |spec| self.bits_named(&image.name, &spec.skills))?,
            spec: image.spec.clone(),
            pickup: self.read_progress(&image.pickup)?,
            delivery: self.read_progress(&image.delivery)?,
            closed: image.closed,
            over_since: image.over_since,
            placement: match &image.placement {
                PlacementImage::Unplaced => Placement::Unplaced,
                PlacementImage::OnRoute(name) => Placement::OnRoute(self.vehicle_named(name)?),
                PlacementImage::Unassigned(reason) => Placement::Unassigned(*reason),
            },
            on_board: vehicle(&image.on_board)?,
            held_until: image.held_until,
            pinned: vehicle(&image.pinned)?,
            rejected_by: image.rejected_by.iter().map(|name| self.vehicle_named(name)).collect::<Result<_, _>>()?,
            words: image.words.iter().map(|word| self.read_mark(word)).collect::<Result<_, _>>()?,
            pickup_moved_to: image.pickup_moved_to,
            delivery_moved_to: image.delivery_moved_to,
            rescue_from: vehicle(&image.rescue_from)?,
            ready_at: image.ready_at,
            early_changes: image.early_changes.clone(),
            early_cancel: image.early_cancel,
            created: image.created,
            since: image.since.unwrap_or(match image.placement {
                PlacementImage::OnRoute(_) => NOT_KNOWN,
                PlacementImage::Unplaced | PlacementImage::Unassigned(_) => LogSeq(0),
            }),
            vehicle_changes: image.vehicle_changes,
            last_vehicle: vehicle(&image.last_vehicle)?,
            told: image.told.clone(),
            seen: image.seen.clone(),
            ..OrderState::new(image.name.clone())
        };
        if let Some(wreck) = state.rescue_from {
            // Orders come by ascending number, so this stays sorted.
            self.vehicles[wreck.index()].goods_waiting.push(OrderId(image.number));
        }
        for &hash in &state.seen {
            if self.seen.insert(hash, KEPT).is_some() {
                return Err(ImageError::HashTwice(hash));
            }
        }
        self.orders[image.number as usize] = state;
        Ok(())
    }

    fn read_vehicle(&mut self, image: &VehicleImage) -> Result<(), ImageError> {
        if image.spec.as_ref().is_some_and(|spec| spec.name != image.name) {
            return Err(ImageError::OtherName(image.name.clone()));
        }
        let mut visits = Vec::with_capacity(image.visits.len());
        for visit in &image.visits {
            visits.push(Visit::of_plan(self.order_named(&visit.order)?, visit));
        }
        let under_way = image.under_way.as_ref().map(|UnderWayImage { order, stop, departed, arrived }| {
            Ok(UnderWay { order: self.order_named(order)?, stop: *stop, departed: *departed, arrived: *arrived })
        });
        let state = VehicleState {
            spec_digest: image.spec.as_ref().map_or(0, vehicle_spec_digest),
            skills: image.spec.as_ref().map_or(Ok(0), |spec| self.bits_named(&image.name, &spec.skills))?,
            spec: image.spec.clone(),
            on: image.on,
            lost: image.lost,
            shift: image.shift.clone(),
            anchor: image.anchor,
            unlocated: image.unlocated,
            under_way: under_way.transpose()?,
            route: Route { revision: image.revision, visits },
            on_board: image.on_board.iter().map(|name| self.order_named(name)).collect::<Result<_, _>>()?,
            stops_done: image.stops_done,
            breaks_taken: image.breaks_taken,
            on_break: image.on_break,
            break_ended: image.break_ended,
            accepted: image.accepted,
            tachograph: image.tachograph.clone(),
            kept: image.kept,
            reloads: image.reloads,
            told: image.told.clone(),
            duties: image.duties.clone(),
            touched: image.touched,
            ..VehicleState::new(image.name.clone())
        };
        self.vehicles[image.number as usize] = state;
        Ok(())
    }

    /// Routes and goods on board are told by vehicle and by order: both must say the same.
    fn check_sides(&self) -> Result<(), ImageError> {
        let mut visited: BTreeSet<(OrderId, StopKind)> = BTreeSet::new();
        let mut carried: BTreeSet<OrderId> = BTreeSet::new();
        for (number, vehicle) in self.vehicles.iter().enumerate() {
            let id = VehicleId(number as u32);
            for visit in &vehicle.route.visits {
                let order = self.order(visit.order);
                let own = order.placement == Placement::OnRoute(id);
                if !own || !visited.insert((visit.order, visit.stop)) {
                    return Err(ImageError::OnTwoRoutes(order.name.clone()));
                }
            }
            for &order in &vehicle.on_board {
                if self.order(order).on_board != Some(id) || !carried.insert(order) {
                    return Err(ImageError::OnTwoBoards(self.order(order).name.clone()));
                }
            }
        }
        for (number, order) in self.orders.iter().enumerate() {
            let id = OrderId(number as u32);
            if matches!(order.placement, Placement::OnRoute(_)) && !visited.contains(&(id, StopKind::Delivery)) {
                return Err(ImageError::NotOnItsRoute(order.name.clone()));
            }
            if order.on_board.is_some() && !carried.contains(&id) {
                return Err(ImageError::OnTwoBoards(order.name.clone()));
            }
        }
        Ok(())
    }

    /// Computes everything that an image leaves out.
    fn settle(&mut self) {
        let mut over: Vec<(Timestamp, OrderId)> = self
            .orders
            .iter()
            .enumerate()
            .filter_map(|(number, order)| order.over_since.map(|since| (since, OrderId(number as u32))))
            .collect();
        over.sort_unstable();
        for entry in over {
            self.over.push(entry);
        }
        for number in 0..self.vehicles.len() as u32 {
            self.redigest_vehicle(VehicleId(number));
        }
        for number in 0..self.orders.len() as u32 {
            self.recount_order(OrderId(number));
            self.redigest_order(OrderId(number));
        }
        self.redigest_zone();
        (self.digest_sum, self.facts_sum) = self.digests_recounted();
        self.index = Arc::default();
        self.rebuild_index();
    }
}
