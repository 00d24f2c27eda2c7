//! What travel between two places takes.

/// Travel time of a leg that cannot be driven, in milliseconds: about five and a half days. Every leg that can be driven is
/// shorter.
pub const UNREACHABLE_MILLIS: i32 = 500_000_000;

/// Travel from one place to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// Milliseconds; [`UNREACHABLE_MILLIS`] where there is no way.
    pub millis: i32,
    /// Metres.
    pub metres: i32,
}
