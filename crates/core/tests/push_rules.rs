// SPDX-License-Identifier: Apache-2.0
//! Push rules and globs on hostile input.

use std::{fs, path::Path, time::Instant};

#[cfg(test)]
mod hostile_rules;

// What the fuzzer once found would come back: its corpus, byte for byte.
#[test]
fn the_corpus_of_the_fuzzer_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/push_rules");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        hostile_rules::check(&fs::read(file.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 0);
}

// One message and one rule would hold a processor for minutes.
#[test]
fn a_hostile_rule_on_a_hostile_body_takes_linear_time() {
    let pattern = "a*?".repeat(340);
    let body = "a-".repeat(30_000);
    let rule = format!(r#"{{"actions":["notify"],"pattern":"{pattern}b"}}"#);
    let content = format!(r#"{{"body":"{body}"}}"#);
    let started = Instant::now();
    hostile_rules::check(format!("{pattern}\n{body}\n{rule}\n{content}").as_bytes());
    // Seconds on a busy machine.
    assert!(started.elapsed().as_secs() < 60);
}
