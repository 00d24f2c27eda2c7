//! Times of a file as times of the solver.
//!
//! VROOM's times may be seconds since 1970. The solver counts in `i32` and takes a leg of [`fleetfold_solver::UNREACHABLE`] for one
//! that misses every window, so that all times of a problem have to lie in `0..TIME_END`. The times of a file are therefore shifted
//! by a constant. Where a time does not fit then, the file is refused, and the word "range" is in the message.

use fleetfold_solver::UNREACHABLE;

use super::shapes::Window;
use crate::error::{ReadError, Spot};

/// Latest time of a problem: a leg that cannot be driven is later than this whenever it is begun.
pub(super) const TIME_END: i64 = UNREACHABLE as i64 - 1;
/// Latest opening time after the shift. The rest of the range is for what is done after the last opening.
const OPENS_MAX: i64 = 400_000_000;
/// Longest time before the first opening that is kept for vehicles without a shift, which may leave long before it.
const LEAD_MAX: i64 = 50_000_000;
/// Longest service, set-up or break.
const SPAN_MAX: i64 = 250_000_000;

/// Closing time of what never closes, as the file would write it.
pub(crate) const NEVER: i64 = i64::MAX / 4;

/// The shift between the times of a file and those of the solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// What is subtracted, seconds.
    base: i64,
}

impl Clock {
    /// From all opening times of a file, and the time of all work (seconds) that a vehicle without a shift may do before the first.
    pub(super) fn new(opens: impl Iterator<Item = u32> + Clone, work: i64) -> Self {
        let (Some(first), Some(last)) = (opens.clone().min(), opens.max()) else {
            return Self { base: 0 };
        };
        let (first, last) = (i64::from(first), i64::from(last));
        let lead = first.min(work).min(LEAD_MAX);
        Self { base: (first - lead).max(last - OPENS_MAX) }
    }

    /// The windows of a task, a break or a vehicle, in order; what is outside the range is cut off.
    pub(super) fn windows(self, at: &Spot, windows: &[(i64, i64)]) -> Result<Vec<(i32, i32)>, ReadError> {
        let shifted = windows.iter().map(|&(opens, closes)| {
            if closes < self.base {
                let what =
                    format!("time {closes} is out of range, {OPENS_MAX} s or more before other times of the file");
                return Err(ReadError::impossible(at.clone(), what));
            }
            Ok((self.shifted(opens), self.shifted(closes)))
        });
        shifted.collect()
    }

    /// The time of the file at the solver's time 0.
    pub(super) fn base(self) -> i64 {
        self.base
    }

    /// A time of the solver.
    pub(super) fn shifted(self, time: i64) -> i32 {
        (time - self.base).clamp(0, TIME_END) as i32
    }
}

/// Windows as the file gives them, sorted; none: at any time.
pub(super) fn sorted(at: &Spot, given: Option<&[Window]>) -> Result<Vec<(i64, i64)>, ReadError> {
    let Some(given) = given else { return Ok(vec![(0, NEVER)]) };
    if given.is_empty() {
        return Err(ReadError::impossible(at.clone(), "`time_windows` is empty"));
    }
    let mut list = Vec::with_capacity(given.len());
    for &[opens, closes] in given {
        if closes < opens {
            let what = format!("the window closes at {closes}, before it opens at {opens}");
            return Err(ReadError::impossible(at.clone(), what));
        }
        list.push((i64::from(opens), i64::from(closes)));
    }
    list.sort_unstable();
    if list.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
        return Err(ReadError::impossible(at.clone(), "its time windows overlap"));
    }
    Ok(list)
}

/// A time of service, of set-up or of a break.
pub(super) fn span(at: &Spot, span: u32) -> Result<i32, ReadError> {
    if i64::from(span) > SPAN_MAX {
        return Err(ReadError::impossible(at.clone(), format!("{span} s is out of range, {SPAN_MAX} s are the most")));
    }
    Ok(span as i32)
}
