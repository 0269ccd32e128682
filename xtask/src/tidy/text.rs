// SPDX-License-Identifier: Apache-2.0
//! Rules about the text of one file: header, width, names, open ends.

use super::{Finding, sources::Source};

/// Longest line, in characters.
const COLUMNS_MAX: usize = 100;

/// Names that say nothing about what is inside.
const BANNED_MODULES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "manager", "misc", "data", "info"];

/// Words for open ends other than the one with an issue's number.
const OPEN_ENDS: &[&str] = &["FIXME", "XXX", "HACK"];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(check_header(source));
    found.extend(check_module_name(source));
    for (number, line) in source.lines() {
        // Test fixtures are often one long line of JSON.
        let wide = line.chars().count() > COLUMNS_MAX && !line.contains("://");
        if source.is_rust() && !source.is_test() && wide {
            found.push(Finding::new(source, number, "break this line at 100 columns"));
        }
        if is_code(source) {
            found.extend(check_open_end(source, number, line));
        }
        if names_a_machine(line) {
            found.push(Finding::new(source, number, "name no folder of one machine"));
        }
    }
    found
}

fn is_code(source: &Source) -> bool {
    matches!(source.kind.as_str(), "rs" | "py" | "mjs" | "ts" | "tsx" | "sql")
        // This file has to say the words.
        && source.path != "xtask/src/tidy/text.rs"
}

fn check_header(source: &Source) -> Option<Finding> {
    let comment = match source.kind.as_str() {
        "rs" | "mjs" | "ts" | "tsx" => "//",
        "py" => "#",
        _ => return None,
    };
    let wanted = format!("{comment} SPDX-License-Identifier: Apache-2.0");
    let first = source.text.lines().find(|line| !line.starts_with("#!"));
    (first != Some(wanted.as_str()))
        .then(|| Finding::new(source, 1, format!("begin with `{wanted}`")))
}

fn check_module_name(source: &Source) -> Option<Finding> {
    (source.is_rust() && BANNED_MODULES.contains(&source.module()))
        .then(|| Finding::new(source, 1, "name the module after what it is for"))
}

fn check_open_end(source: &Source, number: usize, line: &str) -> Option<Finding> {
    if OPEN_ENDS.iter().any(|word| has_word(line, word)) {
        return Some(Finding::new(source, number, "write `TODO(#issue)`"));
    }
    if !has_word(line, "TODO") {
        return None;
    }
    let rest = line.split_once("TODO(#").map(|(_, rest)| rest);
    let numbered = rest
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(issue, _)| issue.parse::<u32>().is_ok());
    (!numbered).then(|| Finding::new(source, number, "a TODO needs its issue: `TODO(#12)`"))
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

/// Folders that exist only where the text was written.
fn names_a_machine(line: &str) -> bool {
    [concat!("/wor", "k/"), concat!("/roo", "t/"), concat!("/tmp/bri", "ef")]
        .iter()
        .any(|folder| line.contains(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: &str, text: &str) -> Source {
        let path = format!("crates/core/src/room.{kind}");
        Source { path, kind: kind.into(), text: text.into() }
    }

    const HEADER: &str = "// SPDX-License-Identifier: Apache-2.0\n";

    /// Without it the checker itself could be blind.
    #[test]
    fn each_rule_finds_its_case_and_spares_the_rest() {
        let cases = [
            ("fn a() {}\n", 0),
            ("// TODO: later\n", 1),
            ("// TODO(#12): later\n", 0),
            ("// FIXME(#12)\n", 1),
            ("let TODOS = 1;\n", 0),
            (concat!("// see /wor", "k/here\n"), 1),
        ];
        for (line, findings) in cases {
            let text = format!("{HEADER}{line}");
            assert_eq!(check(&source("rs", &text)).len(), findings, "{line}");
        }
        let long = format!("{HEADER}// {}\n", "x".repeat(98));
        assert_eq!(check(&source("rs", &long)).len(), 1);
        assert_eq!(check(&source("rs", "fn a() {}\n")).len(), 1, "no header");
        assert_eq!(check(&source("py", "#!/bin/python\nimport os\n")).len(), 1, "no header");
    }

    /// Without it a module called after nothing would pass.
    #[test]
    fn a_module_named_after_nothing_is_found() {
        let mut bad = source("rs", HEADER);
        bad.path = "crates/core/src/utils.rs".into();
        assert_eq!(check(&bad).len(), 1);
    }
}
