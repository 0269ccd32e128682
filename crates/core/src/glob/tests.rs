// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;

use super::*;

fn whole(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).matches(&FoldedText::new(text))
}

fn words(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).matches_words(&FoldedText::new(text))
}

// A rule on a room's topic or type would fire on the wrong events.
#[test]
fn a_pattern_stands_for_the_whole_value() {
    for text in ["Lunch plans", "LUNCH", "lunch"] {
        assert!(whole("lunc?*", text), "{text}");
    }
    for text in [" lunch", "lunc", "", "brunch"] {
        assert!(!whole("lunc?*", text), "{text}");
    }
    assert!(whole("*", ""));
    assert!(whole("", ""));
    assert!(!whole("", "a"));
    assert!(!whole("?", ""));
    assert!(whole("?", "é"));
    assert!(whole("**a**", "bab"));
    assert!(!whole("a*b*c", "acb"));
}

// Letters beyond ASCII would be told apart by case, or not at all.
#[test]
fn case_is_folded_in_every_script() {
    assert!(whole("\u{c9}t\u{c9}", "\u{e9}T\u{e9}"));
    assert!(whole("*\u{416}", "\u{436}"));
    assert!(!whole("\u{e9}", "\u{e0}"));
    assert!(!whole("\u{436}", "\u{448}"));
    // No single letter is the lower case of this one: it stands for itself.
    assert!(whole("\u{130}", "\u{130}"));
    assert!(!whole("\u{130}", "i"));
}

// Keywords would be found inside other words, or missed beside punctuation.
#[test]
fn a_keyword_matches_between_word_boundaries() {
    for text in ["An example event.", "exple", "An exciting triple-whammy"] {
        assert!(words("ex*ple", text), "{text}");
    }
    assert!(words("cake", "I like CAKE!"));
    assert!(!words("cake", "pancakes"));
    assert!(!words("cake", "cake_tin"));
    assert!(words("cake", "pancakes, no: cake"));
    assert!(words("@room", "hi@room now"));
    assert!(words("caf\u{e9}", "le CAF\u{c9}"));
    assert!(words("ba", "aba-ba"));
    assert!(!words("", "some text"));
    assert!(words("", ""));
    assert!(words("*", "x"));
    assert!(words("a-b", "xa-b a-b"));
}

// A rule with a long keyword would match by its first 63 characters.
#[test]
fn patterns_longer_than_one_machine_word_count_every_character() {
    let long = "abcdefghij".repeat(20);
    let text = format!("see {long} there");
    assert!(words(&long, &text));
    assert!(words(&format!("{long} t?e*e"), &text));
    assert!(!words(&format!("{long}a"), &text));
    assert!(whole(&format!("*{long}?there"), &text));
    assert!(!whole(&format!("*{long}??there"), &text));
    // A `*` after the 64th character waits while others come to it.
    let sixty_four = "a".repeat(64);
    assert!(whole(&format!("*{sixty_four}*b"), &format!("{}b", "a".repeat(70))));
    assert!(!whole(&format!("*{sixty_four}*b"), &format!("{}b", "a".repeat(63))));
    for length in [62, 63, 64, 65, 127, 128, 129] {
        let pattern = "?".repeat(length);
        assert!(whole(&pattern, &"x".repeat(length)));
        assert!(!whole(&pattern, &"x".repeat(length + 1)));
        assert!(!whole(&pattern, &"x".repeat(length - 1)));
    }
}

// One message and one rule would hold a processor for minutes.
#[test]
fn hostile_patterns_take_linear_time() {
    let text = FoldedText::new(&"a".repeat(60_000));
    let started = std::time::Instant::now();
    assert!(!Glob::new(&"a*".repeat(500)).matches_words(&FoldedText::new("b")));
    assert!(!Glob::new(&format!("{}b", "a*".repeat(500))).matches(&text));
    assert!(!Glob::new(&format!("{}?b?", "a*".repeat(500))).matches_words(&text));
    let glob = Glob::new(&format!("?{}?a?", "*a?".repeat(300)));
    assert!(glob.matches(&text));
    // Seconds on a busy machine.
    assert!(started.elapsed().as_secs() < 60);
}

/// The definition, written as naively as possible.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
        Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
        Some((c, rest)) => text.first() == Some(c) && naive(rest, &text[1..]),
    }
}

fn naive_words(pattern: &[char], text: &[char]) -> bool {
    let boundary =
        |at: usize| at == 0 || at == text.len() || !is_word(text[at - 1]) || !is_word(text[at]);
    (0..=text.len()).any(|from| {
        (from..=text.len())
            .any(|to| boundary(from) && boundary(to) && naive(pattern, &text[from..to]))
    })
}

proptest! {
    #[test]
    fn the_automaton_equals_the_definition(
        pattern in "[ab\\-*?]{0,8}",
        text in "[abAB\\- ]{0,10}",
    ) {
        let pattern_chars: Vec<char> = pattern.chars().collect();
        let text_chars: Vec<char> = text.to_lowercase().chars().collect();
        prop_assert_eq!(whole(&pattern, &text), naive(&pattern_chars, &text_chars));
        let expected = if pattern.is_empty() {
            text.is_empty()
        } else {
            naive_words(&pattern_chars, &text_chars)
        };
        prop_assert_eq!(words(&pattern, &text), expected);
    }

    #[test]
    fn any_string_is_a_pattern(pattern in ".{0,80}", text in ".{0,80}") {
        let _ = whole(&pattern, &text);
        let _ = words(&pattern, &text);
    }
}
