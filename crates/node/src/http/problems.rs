//! The catalogue of errors: each problem document (RFC 9457) has one of these codes, or that of an event that is not legal.
//!
//! Promise: a code stays when words are mended. `docs/HTTP.md` has the same table, which a test compares.

/// One kind of error.
pub(crate) struct Known {
    /// A short stable word.
    pub(crate) code: &'static str,
    /// With these statuses.
    pub(crate) status: &'static [u16],
    /// What it is called in the document.
    pub(crate) title: &'static str,
    /// What it means, and what to do.
    pub(crate) means: &'static str,
}

const fn known(code: &'static str, status: &'static [u16], title: &'static str, means: &'static str) -> Known {
    Known { code, status, title, means }
}

/// Every error but those of events, which `EVENT_CODES` has.
pub(crate) const CATALOGUE: &[Known] = &[
    known("not_found", &[404], "not found", "There is no such route. `/docs` lists them."),
    known("no_such_vehicle", &[404], "no such vehicle", "No event has named this vehicle."),
    known(
        "no_such_order",
        &[404, 422],
        "no such order",
        "No event in the log names this order, or it is over: nobody can take it.",
    ),
    known("no_such_entry", &[404], "no such entry", "The log does not hold this entry, or it is another zone's."),
    known(
        "no_such_page",
        &[400],
        "no such page",
        "`part`, `after`, `limit`, `status`, `vehicle` or `late` is wrong; the detail says which.",
    ),
    known(
        "no_such_question",
        &[400],
        "no such question",
        "A parameter of the question is wrong; the detail says which.",
    ),
    known("no_such_stretch", &[400], "no such stretch", "`from`, `to` or `steps` is wrong; the detail says which."),
    known("no_such_square", &[400], "no such square", "There is no such square of the map."),
    known(
        "no_map",
        &[404],
        "no map here",
        "The engine has no file of a map: `serve --basemap FILE.pmtiles` names one.",
    ),
    known(
        "map_not_read",
        &[500],
        "the map cannot be read",
        "The file of `--basemap` is broken, or was changed since the start; the detail says how.",
    ),
    known("no_such_place", &[400], "no such place", "`lon` and `lat` are no place, or the zone reads metres."),
    known(
        "nothing_to_look_for",
        &[400],
        "nothing to look for",
        "`q` is empty or too long, or `limit` is out of bounds.",
    ),
    known(
        "cannot_be_explained",
        &[404],
        "cannot be explained from this log",
        "The log holds nothing that explains it: the detail says what is missing.",
    ),
    known("no_change", &[400], "no change can be read", "The body names no changes; the detail shows how they look."),
    known(
        "illegal_change",
        &[422],
        "not a legal change",
        "A change of a what-if cannot be made; the detail says which and why.",
    ),
    known(
        "illegal_question",
        &[422],
        "not a legal question",
        "A quote cannot be computed for this; the detail says why.",
    ),
    known(
        "illegal_roads",
        &[422],
        "not a legal change of the roads",
        "The streets that are meant cannot be read; the detail says why.",
    ),
    known("slot_gone", &[409], "the slot is gone", "Another order took the place since it was quoted: ask again."),
    known("no_event", &[400], "no event", "The body is empty."),
    known(
        "not_a_batch",
        &[400],
        "not a batch",
        "A body of type `application/cloudevents-batch+json` is a JSON array of events.",
    ),
    known("bad_wait", &[400], "nothing to wait for", "`wait` is `answer` or left out."),
    known(
        "too_many_to_wait_for",
        &[400],
        "too many to wait for",
        "Send fewer events in one request, or do not wait for their answers.",
    ),
    known(
        "overloaded",
        &[429],
        "overloaded",
        "Orders wait for longer than they should. Send it again after `Retry-After` seconds.",
    ),
    known(
        "not_stored",
        &[503],
        "the log did not take it: send it again",
        "The event is not in the log. Send it again, under the same id.",
    ),
    known(
        "perhaps_stored",
        &[503],
        "nobody knows whether the log took it: send it again, its id makes repeats harmless",
        "The log did not answer. Send it again under the same id, of which the log keeps one.",
    ),
    known("log_too_large", &[503], "the log takes no event so large", "Send less in one event."),
    known(
        "log_not_read",
        &[503],
        "the log could not be read",
        "The broker does not answer, or reading took too long: ask again, or for less.",
    ),
    known("nobody_named", &[422], "nobody is named", "Give exactly one of `order_id` and `vehicle_id`."),
    known(
        "work_goes_on",
        &[409],
        "work goes on",
        "The order is open, or somebody has signed on to the vehicle: wait until that is over, or say `even_if_open`.",
    ),
    known("log_is_read", &[503], "ask again in a second", "The log is being read for somebody else."),
    known(
        "others_are_asking",
        &[429],
        "others are asking",
        "Such questions are answered one after the other. Ask again after `Retry-After` seconds.",
    ),
    known("not_ready", &[503], "not ready", "No event is answered now; the detail says why."),
    known(
        "no_owner",
        &[503],
        "no owner",
        "The zone is changing its owner, or no node that is present may run it. Ask again after `Retry-After` seconds.",
    ),
    known("stopping", &[503], "stopping", "The program ends: ask another engine of the zone."),
    known("too_many_screens", &[503], "too many screens", "All seats of the live feed are taken."),
    known("too_much_at_once", &[503], "too much at once", "Too many bodies are being read: send it again."),
    known("payload_too_large", &[413], "payload too large", "Send it in parts."),
    known(
        "head_too_large",
        &[431],
        "request header fields too large",
        "The head of the request has more than 32 KiB or 64 lines.",
    ),
    known("body_too_slow", &[408], "request timeout", "The body did not come in time."),
    known(
        "bad_request",
        &[400],
        "bad request",
        "The request cannot be read: a parameter is missing, unknown or of another type.",
    ),
    known("unreadable", &[422], "unprocessable entity", "The body cannot be read."),
    known(
        "method_not_allowed",
        &[405],
        "method not allowed",
        "The header `Allow` names the methods that are known here.",
    ),
    known("media_type", &[415], "unsupported media type", "The `Content-Type` is not one that is read here."),
    known("upgrade_required", &[426], "upgrade required", "This route is a websocket."),
    known("token", &[401], "no or wrong token", "Send `Authorization: Bearer TOKEN`, or log in on the page."),
    known("no_login", &[400], "no login", "The body is no login."),
    known("role", &[403], "not with this role", "Whoever asks has a lower role than this needs."),
    known("foreign_origin", &[403], "foreign origin", "A page of another site asks."),
    known(
        "not_our_page",
        &[403],
        "not from our page",
        "With a session only the page itself changes something; programs send a token.",
    ),
    known(
        "not_our_name",
        &[421],
        "not our name",
        "Without a token the engine answers to addresses and `localhost` only.",
    ),
    known("too_many_requests", &[429], "too many requests", "Ask again after `Retry-After` seconds."),
    known("broker", &[503], "the broker does not answer", "The node cannot reach its broker: ask again."),
    known(
        "stream_not_made",
        &[409],
        "the stream was not made",
        "The broker refused to make the stream of the zone; the detail says why.",
    ),
    known(
        "not_answered",
        &[500],
        "not answered",
        "A fault of the program: report it, with the question and a recording of the log.",
    ),
];

/// Codes of an event that is not taken: status and meaning. A line of a batch has the same.
pub(crate) const EVENT_CODES: &[(&str, u16, &str)] = &[
    ("not_cloudevent", 422, "It is no CloudEvent in JSON."),
    ("attribute", 422, "An attribute of the CloudEvent is missing or wrong."),
    ("unknown_type", 422, "Nobody knows this type of event."),
    ("payload", 422, "`data` has another shape than the type says."),
    ("field", 422, "A field is out of its limits; the detail names it."),
    ("unknown_field", 422, "A field that nobody knows, in a zone with a strict policy."),
    ("too_large", 422, "The event is larger than the log takes."),
    ("engine_only", 422, "This type is written by the engine alone."),
    ("coordinates", 422, "Metres in a zone that reads degrees, or the other way round."),
    ("nowhere", 422, "Longitude 0, latitude 0: nobody has filled the place in."),
    ("unnameable", 422, "The id is `.` or `..`: no address of HTTP can name it."),
    ("no_effect", 422, "A change of the roads that changes nothing."),
    ("role", 403, "Only administrators may send this type."),
    ("id_reused", 409, "The log has an event of this source and id that says something else."),
];

/// The code of an error with this title.
pub(crate) fn code_of(title: &str) -> &'static str {
    CATALOGUE.iter().find(|known| known.title == title).map_or("other", |known| known.code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{CATALOGUE, EVENT_CODES, code_of};

    /// The text of every file of the program, without its tests.
    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                found.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_error_has_a_code_of_its_own() {
        let codes: BTreeSet<&str> = CATALOGUE.iter().map(|known| known.code).collect();
        let titles: BTreeSet<&str> = CATALOGUE.iter().map(|known| known.title).collect();
        assert_eq!((codes.len(), titles.len()), (CATALOGUE.len(), CATALOGUE.len()));
        let mut texts = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        let mut seen = 0;
        for text in texts {
            // The title is the first text behind the status.
            for rest in text.split("StatusCode::").skip(1) {
                let Some((status, rest)) = rest.split_once(',') else { continue };
                let rest = rest.trim_start();
                if !status.chars().all(|c| c.is_ascii_uppercase() || c == '_') || !rest.starts_with('"') {
                    continue;
                }
                let title = rest[1..].split('"').next().unwrap();
                assert_ne!(code_of(title), "other", "`{title}` is not in the catalogue of errors (http/problems.rs)");
                seen += 1;
            }
        }
        assert!(seen > 30, "{seen}");
    }

    #[test]
    fn the_manual_has_the_same_catalogue() {
        let manual = include_str!("../../../../docs/HTTP.md");
        let row = |code: &str, status: &str, means: &str| {
            let wanted = format!("| `{code}` | {status} | {means} |");
            assert!(manual.contains(&wanted), "docs/HTTP.md lacks: {wanted}");
        };
        for known in CATALOGUE {
            let status: Vec<String> = known.status.iter().map(u16::to_string).collect();
            row(known.code, &status.join(", "), known.means);
        }
        for (code, status, means) in EVENT_CODES {
            row(code, &status.to_string(), means);
        }
        let rows = manual.lines().filter(|line| {
            line.starts_with("| `") && line.split(" | ").nth(1).is_some_and(|cell| cell.starts_with(['4', '5']))
        });
        assert_eq!(rows.count(), CATALOGUE.len() + EVENT_CODES.len(), "the manual has other codes, too");
    }
}
