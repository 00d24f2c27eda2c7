//! Writes the document of a base of this version, made of a log with an event of every type, to stdout; its digest and what it
//! holds to stderr. `scripts/record-golden` keeps it for a release as `crates/journal/tests/data/base-<version>.json`, and a
//! test like `the_base_that_version_0_2_0_wrote_is_read` in `crates/journal/tests/base.rs` reads it for ever.

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write;

use fleetfold_journal::base::write;

fn main() -> std::io::Result<()> {
    let (fleet, tally) = support::rich_state();
    let (applied, open, served) = (fleet.applied().0, fleet.open_count(), tally.served);
    eprintln!("digest {:016x}; applied {applied}, open {open}, served {served}", fleet.digest());
    std::io::stdout().write_all(&write(&fleet, &tally, &support::zone()))
}
