//! The format of snapshots: when a snapshot of another build can be read, and when it is thrown away.
//!
//! A snapshot is a cache of the fleet and its key figures. Its bytes follow the memory layout that `serde` derives from the
//! types, so every change of a field makes older snapshots unreadable. A base ([`crate::base`]) survives such changes.

/// Format of snapshots. It rises whenever the layout of `(Fleet, Tally)` changes: a snapshot of another format is not read.
pub const SNAPSHOT_FORMAT: u32 = 13;

/// Fingerprint of the layout that [`SNAPSHOT_FORMAT`] stands for: the hash of the names and types of all fields, in their
/// order. A test compares it with the layout as it is, so that nobody changes the layout without raising the format.
pub const SNAPSHOT_LAYOUT: &str = "a8741e7d216f5b380df0509b8a2e92fd";
