//! Limits that hold for every number of a problem.

/// Largest magnitude of any time in a problem: about eleven days, so that sums of a few stay inside `i32`.
pub const TIME_MAX: i32 = 1_000_000_000;

/// Travel time of a leg that cannot be driven. Large enough to miss every window, small enough to add.
pub const UNREACHABLE: i32 = 500_000_000;

/// Price of the span from `from` to `at`, 0 when not after it.
pub(crate) fn span_price(at: i32, from: i32, per_hour: i64) -> i64 {
    (i64::from(at) - i64::from(from)).max(0) * per_hour / 3_600_000
}
