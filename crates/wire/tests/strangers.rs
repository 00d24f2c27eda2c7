//! What programs send that know JSON in their own way: it is refused in words from which their authors see what is wrong, or it is taken
//! as every reader of JSON takes it.

use fleetfold_wire::{What, decode};

const ORDER: &str = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"fleet.order.created.v1","time":"2026-06-01T09:00:00Z","data":{"order_id":"a","job":{"stop":{"lon":-8.62,"lat":41.15}}}}"#;

fn refused(bytes: &[u8]) -> String {
    decode(bytes).expect_err("it is refused").to_string()
}

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn other_encodings_than_utf_8_are_named() {
    assert!(decode(ORDER.as_bytes()).is_ok());
    assert!(refused(format!("\u{feff}{ORDER}").as_bytes()).contains("byte order mark"));
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        for text in [ORDER.to_owned(), format!("\u{feff}{ORDER}")] {
            let said = refused(&utf_16(&text, bytes));
            assert!(said.contains("UTF-16") && said.contains("UTF-8"), "{said}");
        }
    }
    let latin_1 = ORDER.replace("\"a\"", "\"caf\u{e9}\"").chars().map(|c| c as u8).collect::<Vec<u8>>();
    assert!(refused(&latin_1).contains("invalid utf-8"), "{}", refused(&latin_1));
    let cut = format!("{}\u{e9}", &ORDER[..40]);
    assert!(refused(&cut.as_bytes()[..cut.len() - 1]).contains("utf-8"));
}

#[test]
fn numbers_that_json_does_not_have_and_nesting_without_end_are_refused_with_their_place() {
    for number in ["NaN", "Infinity", "-Infinity", "1e999", "0x10", "01", "1,5"] {
        let said = refused(ORDER.replace("-8.62", number).as_bytes());
        assert!(said.contains("line 1 column"), "{number}: {said}");
    }
    for depth in [200, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(refused(ORDER.replace("\"a\"", &nested).as_bytes()).contains("recursion limit"), "{depth}");
    }
    assert!(refused(format!("{ORDER}{ORDER}").as_bytes()).contains("trailing characters"));
    assert!(refused(&vec![b' '; 10 << 20]).contains("at most"), "ten megabytes");
}

/// Of two attributes of one name nobody knows which is meant. Of two fields of a payload the last counts, as most readers of JSON have it.
#[test]
fn an_attribute_that_stands_there_twice_is_refused_and_of_a_field_the_last_counts() {
    let twice = ORDER.replace("\"id\":\"1\"", "\"id\":\"1\",\"id\":\"2\"");
    assert!(refused(twice.as_bytes()).contains("duplicate field `id`"), "{}", refused(twice.as_bytes()));
    let twice = ORDER.replace("\"order_id\":\"a\"", "\"order_id\":\"b\",\"order_id\":\"a\"");
    let (once, twice) = (decode(ORDER.as_bytes()).unwrap(), decode(twice.as_bytes()).unwrap());
    assert_eq!(once.what, twice.what);
    assert!(matches!(twice.what, What::Event(_)));
}
