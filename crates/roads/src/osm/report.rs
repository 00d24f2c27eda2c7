//! What a build says of itself: how far it is, and what it kept.

use crate::streets::Dropped;

/// What a build kept of an extract, and what it left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ways with a `highway` tag.
    pub ways: usize,
    /// Ways that the profile may use.
    pub used: usize,
    /// References to points that the extract does not hold: the way is cut there.
    pub missing_nodes: usize,
    /// Points of used ways that not everybody may pass: barriers and limits.
    pub barriers: usize,
    /// Turn restrictions that are kept.
    pub restrictions: usize,
    /// Turn restrictions that are left out: they are for other vehicles, or name ways that are not used or do not meet.
    pub restrictions_left_out: usize,
    /// Stretches of street that have no connection with the largest part: nobody drives on them, and places beside them cannot be
    /// reached.
    pub apart: usize,
    /// Junctions and edges outside the largest part.
    pub dropped: Dropped,
}

/// How far a build has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub doing: &'static str,
    /// Bytes read so far. An extract is read twice, because ways come after the points that they go through.
    pub read: u64,
    /// Bytes to read in all.
    pub of: u64,
}
