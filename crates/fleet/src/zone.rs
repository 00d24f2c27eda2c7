//! The zone: its coordinates and the two clocks, log time and zone time.

use fleetfold_model::{Millis, Space, Timestamp, ZoneOpened};
use serde::{Deserialize, Serialize};

/// The zone: how log time maps to zone time and how coordinates are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// True once the log has said so; before, zone time is log time.
    pub opened: bool,
    /// IANA name, for showing times.
    pub timezone: String,
    /// How coordinates are read.
    pub space: Space,
    /// Zone time at `log_start`.
    pub day_start: Timestamp,
    /// Log time at which zone time was `day_start`.
    pub log_start: Timestamp,
    /// What local clocks are ahead of UTC.
    pub utc_offset: Millis,
    /// Zone milliseconds per log millisecond.
    pub rate: u32,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            opened: false,
            timezone: "UTC".to_owned(),
            space: Space::Geographic,
            day_start: Timestamp(0),
            log_start: Timestamp(0),
            utc_offset: Millis(0),
            rate: 1,
        }
    }
}

impl From<&ZoneOpened> for Zone {
    fn from(opened: &ZoneOpened) -> Self {
        Self {
            opened: true,
            timezone: opened.timezone.clone(),
            space: opened.space,
            day_start: opened.day_start,
            log_start: opened.log_start,
            utc_offset: opened.utc_offset,
            rate: opened.rate.max(1),
        }
    }
}

impl Zone {
    /// Zone time at an instant of log time.
    pub fn zone_time(&self, logged_at: Timestamp) -> Timestamp {
        self.day_start + Millis((logged_at - self.log_start).0.saturating_mul(i64::from(self.rate)))
    }

    /// Local hour of the day at an instant of zone time, 0 to 23.
    pub fn hour(&self, zone: Timestamp) -> u8 {
        ((zone + self.utc_offset).0.div_euclid(3_600_000)).rem_euclid(24) as u8
    }

    /// Log time at an instant of zone time, rounded up.
    pub fn log_time(&self, zone: Timestamp) -> Timestamp {
        let rate = i64::from(self.rate.max(1));
        let span = (zone - self.day_start).0;
        self.log_start + Millis(span.div_euclid(rate) + i64::from(span.rem_euclid(rate) != 0))
    }
}
