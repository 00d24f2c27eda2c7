//! The document as a whole, version 1.
//!
//! Every field has its name here, in its own type: renaming or reordering something in `model` or `fleet` changes no byte.
//! Times are milliseconds of Unix time and spans are milliseconds (`_ms`); positions in the log end in `_seq`.
//! A field that may be missing is left out when it has its default value.

use fleetfold_fleet::{Counters, Image, RememberedHash};
use fleetfold_model::{LogSeq, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert_v1::AlertStateV1;
use super::said_v1::{EarlyWordV1, SaidAtV1};
use super::state_v1::{AskImageV1, OrderImageV1, VehicleImageV1};
use super::tally_v1::TallyV1;
use super::values::{Count, Hash64, NameText, is_default, names, texts};
use super::zone_v1::{
    ArrivalEndsV1, ChainStateV1, PolicyStateV1, RoadStateV1, ServiceFeatureV1, SpeedFeatureV1, StoredBaseV1,
    ZoneStateV1,
};

/// The document.
#[derive(Serialize, Deserialize)]
pub(super) struct BaseDocumentV1 {
    /// Version of the document.
    pub(super) fleetfold_base: u32,
    /// Format of the fold that made it.
    pub(super) fold_format: u16,
    pub(super) tenant: String,
    pub(super) zone: String,
    /// The last entry folded into it, or passed over.
    pub(super) applied_seq: Count<u64>,
    /// Digest of the fleet.
    pub(super) digest: Hash64,
    pub(super) fleet: FleetImageV1,
    #[serde(default)]
    pub(super) tally: TallyV1,
}

/// A hash that is kept for a time.
#[derive(PartialEq, Serialize, Deserialize)]
struct RememberedHashV1 {
    since_ms: i64,
    hash: Hash64,
}

/// Running totals. One that is missing is 0.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct CountersV1 {
    facts: Count<u64>,
    plans: Count<u64>,
    refused: Count<u64>,
    skipped: Count<u64>,
    gaps: Count<u64>,
    groups_accepted: Count<u64>,
    groups_refused: Count<u64>,
}

/// Everything that the fold needs to go on.
#[derive(Serialize, Deserialize)]
pub(super) struct FleetImageV1 {
    logged_at_ms: i64,
    swept_at_ms: i64,
    zone: ZoneStateV1,
    policy: PolicyStateV1,
    #[serde(default, skip_serializing_if = "is_default")]
    policy_said: Option<SaidAtV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    early_words: Vec<EarlyWordV1>,
    chain: ChainStateV1,
    #[serde(default, skip_serializing_if = "is_default")]
    last_base: Option<StoredBaseV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    skills: Vec<NameText>,
    vehicles: Vec<VehicleImageV1>,
    orders: Vec<OrderImageV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    roads: Vec<RoadStateV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    road_version: Count<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    features_version: Count<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    learned_until_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    speeds: Vec<SpeedFeatureV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    services: Vec<ServiceFeatureV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    arrivals: Vec<ArrivalEndsV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    unanswered: Vec<AskImageV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    remembered: Vec<RememberedHashV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    alerts: Vec<AlertStateV1>,
    #[serde(default, skip_serializing_if = "is_default")]
    counters: CountersV1,
}

fn each<T, U: From<T>>(values: Vec<T>) -> Vec<U> {
    values.into_iter().map(U::from).collect()
}

impl From<Image> for FleetImageV1 {
    fn from(image: Image) -> Self {
        let Image {
            applied: _, // it is in the envelope
            logged_at,
            swept_at,
            zone,
            policy,
            policy_said,
            early_words,
            chain,
            last_base,
            skills,
            vehicles,
            orders,
            roads,
            road_version,
            features_version,
            learned_until,
            speeds,
            services,
            arrivals,
            unanswered,
            remembered,
            alerts,
            counters,
        } = image;
        let Counters { facts, plans, refused, skipped, gaps, groups_accepted, groups_refused } = counters;
        let remembered = remembered.into_iter();
        Self {
            logged_at_ms: logged_at.0,
            swept_at_ms: swept_at.0,
            zone: zone.into(),
            policy: policy.into(),
            policy_said: policy_said.map(Into::into),
            early_words: each(early_words),
            chain: chain.into(),
            last_base: last_base.map(Into::into),
            skills: texts(skills),
            vehicles: each(vehicles),
            orders: each(orders),
            roads: each(roads),
            road_version: Count(road_version),
            features_version: Count(features_version),
            learned_until_ms: learned_until.0,
            speeds: each(speeds),
            services: each(services),
            arrivals: each(arrivals),
            unanswered: each(unanswered),
            remembered: remembered
                .map(|RememberedHash { since, hash }| RememberedHashV1 { since_ms: since.0, hash: Hash64(hash) })
                .collect(),
            alerts: each(alerts),
            counters: CountersV1 {
                facts: Count(facts),
                plans: Count(plans),
                refused: Count(refused),
                skipped: Count(skipped),
                gaps: Count(gaps),
                groups_accepted: Count(groups_accepted),
                groups_refused: Count(groups_refused),
            },
        }
    }
}

impl FleetImageV1 {
    pub(super) fn image(self, applied: LogSeq) -> Image {
        let counters = self.counters;
        let remembered = self.remembered.into_iter();
        Image {
            applied,
            logged_at: Timestamp(self.logged_at_ms),
            swept_at: Timestamp(self.swept_at_ms),
            zone: self.zone.into(),
            policy: self.policy.into(),
            policy_said: self.policy_said.map(Into::into),
            early_words: each(self.early_words),
            chain: self.chain.into(),
            last_base: self.last_base.map(Into::into),
            skills: names(self.skills),
            vehicles: each(self.vehicles),
            orders: each(self.orders),
            roads: each(self.roads),
            road_version: self.road_version.0,
            features_version: self.features_version.0,
            learned_until: Timestamp(self.learned_until_ms),
            speeds: each(self.speeds),
            services: each(self.services),
            arrivals: each(self.arrivals),
            unanswered: each(self.unanswered),
            remembered: remembered
                .map(|RememberedHashV1 { since_ms, hash }| RememberedHash { since: Timestamp(since_ms), hash: hash.0 })
                .collect(),
            alerts: self.alerts.into_iter().filter_map(AlertStateV1::state).collect(),
            counters: Counters {
                facts: counters.facts.0,
                plans: counters.plans.0,
                refused: counters.refused.0,
                skipped: counters.skipped.0,
                gaps: counters.gaps.0,
                groups_accepted: counters.groups_accepted.0,
                groups_refused: counters.groups_refused.0,
            },
        }
    }
}
