//! What drives: its kind and its size. A graph is built for one of them, and the graph file says for which.

/// What drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A car.
    Car,
    /// A delivery van: a car, at most 110 km/h.
    Van,
    /// A lorry: at most 80 km/h, no ways closed to goods vehicles.
    Truck,
    /// A bicycle, 15 km/h.
    Bike,
}

impl Profile {
    /// All of them, in the order of their numbers in a graph file.
    pub const ALL: [Self; 4] = [Self::Car, Self::Van, Self::Truck, Self::Bike];

    /// The word by which the command line names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Car => "car",
            Self::Van => "van",
            Self::Truck => "truck",
            Self::Bike => "bike",
        }
    }

    /// The keys of OpenStreetMap's access tags that are about it, from general to particular (OSM wiki, Key:access, "Transport
    /// mode restrictions"). A van is a car that carries goods.
    pub(crate) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Car => &["access", "vehicle", "motor_vehicle", "motorcar"],
            Self::Van => &["access", "vehicle", "motor_vehicle", "motorcar", "goods"],
            Self::Truck => &["access", "vehicle", "motor_vehicle", "hgv"],
            Self::Bike => &["access", "vehicle", "bicycle"],
        }
    }

    /// The highest speed that it drives, in km/h.
    pub(crate) fn speed_max(self) -> f64 {
        match self {
            Self::Car => 140.0,
            Self::Van => 110.0,
            Self::Truck => 80.0,
            Self::Bike => 15.0,
        }
    }

    /// How large one is if nobody says otherwise: a middle-sized car, a van of 3.5 t, a lorry of 18 t with two axles at the
    /// heights, widths and axle loads that directive 96/53/EC allows. Limits of size are not for bicycles.
    pub fn dimensions(self) -> Dimensions {
        match self {
            Self::Car => {
                Dimensions { height_cm: 180, width_cm: 185, length_cm: 480, weight_kg: 2_200, axle_load_kg: 1_300 }
            }
            Self::Van => {
                Dimensions { height_cm: 270, width_cm: 205, length_cm: 600, weight_kg: 3_500, axle_load_kg: 2_250 }
            }
            Self::Truck => {
                Dimensions { height_cm: 400, width_cm: 255, length_cm: 1_200, weight_kg: 18_000, axle_load_kg: 11_500 }
            }
            Self::Bike => Dimensions::default(),
        }
    }
}

/// The size of a vehicle as posted limits measure it. A zero is below every limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimensions {
    /// Height in centimetres (`maxheight`).
    pub height_cm: u32,
    /// Width in centimetres (`maxwidth`).
    pub width_cm: u32,
    /// Length in centimetres (`maxlength`).
    pub length_cm: u32,
    /// The largest permitted mass in kilograms: `maxweightrating` is compared with it, and so is `maxweight`, because the vehicle
    /// may be full.
    pub weight_kg: u32,
    /// The load of the heaviest axle in kilograms (`maxaxleload`).
    pub axle_load_kg: u32,
}

/// What a graph is built for. `BuildSettings::from(profile)` has the usual size and limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildSettings {
    /// What drives.
    pub profile: Profile,
    /// How large it is.
    pub dimensions: Dimensions,
    /// A place further than this from every street, in metres, cannot be reached.
    pub snap_metres: u32,
}

/// Metres between a place and the streets beyond which it cannot be reached, if nobody says otherwise: further off, a place lies
/// behind water or a fence, or its coordinates are wrong (guess).
pub const SNAP_METRES: u32 = 500;

impl From<Profile> for BuildSettings {
    fn from(profile: Profile) -> Self {
        Self { profile, dimensions: profile.dimensions(), snap_metres: SNAP_METRES }
    }
}
