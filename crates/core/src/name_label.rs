// SPDX-License-Identifier: Apache-2.0
//! The label at the end of a display name, `Jane Smith [Intérieur]`: by it the server says where
//! somebody belongs, so it is the server's word and nobody else's.

use crate::directory::{disguises, fold, words};

/// The name and what stands in the brackets at its end. `None`: it ends with no brackets.
pub fn split(name: &str) -> Option<(&str, &str)> {
    let (before, label) = name.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    Some((before.trim_end(), label))
}

/// A name that somebody chose, `shown`, with the label of the name that their address gives now:
/// another label, or none where that has none. `None`: the name has no label, and gets none.
pub fn relabelled(shown: &str, given: &str) -> Option<String> {
    let (name, _) = split(shown)?;
    if name.is_empty() {
        return Some(given.to_owned());
    }
    Some(match split(given) {
        Some((_, label)) => format!("{name} [{label}]"),
        None => name.to_owned(),
    })
}

/// What is compared of labels: their words, without case, accents and what stands between them.
pub fn compared(label: &str) -> String {
    let visible: String = label.chars().filter(|c| !disguises(*c)).collect();
    words(&fold(&visible)).collect::<Vec<_>>().join(" ")
}

/// Everything in a name that reads as a label, as it is [`compared`], wherever it stands.
pub fn labels(name: &str) -> Vec<String> {
    let folded: String = fold(name).chars().map(bracket).collect();
    folded
        .split('[')
        .skip(1)
        .map(|rest| compared(rest.split(']').next().unwrap_or(rest)))
        .filter(|label| !label.is_empty())
        .collect()
}

/// Brackets that are read as `[` and `]`.
fn bracket(c: char) -> char {
    match c {
        '【' | '〔' | '〖' | '〚' | '⟦' | '❲' | '⦋' | '⁅' | '「' | '﹝' => '[',
        '】' | '〕' | '〗' | '〛' | '⟧' | '❳' | '⦌' | '⁆' | '」' | '﹞' => ']',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise whoever's name was corrected carries the ministry that they left.
    #[test]
    fn a_corrected_name_gets_the_label_of_the_given_one() {
        for (shown, given, now) in [
            ("Éloïse Cœur [Intérieur]", "Eloise Coeur [Culture]", Some("Éloïse Cœur [Culture]")),
            ("Éloïse Cœur [Intérieur]", "Eloise Coeur", Some("Éloïse Cœur")),
            ("Éloïse [a] b [Intérieur] ", "E [X]", Some("Éloïse [a] b [X]")),
            ("Éloïse Cœur", "Eloise Coeur [Culture]", None),
            ("[Intérieur] Éloïse", "E [X]", None),
            ("[Intérieur]", "E", Some("E")),
        ] {
            assert_eq!(relabelled(shown, given).as_deref(), now, "{shown}");
        }
    }

    /// Otherwise somebody takes a ministry's label by writing it a little differently.
    #[test]
    fn labels_are_compared_as_they_are_read() {
        for name in [
            "Jean [Intérieur]",
            "Jean [ INTERIEUR ]",
            "Jean [Intérieur] ✓",
            "[interieur] Jean",
            "Jean ［Intérieur］",
            "Jean 【Intérieur】",
            "Jean [Inté\u{200b}rieur]\u{202e}",
            "Jean [Intérieur",
        ] {
            assert_eq!(labels(name), ["interieur"], "{name:?}");
        }
        assert_eq!(labels("Jean (Intérieur)"), Vec::<String>::new());
        assert_eq!(labels("Jean [] [Très-Important]"), ["tres important"]);
        assert_eq!(compared("Ministère de l'Intérieur"), "ministere de l interieur");
    }
}
