// SPDX-License-Identifier: Apache-2.0
//! How long files and functions may be.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};

use super::{Finding, sources::Source};
use crate::shell;

/// Longest file without its tests, in lines.
const FILE_LINES_MAX: usize = 600;

/// Longest function, from `fn` to its closing brace, in lines.
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that were longer when the rule came: `path name lines`. May only shrink.
const EXCEPTIONS: &str = "xtask/tidy-exceptions.txt";

/// Lines granted to each exception, by path and name.
pub(super) type Exceptions = BTreeMap<(String, String), usize>;

pub(super) fn check_file(source: &Source) -> Option<Finding> {
    if !source.is_rust() || source.is_test() {
        return None;
    }
    let lines = source.lines_without_tests().count();
    let advice = format!("{lines} lines: split the file, {FILE_LINES_MAX} are allowed");
    (lines > FILE_LINES_MAX).then(|| Finding::new(source, lines, advice))
}

pub(super) fn read_exceptions() -> Result<Exceptions> {
    let text = fs::read_to_string(shell::root().join(EXCEPTIONS)).unwrap_or_default();
    let mut exceptions = Exceptions::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut parts = line.split_whitespace();
        let entry = || -> Option<_> {
            Some(((parts.next()?.into(), parts.next()?.into()), parts.next()?.parse().ok()?))
        }();
        let (key, lines) = entry.with_context(|| format!("{EXCEPTIONS}: `{line}`"))?;
        exceptions.insert(key, lines);
    }
    Ok(exceptions)
}

/// Functions that are too long, and exceptions that are not needed (or not in full) any more.
pub(super) fn check_functions(sources: &[Source], exceptions: &Exceptions) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut used = Exceptions::new();
    for source in sources.iter().filter(|source| source.is_rust() && !source.is_test()) {
        for (number, name, lines) in functions(source) {
            if lines <= FUNCTION_LINES_MAX {
                continue;
            }
            let key = (source.path.clone(), name.clone());
            let granted = exceptions.get(&key).copied().unwrap_or(FUNCTION_LINES_MAX);
            if lines > granted {
                let advice = format!("{name} has {lines} lines, {granted} are allowed: split it");
                found.push(Finding::new(source, number, advice));
            }
            used.insert(key, lines);
        }
    }
    for (key, granted) in exceptions {
        let needed = used.get(key).copied().unwrap_or(0);
        if needed < *granted {
            let (path, name) = key;
            let advice = format!("{name} of {path} needs {needed} lines now: shrink its entry");
            found.push(Finding { place: EXCEPTIONS.to_owned(), advice });
        }
    }
    found
}

/// Line, name and length of each function outside tests. Relies on rustfmt: a function ends at the
/// first closing brace with the indentation of its `fn`.
fn functions(source: &Source) -> Vec<(usize, String, usize)> {
    let lines: Vec<(usize, &str)> = source.lines_without_tests().collect();
    let mut found = Vec::new();
    for (index, (number, line)) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indent));
        let rest = lines.iter().skip(index);
        let end = rest.clone().position(|(_, line)| *line == close);
        let declared = rest.clone().position(|(_, line)| line.ends_with(';'));
        let body = rest.clone().position(|(_, line)| line.ends_with('{'));
        // A declaration in a trait ends before any body begins.
        if let (Some(end), Some(body)) = (end, body)
            && declared.is_none_or(|declared| body <= declared)
        {
            found.push((*number, name.to_owned(), end + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    for prefix in ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "extern "] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    if let Some(visible) = rest.strip_prefix("pub(in ") {
        rest = visible.split_once(") ").map(|(_, rest)| rest)?;
        rest = rest.strip_prefix("async ").unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: String) -> Source {
        Source { path: "crates/core/src/room.rs".into(), kind: "rs".into(), text }
    }

    fn long_function(body: usize) -> String {
        format!(
            "{}pub(crate) async fn long(\n    a: u8,\n) {{\n{}}}\n",
            "trait T {\n    fn short(&self);\n}\n",
            "    let _ = 1;\n".repeat(body)
        )
    }

    /// Without it a function could grow without anybody noticing.
    #[test]
    fn a_long_function_is_found_by_name() {
        let none = Exceptions::new();
        assert!(check_functions(&[source(long_function(66))], &none).is_empty());
        let found = check_functions(&[source(long_function(67))], &none);
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|finding| finding.advice.starts_with("long has 71 lines")));
    }

    /// Without it the list of exceptions would only grow.
    #[test]
    fn an_exception_may_only_shrink() {
        let key = ("crates/core/src/room.rs".to_owned(), "long".to_owned());
        let granted = |lines| Exceptions::from([(key.clone(), lines)]);
        let text = || vec![source(long_function(76))];
        assert!(check_functions(&text(), &granted(80)).is_empty());
        assert_eq!(check_functions(&text(), &granted(79)).len(), 1, "it grew");
        assert_eq!(check_functions(&text(), &granted(81)).len(), 1, "it shrank");
        assert_eq!(check_functions(&[], &granted(80)).len(), 1, "it is gone");
    }

    /// Without it files would grow until nobody reads them.
    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let line = "// a line\n".repeat(600);
        assert!(check_file(&source(line.clone())).is_none());
        assert!(check_file(&source(format!("{line}// one\n"))).is_some());
        assert!(check_file(&source(format!("{line}#[cfg(test)]\nmod tests {{\n}}\n"))).is_none());
    }
}
