//! The recorded-day file keeps every message byte for byte, and says what is wrong with a foreign one.

use fleetfold_model::FORMAT;
use fleetfold_wire::{DAY_FORMAT, DAY_LINE_BYTES_MAX, DayFooter, DayHeader, DayLine, message_hash, read_day_line};
use proptest::prelude::*;

fn back(line: &DayLine) -> DayLine {
    let text = line.to_text();
    assert!(!text.contains(['\n', '\r']), "a line has no line breaks: {text:?}");
    read_day_line(2, &text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_recorded_message_keeps_its_bytes() {
    for message in [
        r#"{"specversion":"1.0","b":1.50,"a":"\u00e9\/","event":{"event":{}},"seq":9}"#,
        r#"{ "specversion" : "1.0" , "data" : { "x" : 1e2 } }"#,
        "{\n  \"specversion\": \"1.0\"\r\n}",
        " {\"specversion\":\"1.0\"}",
        "{\"specversion\":\"1.0\"}\n",
        "{\"digest\":\"\",\"fleetfold_day\":7}",
        // The decoder of events passes over what a type does not know; a reader of whole lines is stricter.
        r#"{"specversion":"1.0","note":"\ud83d"}"#,
        r#"{"specversion":"1.0","note":1e999}"#,
        &format!(r#"{{"specversion":"1.0","note":{}}}"#, "9".repeat(400)),
        &format!(r#"{{"specversion":"1.0","note":{}{}}}"#, "[".repeat(126), "]".repeat(126)),
        r#"{"specversion":"1.0","note":{"$serde_json::private::RawValue":1}}"#,
        r#"{"specversion":"1.0","a":1,"a":2}"#,
    ] {
        let line = DayLine::Recorded { seq: 7, logged_at: "2026-06-01T09:00:00Z".into(), message: message.into() };
        assert_eq!(back(&line), line);
        let DayLine::Recorded { message: read, .. } = back(&line) else { unreachable!() };
        assert_eq!(message_hash(read.as_bytes()), message_hash(message.as_bytes()));
    }
}

proptest! {
    #[test]
    fn any_text_is_kept(inside in "\\PC{0,40}", around in "[ \n\t]{0,3}") {
        let message = format!("{around}{}{around}", serde_json::json!({ inside.clone(): [inside] }));
        let line = DayLine::Recorded { seq: 1, logged_at: "2026-06-01T09:00:00Z".into(), message };
        prop_assert_eq!(back(&line), line);
    }

    #[test]
    fn no_line_makes_it_panic(line in "[{}\\[\\]\":,a-z0-9 ]{0,60}", number in 1usize..4) {
        let _ = read_day_line(number, &line);
        let _ = read_day_line(number, &format!("{{\"seq\":1,\"logged_at\":\"\",\"event\":{line}}}"));
    }
}

#[test]
fn members_may_stand_in_any_order() {
    let text = r#"{"event": {"b": 1, "a": {"event": 2}} , "logged_at" : "t", "seq": 3}"#;
    let DayLine::Recorded { seq: 3, message, .. } = read_day_line(2, text).unwrap() else { panic!("{text}") };
    assert_eq!(message, r#"{"b": 1, "a": {"event": 2}}"#);
}

#[test]
fn header_and_footer_are_read_back() {
    let header = DayHeader { skipped: vec![4], ..DayHeader::new("a day".into()) };
    assert_eq!(back(&DayLine::Header(Box::new(header.clone()))), DayLine::Header(Box::new(header)));
    let footer = DayFooter::new(1, 2, 3);
    assert_eq!((footer.format, footer.digest.as_str()), (FORMAT, "0000000000000001"));
    assert_eq!(back(&DayLine::Footer(footer.clone())), DayLine::Footer(footer));
}

/// As version 0.1 wrote them.
#[test]
fn a_day_of_the_first_format_is_read() {
    let header = r#"{"exact_drivers":false,"fleetfold_day":1,"title":"day"}"#;
    let DayLine::Header(header) = read_day_line(1, header).unwrap() else { panic!("no header") };
    assert_eq!(header.fleetfold_day, 1);
    let footer = r#"{"applied":6,"digest":"00ff","facts_digest":"01"}"#;
    let DayLine::Footer(footer) = read_day_line(9, footer).unwrap() else { panic!("no footer") };
    assert_eq!(footer.format, 1);
}

#[test]
fn what_is_no_line_of_a_day_is_refused_with_its_number() {
    let newer = format!("{{\"fleetfold_day\":{}}}", DAY_FORMAT + 1);
    let huge = format!("{{\"specversion\":\"{}\"}}", "x".repeat(DAY_LINE_BYTES_MAX));
    for (text, expected) in [
        ("PK\u{3}\u{4}", "not JSON"),
        ("{\"specversion\":\"1.0\"", "not JSON"),
        ("[1,2]", "not a JSON object"),
        ("{}", "neither"),
        ("{\"seq\":1}", "neither"),
        ("{\"seq\":-1,\"logged_at\":\"\",\"event\":{}}", "invalid value"),
        ("{\"seq\":1,\"event\":{}}", "logged_at"),
        ("{\"digest\":1}", "invalid type"),
        ("{\"fleetfold_day\":0}", "no day format"),
        ("{\"fleetfold_day\":\"2\"}", "no day format"),
        (&newer, "newer than this program's 2"),
        (&huge, "bytes; a line of a day file has at most"),
    ] {
        let error = read_day_line(17, text).unwrap_err().to_string();
        assert!(error.starts_with("line 17: ") && error.contains(expected), "{error}");
    }
}
