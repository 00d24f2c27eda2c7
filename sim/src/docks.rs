//! Docks: at some places only so many vehicles are served at a time, and whoever comes when all docks are taken waits for his turn.

use std::collections::{BTreeMap, VecDeque};

use fleetfold_model::{Name, Position};

use crate::scenario::Docks;

/// Who stands at a dock, and who waits for one.
#[derive(Debug, Default)]
pub(crate) struct Yard {
    places: BTreeMap<Position, Place>,
    /// Where each vehicle stands or waits.
    at: BTreeMap<Name, Position>,
}

#[derive(Debug)]
struct Place {
    docks: usize,
    served: Vec<Name>,
    queue: VecDeque<Name>,
}

impl Yard {
    pub(crate) fn new(docks: &[Docks]) -> Self {
        let place =
            |docks: &Docks| Place { docks: docks.vehicles as usize, served: Vec::new(), queue: VecDeque::new() };
        let places = docks.iter().filter(|docks| docks.vehicles > 0);
        let places = places.map(|docks| (Position { x: docks.x, y: docks.y }, place(docks))).collect();
        Self { places, at: BTreeMap::new() }
    }

    /// True where vehicles dock.
    pub(crate) fn has(&self, position: Position) -> bool {
        self.places.contains_key(&position)
    }

    /// A vehicle wants to be served at a place. False: it waits for its turn.
    pub(crate) fn comes(&mut self, vehicle: &Name, position: Position) -> bool {
        let Some(place) = self.places.get_mut(&position) else { return true };
        if place.served.contains(vehicle) {
            return true;
        }
        self.at.insert(vehicle.clone(), position);
        let is_free = place.served.len() < place.docks;
        if is_free {
            place.served.push(vehicle.clone());
        } else if !place.queue.contains(vehicle) {
            place.queue.push_back(vehicle.clone());
        }
        is_free
    }

    /// A vehicle is done at a place, or leaves its queue. Returns whose turn it is then.
    pub(crate) fn leaves(&mut self, vehicle: &Name) -> Option<Name> {
        let place = self.places.get_mut(&self.at.remove(vehicle)?)?;
        place.queue.retain(|other| other != vehicle);
        place.served.retain(|other| other != vehicle);
        if place.served.len() >= place.docks {
            return None;
        }
        let next = place.queue.pop_front()?;
        place.served.push(next.clone());
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Name, Position};

    use super::Yard;
    use crate::scenario::Docks;

    #[test]
    fn vehicles_are_served_in_the_order_in_which_they_came() {
        let mut yard = Yard::new(&[Docks { x: 1, y: 2, vehicles: 2 }]);
        let here = Position { x: 1, y: 2 };
        let [first, second, third, fourth, fifth] = ["a", "b", "c", "d", "e"].map(|name| Name::new(name).unwrap());
        assert!(
            yard.comes(&first, here) && yard.comes(&second, here) && yard.comes(&first, here),
            "two docks, and the first is at one"
        );
        assert!(!yard.comes(&third, here) && !yard.comes(&fourth, here) && !yard.comes(&fifth, here));
        assert!(yard.comes(&fifth, Position { x: 9, y: 9 }), "elsewhere nobody waits");
        assert_eq!(yard.leaves(&fourth), None, "it gave up");
        assert_eq!(yard.leaves(&second), Some(third.clone()));
        assert_eq!(yard.leaves(&second), None, "it left already");
        assert_eq!(yard.leaves(&first), Some(fifth));
        assert_eq!(yard.leaves(&third), None);
    }
}
