//! Which node runs which zone, decided by every node for itself from the nodes that it hears: no coordinator.
//!
//! Nodes are ranked for each zone by rendezvous hashing (highest random weight: D. G. Thaler and C. V. Ravishankar, "Using
//! name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998): the weight is a hash of zone and
//! node, and the node with the highest weight is first. When a node leaves, only its own zones move, each to the node that
//! was second for it; when a node joins, only those zones move for which it is now first.
//!
//! Only nodes that may run a zone are ranked for it: what each may run (`serve --zones`) is in its beats.
//!
//! The first node should own a zone, the second one folds its log as a standby. This is about liveness and balance only: safety
//! is the business of leases and of fenced plans, so nodes may disagree for a while about who is present.
//!
//! ```
//! use fleetfold_journal::ZoneName;
//! use fleetfold_journal::placement::{Beat, NodeName, Presence, rank};
//!
//! let node = |name| NodeName::new(name).expect("letters, digits, - and _");
//! let zone = ZoneName::new("acme", "porto").expect("letters, digits, - and _");
//! let mut present = Presence::new(node("a"));
//! present.heard(&Beat { node: node("b"), number: 1, draining: false, zones: Vec::new() });
//! let before = rank(&zone, &present);
//! let (first, second) = (before.first.expect("two nodes"), before.second.expect("two nodes"));
//! // The first node leaves: the second one is first now. (A node never believes that it is gone itself.)
//! if first != node("a") {
//!     present.left(&first);
//!     assert_eq!(rank(&zone, &present).first, Some(second));
//! }
//! ```

use std::collections::BTreeMap;

use crate::{Pattern, ZoneName};

/// A node announces itself this often, milliseconds.
pub const BEAT_MILLIS: u64 = 500;
/// A node is gone once so many of our own beats have come back since its last one: 2.5 s, which is shorter than a lease lives.
/// Counting our own beats instead of reading a clock has this effect: while the broker is away nobody's beats come, so nobody is
/// believed to be dead.
pub const GONE_BEATS: u64 = 5;
/// A node that has announced itself so many times has settled: others hand zones over to it. A node that starts and dies at
/// once moves nothing.
pub const SETTLED_BEATS: u64 = 10;
/// Time between two looks of a standby at the lease of its zone, milliseconds.
pub const LOOK_MILLIS: u64 = 1_000;
/// A standby that finds the lease free in so many looks, one after the other, takes it although another node comes first: that
/// node does not (it still folds, or it cannot reach the broker).
pub const FREE_LOOKS: u32 = 2;
/// A node that is neither first nor second for a zone any more goes on folding it for so many of its own beats (10 s): who is
/// first may change back, and the new standby has to catch up meanwhile.
pub const LINGER_BEATS: u32 = 20;

/// The name of a node: 1 to 64 ASCII letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// `None`: the text is no such name.
    pub fn new(text: &str) -> Option<Self> {
        // The same characters as in the name of a tenant.
        ZoneName::new(text, "zone").map(|name| Self(name.tenant().to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a node says of itself every [`BEAT_MILLIS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Who.
    pub node: NodeName,
    /// How many times it has announced itself since it started, this time included.
    pub number: u64,
    /// It wants to give its zones away.
    pub draining: bool,
    /// Which zones it may run. Empty: all of them, or it is of a version that does not say it.
    pub zones: Vec<Pattern>,
}

/// A node that is present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Number of its last beat.
    pub number: u64,
    /// It wants to give its zones away.
    pub draining: bool,
    /// Which zones it may run; see [`Beat::zones`].
    zones: Vec<Pattern>,
    /// How many of our own beats had come back when its last one came.
    heard_at: u64,
}

impl Member {
    /// Whether it has been here for long enough to be given zones that others own.
    pub fn has_settled(&self) -> bool {
        self.number >= SETTLED_BEATS
    }

    /// Whether it may run a zone.
    pub fn may_run(&self, zone: &ZoneName) -> bool {
        self.zones.is_empty() || self.zones.iter().any(|pattern| pattern.names(zone))
    }
}

/// The nodes that one node hears. It is always present itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    me: NodeName,
    own_beats: u64,
    members: BTreeMap<NodeName, Member>,
}

impl Presence {
    /// Only this node, which may run all zones and has not announced itself yet.
    pub fn new(me: NodeName) -> Self {
        Self::of(me, Vec::new())
    }

    /// The same for a node that may run these zones; empty: all.
    pub fn of(me: NodeName, zones: Vec<Pattern>) -> Self {
        let member = Member { number: 0, draining: false, zones, heard_at: 0 };
        Self { members: BTreeMap::from([(me.clone(), member)]), own_beats: 0, me }
    }

    /// Whose view this is.
    pub fn me(&self) -> &NodeName {
        &self.me
    }

    /// A beat came back from the broker, our own or that of another node. True when the ranking may have changed: a node is new,
    /// gone, has begun or ended to drain, or may run other zones than before.
    pub fn heard(&mut self, beat: &Beat) -> bool {
        let own = beat.node == self.me;
        self.own_beats += u64::from(own);
        let (number, draining, zones) = (beat.number, beat.draining, beat.zones.clone());
        let member = Member { number, draining, zones, heard_at: self.own_beats };
        let before = self.members.insert(beat.node.clone(), member);
        let mut changed = before.is_none_or(|before| before.draining != beat.draining || before.zones != beat.zones);
        if own {
            let (now, count) = (self.own_beats, self.members.len());
            self.members.retain(|_, member| now - member.heard_at < GONE_BEATS);
            changed |= self.members.len() != count;
        }
        changed
    }

    /// A node has said goodbye. True when it was present.
    pub fn left(&mut self, node: &NodeName) -> bool {
        *node != self.me && self.members.remove(node).is_some()
    }

    /// This node itself begins or ends to drain, before its beat says so.
    pub fn drain(&mut self, draining: bool) {
        if let Some(member) = self.members.get_mut(&self.me) {
            member.draining = draining;
        }
    }

    /// Whether a node is present and drains.
    pub fn drains(&self, node: &NodeName) -> bool {
        self.members.get(node).is_some_and(|member| member.draining)
    }

    /// Who is present, by name.
    pub fn members(&self) -> &BTreeMap<NodeName, Member> {
        &self.members
    }

    /// A node, if it is present.
    pub fn member(&self, node: &NodeName) -> Option<&Member> {
        self.members.get(node)
    }
}

/// The two nodes that come first for a zone. Nodes that may not run it are not ranked, and those that drain only where no other is left:
/// a zone without an owner would be worse than a node that has more to do than it should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// Who should own it; `None`: no node may run it.
    pub first: Option<NodeName>,
    /// Who should fold it as a standby; `None`: no other node may.
    pub second: Option<NodeName>,
}

/// Ranks the nodes for a zone.
pub fn rank(zone: &ZoneName, present: &Presence) -> Ranking {
    let mut best: [Option<(u64, &NodeName)>; 2] = [None, None];
    let able = || present.members.iter().filter(|(_, member)| member.may_run(zone));
    let all_drain = able().all(|(_, member)| member.draining);
    for (node, _) in able().filter(|(_, member)| all_drain || !member.draining) {
        // Equal weights (one in 2^64) are told apart by name.
        let candidate = Some((weight(zone, node), node));
        if candidate > best[0] {
            best = [candidate, best[0]];
        } else if candidate > best[1] {
            best[1] = candidate;
        }
    }
    let [first, second] = best.map(|found| found.map(|(_, node)| node.clone()));
    Ranking { first, second }
}

/// The weight of a node for a zone. It is part of the protocol between nodes: all versions must compute the same.
pub fn weight(zone: &ZoneName, node: &NodeName) -> u64 {
    mix(fnv(zone.key().as_bytes()).wrapping_add(mix(fnv(node.0.as_bytes()))))
}

/// FNV-1a, 64 bit.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The finaliser of `SplitMix64`: every bit of the input reaches every bit of the output.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Where a node stands with one zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It holds the zone's lease.
    pub owns: bool,
    /// It has folded the zone's log to its end.
    pub caught_up: bool,
    /// The node that comes first is another one, and says that it has folded the zone's log to its end. Looked up by owners only.
    pub first_ready: bool,
    /// In how many looks, one after the other, the lease was found free.
    pub free_looks: u32,
    /// For how many of its own beats it has been neither first nor second.
    pub idle_beats: u32,
}

/// What a node should do about a zone now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Fold its log.
    pub run: bool,
    /// Hold the zone's lease, or try to get it. An owner for which this is false hands the zone over: it lets the lease go.
    pub own: bool,
    /// It owns the zone and another node should: ask whether that one has caught up.
    pub ask_first: bool,
}

/// Decides. Every node asks for every zone at each beat, and whenever the ranking has changed.
pub fn decide(ranking: &Ranking, present: &Presence, standing: Standing) -> Decision {
    let me = Some(present.me());
    let (is_first, is_second) = (ranking.first.as_ref() == me, ranking.second.as_ref() == me);
    let drains = present.drains(present.me());
    // From one that drains to another that drains nothing is handed over.
    let other = ranking.first.as_ref().filter(|first| Some(*first) != me && !present.drains(first));
    // A zone is handed over to a node that has settled, so that joins do not make zones flap; a node that drains cannot wait.
    let ask_first =
        standing.owns && other.is_some_and(|first| drains || present.member(first).is_some_and(Member::has_settled));
    let own = if standing.owns {
        !(ask_first && standing.first_ready)
    } else {
        // Who drains is first only where no other node is left.
        is_first || (!drains && is_second && standing.caught_up && standing.free_looks >= FREE_LOOKS)
    };
    let run = standing.owns || is_first || is_second || (!drains && standing.idle_beats < LINGER_BEATS);
    Decision { run, own, ask_first }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::{
        Beat, Decision, FREE_LOOKS, GONE_BEATS, NodeName, Presence, Ranking, SETTLED_BEATS, Standing, decide, rank,
        weight,
    };
    use crate::ZoneName;

    fn node(number: usize) -> NodeName {
        NodeName::new(&format!("node-{number}")).unwrap()
    }

    fn zone(number: usize) -> ZoneName {
        ZoneName::new("acme", &format!("zone-{number}")).unwrap()
    }

    fn beat(node: NodeName, number: u64) -> Beat {
        Beat { node, number, draining: false, zones: Vec::new() }
    }

    /// What the lowest of these nodes sees when all of them have been here for long.
    fn settled(nodes: &BTreeSet<usize>) -> Presence {
        let mut present = Presence::new(node(*nodes.first().unwrap()));
        for &number in nodes {
            present.heard(&beat(node(number), SETTLED_BEATS));
        }
        present
    }

    #[test]
    fn the_weight_is_the_same_in_every_version() {
        assert_eq!(weight(&zone(1), &node(1)), 4_527_681_610_050_751_936);
    }

    #[test]
    fn zones_are_spread_evenly_over_nodes() {
        let present = settled(&(0..50).collect());
        let mut counts: BTreeMap<NodeName, usize> = BTreeMap::new();
        for number in 0..10_000 {
            *counts.entry(rank(&zone(number), &present).first.unwrap()).or_default() += 1;
        }
        // 200 on average; a fair draw stays within four standard deviations (14).
        assert_eq!(counts.len(), 50);
        assert!(counts.values().all(|count| (144..=256).contains(count)), "{counts:?}");
    }

    #[test]
    fn only_nodes_that_may_run_a_zone_are_ranked_for_it() {
        let of = |zones: &[&str]| zones.iter().map(|zone| zone.parse().unwrap()).collect::<Vec<crate::Pattern>>();
        let mut present = Presence::of(node(0), of(&["acme/*"]));
        for (number, zones) in [(1, of(&["other/*"])), (2, of(&["other/*", "acme/porto"])), (3, Vec::new())] {
            present.heard(&Beat { zones, ..beat(node(number), 1) });
        }
        let ranked = |tenant: &str, zone: &str| {
            let Ranking { first, second } = rank(&ZoneName::new(tenant, zone).unwrap(), &present);
            [first, second].into_iter().flatten().collect::<BTreeSet<_>>()
        };
        for number in 0..50 {
            let name = format!("zone-{number}");
            assert_eq!(ranked("acme", &name), BTreeSet::from([node(0), node(3)]), "{name}");
            assert!(!ranked("other", &name).contains(&node(0)), "{name}");
        }
        assert!(!ranked("acme", "porto").contains(&node(1)));
        assert!(present.heard(&Beat { zones: of(&["acme/*"]), ..beat(node(1), 2) }), "what it may run has changed");
    }

    #[test]
    fn a_node_is_gone_after_five_of_our_own_beats_without_one_of_its_own() {
        let mut present = Presence::new(node(0));
        present.heard(&beat(node(1), 100));
        for number in 1..GONE_BEATS {
            assert!(!present.heard(&beat(node(0), number)), "gone after {number}");
        }
        assert!(present.heard(&beat(node(0), GONE_BEATS)));
        assert_eq!(present.members().keys().collect::<Vec<_>>(), [&node(0)]);
    }

    #[test]
    fn a_zone_is_handed_over_only_to_a_node_that_has_settled_and_caught_up() {
        let ranking = Ranking { first: Some(node(1)), second: Some(node(0)) };
        let owner = Standing { owns: true, caught_up: true, first_ready: true, ..Standing::default() };
        let mut present = Presence::new(node(0));
        present.heard(&beat(node(1), SETTLED_BEATS - 1));
        assert!(decide(&ranking, &present, owner).own, "it has not settled");
        present.heard(&beat(node(1), SETTLED_BEATS));
        assert!(decide(&ranking, &present, Standing { first_ready: false, ..owner }).own, "it has not caught up");
        let handed = Decision { run: true, own: false, ask_first: true };
        assert_eq!(decide(&ranking, &present, owner), handed);
        // A node that drains does not wait until the other one has settled, but until it has caught up.
        let mut draining = Presence::new(node(0));
        draining.heard(&beat(node(1), 1));
        draining.drain(true);
        assert!(decide(&ranking, &draining, Standing { first_ready: false, ..owner }).own);
        assert!(!decide(&ranking, &draining, owner).own);
    }

    #[test]
    fn nodes_that_drain_run_a_zone_only_where_no_other_is_left() {
        let mut present = settled(&BTreeSet::from([0, 1, 2]));
        present.drain(true);
        let first = |present: &Presence| rank(&zone(7), present).first;
        assert!(first(&present).is_some_and(|first| first != node(0)), "another one is there");
        present.left(&node(1));
        assert_eq!(first(&present), Some(node(2)));
        present.left(&node(2));
        let ranking = rank(&zone(7), &present);
        assert_eq!(ranking, Ranking { first: Some(node(0)), second: None });
        let taken = Decision { run: true, own: true, ask_first: false };
        assert_eq!(decide(&ranking, &present, Standing { caught_up: true, ..Standing::default() }), taken);
        // As soon as one is there that does not drain, it is given the zone again.
        present.heard(&beat(node(1), 1));
        let ranking = rank(&zone(7), &present);
        assert_eq!(ranking.first, Some(node(1)));
        let owner = Standing { owns: true, caught_up: true, first_ready: true, ..Standing::default() };
        assert_eq!(decide(&ranking, &present, owner), Decision { run: true, own: false, ask_first: true });
        // Where all drain, what somebody owns stays with him.
        present.heard(&Beat { draining: true, ..beat(node(1), 2) });
        let (ranking, here) = (rank(&zone(7), &present), node(0));
        let mine = Ranking { first: Some(node(1)), second: Some(here) };
        assert!(decide(&mine, &present, owner).own && !decide(&mine, &present, owner).ask_first);
        assert!(ranking.first.is_some() && ranking.second.is_some());
    }

    #[test]
    fn a_standby_takes_a_lease_that_stays_free_although_the_first_node_is_present() {
        let ranking = Ranking { first: Some(node(1)), second: Some(node(0)) };
        let present = settled(&BTreeSet::from([0, 1]));
        let standing = Standing { caught_up: true, free_looks: FREE_LOOKS - 1, ..Standing::default() };
        assert!(!decide(&ranking, &present, standing).own);
        assert!(decide(&ranking, &present, Standing { free_looks: FREE_LOOKS, ..standing }).own);
    }

    proptest! {
        #[test]
        fn every_zone_has_exactly_one_first_and_another_second(
            nodes in prop::collection::btree_set(0usize..200, 2..30), number in 0usize..1_000_000,
        ) {
            let found = rank(&zone(number), &settled(&nodes));
            prop_assert!(found.first.is_some() && found.second.is_some() && found.first != found.second);
            // Whoever looks, sees the same.
            let mut other = Presence::new(node(*nodes.last().unwrap()));
            for &number in nodes.iter().rev() {
                other.heard(&beat(node(number), 1));
            }
            prop_assert_eq!(rank(&zone(number), &other), found);
        }

        #[test]
        fn when_a_node_leaves_only_its_zones_move_each_to_the_one_that_was_second(
            nodes in prop::collection::btree_set(0usize..200, 3..30), number in 0usize..1_000_000, gone in any::<prop::sample::Index>(),
        ) {
            // The first of them looks, so it stays.
            let all: Vec<usize> = nodes.iter().copied().collect();
            let gone = all[1 + gone.index(all.len() - 1)];
            let before = rank(&zone(number), &settled(&nodes));
            let mut present = settled(&nodes);
            present.left(&node(gone));
            let after = rank(&zone(number), &present);
            if before.first == Some(node(gone)) {
                prop_assert_eq!(after.first, before.second);
            } else {
                prop_assert_eq!(after.first, before.first);
            }
        }

        #[test]
        fn when_a_node_joins_only_those_zones_move_for_which_it_is_first(
            nodes in prop::collection::btree_set(0usize..200, 1..30), number in 0usize..1_000_000, new in 200usize..400,
        ) {
            let before = rank(&zone(number), &settled(&nodes)).first;
            let mut present = settled(&nodes);
            present.heard(&beat(node(new), 1));
            let after = rank(&zone(number), &present).first;
            prop_assert!(after == before || after == Some(node(new)));
        }
    }
}
