//! Times as texts (RFC 3339). A plan has four for each visit, so the form in which this crate writes them, UTC with milliseconds at most, is
//! read and written here; any other form is left to the library for times.

use fleetfold_model::Timestamp;

const DAY: i64 = 86_400_000;
/// 9999-01-01T00:00:00Z: the last year is not whole in the library, and left to it.
const YEAR_9999: i64 = 253_370_764_800_000;
/// From 1 March of the year 0 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// Days in 400 years.
const ERA: i64 = 146_097;

/// The text of an instant as events and plans have it: RFC 3339 in UTC, with as many digits of the second as are needed. An instant beyond the
/// years that can be written is the first or the last of them.
pub fn text(at: Timestamp) -> String {
    if !(0..YEAR_9999).contains(&at.0) {
        return jiff::Timestamp::from_millisecond(at.0)
            .unwrap_or(if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX })
            .to_string();
    }
    let (year, month, day) = date(at.0 / DAY);
    let of_day = at.0 % DAY;
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60);
    let mut bytes = *b"0000-00-00T00:00:00.000Z";
    let mut put = |from: usize, to: usize, mut number: i64| {
        for digit in bytes[from..to].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, year);
    put(5, 7, month);
    put(8, 10, day);
    put(11, 13, hour);
    put(14, 16, minute);
    put(17, 19, second);
    put(20, 23, at.0 % 1_000);
    let mut len = 23;
    while bytes[len - 1] == b'0' && len > 20 {
        len -= 1;
    }
    if len == 20 {
        len = 19; // a point without digits behind it
    }
    bytes[len] = b'Z';
    String::from_utf8_lossy(&bytes[..=len]).into_owned()
}

/// The instant of a text as [`text`] writes it, with up to nine digits of the second, of which milliseconds are kept; `None`: it is of another form, or
/// no time at all.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (&last, rest) = bytes.split_last()?;
    let marks = bytes.len() >= 20
        && (bytes[4], bytes[7], bytes[10], bytes[13], bytes[16], last) == (b'-', b'-', b'T', b':', b':', b'Z');
    if !marks {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digit = |sum: i64, &byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'));
        bytes[from..to].iter().try_fold(0, digit)
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let legal = (1970..9999).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    let millis = match &rest[19..] {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let kept = digits.len().min(3);
            number(20 + kept, 20 + digits.len())?;
            number(20, 20 + kept)? * [100, 10, 1][kept - 1]
        }
        _ => return None,
    };
    let days = days(year, month, day);
    (legal && date(days) == (year, month, day))
        .then(|| Timestamp(days * DAY + hour * 3_600_000 + minute * 60_000 + second * 1_000 + millis))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar. Years begin in March here, so that a leap day is the last one (Howard Hinnant,
/// "chrono-compatible low-level date algorithms", `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_1970
}

/// Year, month and day, so many days after 1970-01-01 (as [`days`], `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use fleetfold_model::Timestamp;
    use proptest::prelude::*;

    use super::{YEAR_9999, read, text};

    fn by_the_library(at: i64) -> String {
        jiff::Timestamp::from_millisecond(at).expect("within its years").to_string()
    }

    proptest! {
        #[test]
        fn written_and_read_as_the_library_does(at in 0..YEAR_9999, whole in any::<bool>()) {
            let at = if whole { at / 1_000 * 1_000 } else { at };
            prop_assert_eq!(text(Timestamp(at)), by_the_library(at));
            prop_assert_eq!(read(&by_the_library(at)), Some(Timestamp(at)));
        }

        /// Whatever looks like a time and is read here means what the library says it means.
        #[test]
        fn what_is_read_is_what_the_library_reads(text in "(19[67]\\d|20\\d\\d|[0-9]{4})-[01]\\d-[0-3]\\d[Tt ][0-2]\\d:[0-6]\\d:[0-6]\\d(\\.\\d{0,10})?(Z|z|\\+00:00)?") {
            if let Some(at) = read(&text) {
                let library = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
                prop_assert_eq!(Some(at.0), library, "{}", text);
            }
        }
    }

    #[test]
    fn every_day_of_800_years_is_there_and_back() {
        for day in 0..292_194 {
            let at = Timestamp(day * 86_400_000);
            assert_eq!(read(&text(at)), Some(at));
        }
    }

    #[test]
    fn first_and_last_are_as_the_library_has_them() {
        for at in [0, 1, YEAR_9999 - 1, 951_782_400_000, 4_107_542_400_000] {
            assert_eq!(text(Timestamp(at)), by_the_library(at));
        }
        for other in [
            "",
            "Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "9999-01-01T00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.0000000001Z",
            "2026-01-01T00:00:00,5Z",
            "ä026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.5",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
