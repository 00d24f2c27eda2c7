//! The objects of a VROOM document as they are written in JSON.
//!
//! Every field is optional here; what has to be there is checked where it is used, because only there the error can name the task or
//! the vehicle. A key that no object of VROOM has is collected ([`Object::unknown`]), so that the caller can warn or refuse.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// A point as longitude and latitude. VROOM reads the first two numbers of the list and so does this program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point(pub(super) [f64; 2]);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = Vec::<f64>::deserialize(deserializer)?;
        match numbers[..] {
            [lon, lat, ..] => Ok(Self([lon, lat])),
            _ => Err(D::Error::custom("a location needs a longitude and a latitude")),
        }
    }
}

/// An object of the document: its known fields and the names of the others.
pub(super) trait Object: Default {
    /// Reads the value of a key; false where the object has no such field.
    fn field<'de, M: MapAccess<'de>>(&mut self, key: &str, map: &mut M) -> Result<bool, M::Error>;
    /// The keys that the object has and VROOM does not.
    fn unknown(&mut self) -> &mut Vec<String>;
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
        let mut object = T::default();
        while let Some(key) = map.next_key::<String>()? {
            if !object.field(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
                object.unknown().push(key);
            }
        }
        Ok(object)
    }
}

/// Declares objects whose fields are all optional.
macro_rules! objects {
    ($($(#[$about:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $field: Option<$kind>,)*
            pub(super) unknown: Vec<String>,
        }

        impl Object for $name {
            fn field<'de, M: MapAccess<'de>>(&mut self, key: &str, map: &mut M) -> Result<bool, M::Error> {
                match if key == TYPE { "type_" } else { key } {
                    $(stringify!($field) => {
                        if self.$field.is_some() {
                            return Err(M::Error::custom(concat!("`", stringify!($field), "` is there twice")));
                        }
                        self.$field = Some(map.next_value::<$kind>()?);
                    })*
                    _ => return Ok(false),
                }
                Ok(true)
            }

            fn unknown(&mut self) -> &mut Vec<String> {
                &mut self.unknown
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map(ObjectVisitor(PhantomData))
            }
        }
    )*};
}

/// Opening and closing time, seconds.
pub(super) type Window = [u32; 2];
/// Rows of a matrix.
pub(super) type Rows = Vec<Vec<u32>>;

objects! {
    /// The document.
    Document {
        jobs: Vec<Task>,
        shipments: Vec<Shipment>,
        vehicles: Vec<Vehicle>,
        matrices: BTreeMap<String, Matrices>,
        // Deprecated: durations of the profile `car`.
        matrix: Rows,
        // Of vroom-express: the options of the command line.
        options: Options,
        // Not of VROOM, as is everything that [`super::rules`] reads.
        relations: Vec<Relation>,
        fairness: Fairness,
        docks: Vec<Dock>,
    }
    /// A place at which vehicles wait for each other.
    Dock {
        location: Point,
        location_index: u32,
        capacity: u32,
    }
    /// What unequal days cost.
    Fairness {
        longest_per_hour: u32,
        spread_per_hour: u32,
        spread_per_task: u32,
    }
    /// What holds between tasks.
    Relation {
        type_: String,
        tasks: Vec<TaskRef>,
    }
    /// A task by its type (`job` where none is said) and id.
    TaskRef {
        type_: String,
        id: u64,
    }
    /// When service should begin, and the price of an hour earlier or later.
    SoftTimeWindow {
        time_window: Window,
        per_hour_early: u32,
        per_hour_late: u32,
    }
    /// Where a vehicle reloads, and how often at most.
    Reload {
        places: Vec<ReloadSpot>,
        max_times: u32,
    }
    ReloadSpot {
        location: Point,
        location_index: u32,
        service: u32,
    }
    /// A battery and where it is charged; energy in a unit of the file's choice.
    Battery {
        capacity: u32,
        charge: u32,
        per_km: u32,
        per_hour: u32,
        stations: Vec<Station>,
    }
    Station {
        location: Point,
        location_index: u32,
        power: u32,
        setup: u32,
    }
    /// What is near the parked vehicle is served on foot.
    Walking {
        max_metres: u32,
        km_per_hour: f64,
    }
    /// The vehicle that has to serve a task, and the only position in its route.
    Pinned {
        vehicle: u64,
        position: String,
    }
    /// Limits of a driver's day: a rule by name, single limits, or both.
    DrivingTime {
        rule: String,
        max_driving: u32,
        break_time: u32,
        first_part: u32,
        service_counts: bool,
        max_duty: u32,
    }
    /// Options of the command line in a request to vroom-express. Only `c` and `g` change anything here.
    Options {
        c: bool,
        g: bool,
        l: f64,
        t: u32,
        x: u32,
        // Not of VROOM.
        priorities: String,
    }
    /// The matrices of one profile.
    Matrices {
        durations: Rows,
        distances: Rows,
        costs: Rows,
    }
    /// A job, or one end of a shipment (which has no load, skills and priority of its own).
    Task {
        id: u64,
        location: Point,
        location_index: u32,
        setup: u32,
        service: u32,
        setup_per_type: BTreeMap<String, u32>,
        service_per_type: BTreeMap<String, u32>,
        // Deprecated: what is delivered, where neither `delivery` nor `pickup` is there.
        amount: Vec<u32>,
        delivery: Vec<u32>,
        pickup: Vec<u32>,
        skills: Vec<u32>,
        priority: u32,
        time_windows: Vec<Window>,
        description: String,
        release: u32,
        soft_time_window: SoftTimeWindow,
        prize: u32,
        pinned: Pinned,
    }
    Shipment {
        pickup: Task,
        delivery: Task,
        amount: Vec<u32>,
        skills: Vec<u32>,
        priority: u32,
        prize: u32,
        pinned: Pinned,
    }
    Vehicle {
        id: u64,
        profile: String,
        description: String,
        start: Point,
        start_index: u32,
        end: Point,
        end_index: u32,
        capacity: Vec<u32>,
        costs: Costs,
        skills: Vec<u32>,
        type_: String,
        time_window: Window,
        breaks: Vec<Break>,
        speed_factor: f64,
        max_tasks: u32,
        max_travel_time: u32,
        max_distance: u32,
        steps: Vec<Step>,
        unloading: String,
        reload: Reload,
        driving_time: DrivingTime,
        battery: Battery,
        walking: Walking,
    }
    /// What a vehicle costs.
    Costs {
        fixed: u32,
        per_hour: u32,
        per_task_hour: u32,
        per_km: u32,
    }
    Break {
        id: u64,
        time_windows: Vec<Window>,
        service: u32,
        description: String,
        max_load: Vec<u32>,
    }
    /// A step of a route that is given.
    Step {
        type_: String,
        id: u64,
        service_at: u32,
        service_after: u32,
        service_before: u32,
        // Not of VROOM: what our own answers say of where a vehicle reloads, is charged or rests.
        pinned: bool,
        location: Point,
        location_index: u32,
        service: u32,
        charged: u32,
    }
}

/// The one key that is a word of Rust; its field is called `type_`.
const TYPE: &str = "type";
