// SPDX-License-Identifier: Apache-2.0
use std::path::Path;

/// The texts in a source file, with the breaks of their lines undone.
fn texts(source: &str) -> Vec<String> {
    let (mut texts, mut text) = (Vec::new(), None::<String>);
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '"' {
            match text.take() {
                Some(whole) => texts.push(whole),
                None => text = Some(String::new()),
            }
            continue;
        }
        let Some(inside) = &mut text else { continue };
        if char != '\\' {
            inside.push(char);
            continue;
        }
        match chars.next() {
            // What is next is on the next line, wherever that begins.
            Some('\n') => while chars.next_if(|char| char.is_whitespace()).is_some() {},
            escaped => inside.extend(escaped),
        }
    }
    texts
}

/// Otherwise a line begins with a question mark or a colon, which in French have a space before
/// them: it must not break.
#[test]
fn french_signs_never_begin_a_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages/words");
    let mut checked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.ends_with("tests.rs") {
            continue;
        }
        for text in texts(&std::fs::read_to_string(&path).unwrap()) {
            for wrong in [" ?", " !", " :", " ;", " »", "« "] {
                assert!(!text.contains(wrong), "{}: {wrong:?} in {text:?}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 400, "only {checked} texts were read");
}
