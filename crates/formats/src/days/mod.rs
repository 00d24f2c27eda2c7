//! Public recorded days: the tables of a benchmark in, a recorded day of this program out.
//!
//! The readers take the text of each table and open no file themselves: whoever calls them finds the files. A table that
//! makes no sense is refused with its file, line and column; no value is guessed.

mod dpdp;
mod error;
mod mdrp;
mod table;

use fleetfold_model::{Event, Millis, Name, NetworkSpec, Policy, Position, Space, StopSpec, Timestamp, ZoneOpened};
use fleetfold_wire::{DayHeader, DayLine, encode, network_to_json};

pub use dpdp::{DpdpFiles, dpdp};
pub use error::ImportError;
pub use mdrp::{MdrpFiles, mdrp};
pub use table::NamedText;

use table::Row;

/// Midnight of the imported days, in milliseconds of Unix time. The public sets give times of day without a date;
/// 2021-01-01 is an arbitrary choice.
const MIDNIGHT: i64 = 1_609_459_200_000;

/// The source that imported events name.
const SOURCE: &str = "/import";

/// By whose rules an imported day is dispatched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// As this program dispatches where nothing else is asked for.
    #[default]
    Usual,
    /// By the rules that the set was published with, so that scores can be compared with published ones.
    Published,
}

/// A public recorded day as events.
#[derive(Clone, Debug)]
pub struct ImportedDay {
    /// The first line of the day file: title and network.
    pub header: DayHeader,
    /// How the coordinates of the day are read.
    pub space: Space,
    /// Events in order of zone time; the first one opens the zone.
    pub events: Vec<(Timestamp, Event)>,
}

impl ImportedDay {
    /// Sorts the events by time and puts the opening of the zone before them. Events of one instant keep their order.
    fn new(title: String, network: &NetworkSpec, opened: ZoneOpened, mut events: Vec<(Timestamp, Event)>) -> Self {
        let space = opened.space;
        events.insert(0, (opened.day_start, Event::ZoneOpened(opened)));
        events.sort_by_key(|&(at, _)| at);
        let network = Some(network_to_json(network));
        let header = DayHeader { network, exact_drivers: true, ..DayHeader::new(title) };
        Self { header, space, events }
    }

    /// The lines of the day file, without line ends: the header, then one event a line.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let header = DayLine::Header(Box::new(self.header.clone())).to_text();
        let events = self.events.iter().enumerate().map(|(index, (at, event))| {
            DayLine::of(&encode(event, self.space, SOURCE, &index.to_string(), *at)).to_text()
        });
        std::iter::once(header).chain(events)
    }
}

/// A zone that opens at an instant of zone time and runs at the pace of its log.
fn opened(space: Space, at: Timestamp, policy: Policy) -> ZoneOpened {
    ZoneOpened {
        timezone: "UTC".to_owned(),
        space,
        day_start: at,
        log_start: at,
        utc_offset: Millis(0),
        rate: 1,
        policy,
    }
}

/// A name made of a prefix and an id of the table.
fn name(row: &Row<'_>, prefix: &str, column: &'static str, suffix: &str) -> Result<Name, ImportError> {
    Name::new(&format!("{prefix}{}{suffix}", row.text(column)?))
        .ok_or_else(|| row.refuse(column, "is no id: ids have 1 to 64 visible characters"))
}

/// A stop that may be served at any time; service and set-up in seconds.
fn stop(position: Position, service: i64, setup: i64) -> StopSpec {
    StopSpec {
        position,
        windows: Vec::new(),
        service: Millis::from_seconds(service),
        setup: Millis::from_seconds(setup),
    }
}
