//! Random tests draw the same cases in every run, and other cases in a hunt.

use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// What a random test would draw that begins now.
fn drawn() -> Vec<u64> {
    let mut runner = TestRunner::new(ProptestConfig::default());
    (0..20).map(|_| any::<u64>().new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn two_runs_draw_the_same_cases() {
    assert!(
        std::env::var_os("PROPTEST_RNG_SEED").is_some(),
        "random tests begin with the seed of .cargo/config.toml: run them by cargo from inside the repository"
    );
    assert_eq!(drawn(), drawn());
}

/// The hunter reads the sources; a form of test that it does not see would be hunted by nobody.
#[test]
fn every_file_with_random_tests_is_hunted() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let listed = Command::new("python3").arg("scripts/hunt").arg("--list").current_dir(root).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut files = 0;
    let mut folders = vec![std::path::PathBuf::from(root).join("crates"), std::path::PathBuf::from(root).join("sim")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                // A line that begins a block: not the word in a comment or a string, as here.
                let begins =
                    |line: &&str| line.trim_start().trim_start_matches("proptest::").starts_with("proptest! {");
                if text.lines().filter(begins).count() == 0 {
                    continue;
                }
                files += 1;
                let random = text.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split_once('('));
                let known = random.filter(|(name, _)| listed.contains(name)).count();
                assert!(known > 0, "scripts/hunt finds no random test in {}", path.display());
            }
        }
    }
    assert!(files >= 8, "{files} files with random tests: the search for them is broken");
}
