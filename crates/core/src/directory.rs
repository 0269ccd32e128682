// SPDX-License-Identifier: Apache-2.0
//! How people's names are compared when somebody looks for them: without case and accents.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// What people have instead of `'`: quotation marks, modifier letters, a prime, and accents alone.
const APOSTROPHES: [char; 7] = ['’', '‘', 'ʼ', 'ʻ', '′', '`', '´'];

/// `text` in lower case and without accents: `Éloïse` and `eloise`, `Cœur` and `coeur` are equal.
/// Every kind of apostrophe is `'`.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Before Unicode takes it apart: an acute accent that stands alone becomes a space and a mark.
    let marks = text.chars().map(|c| if APOSTROPHES.contains(&c) { '\'' } else { c });
    for c in marks.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            // Letters that Unicode does not take apart, as people type them without their keys.
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            // Lower case of `İ` leaves a mark behind.
            c if is_combining_mark(c) => {}
            c => folded.push(c),
        }
    }
    folded
}

/// Whether a character is a control character, turns the direction of what is read around it, or
/// shows nothing (Unicode, UAX #9 and "default ignorable"): a name with one looks like another, or
/// rewrites the page that it stands on.
pub fn disguises(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
                | '\u{feff}' | '\u{ffa0}'
        )
}

/// The words of a folded text: what stands between anything that is no letter or digit.
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a folded character stands between two parts of one word: hyphens and apostrophes.
fn joins(c: char) -> bool {
    matches!(c, '-' | '\'' | '\u{2010}'..='\u{2013}' | '\u{2212}')
}

/// The words of a folded text as people write them who leave out what [`words`] parts them at:
/// `jean-pierre o'brien` is `jeanpierre` and `obrien`.
pub fn joined_words(folded: &str) -> impl Iterator<Item = String> {
    folded
        .split(|c: char| !c.is_alphanumeric() && !joins(c))
        .map(|word| word.chars().filter(|c| !joins(*c)).collect::<String>())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a person whose name has an accent is not found by whoever types none.
    #[test]
    fn case_and_accents_do_not_matter() {
        for (name, typed) in [
            ("Éloïse Cœur-Léger", "eloise coeur-leger"),
            ("Strauß", "strauss"),
            ("Łukasz Øster", "lukasz oster"),
            ("İstanbul ﬁn", "istanbul fin"),
            ("NGUYỄN", "nguyen"),
            ("Oʼ’‘´`′Hara", "o''''''hara"),
        ] {
            assert_eq!(fold(name), typed);
            assert_eq!(fold(&fold(name)), fold(name), "folding twice changes nothing");
        }
        let folded = fold("Jean-Pierre d'Été [DINUM]");
        assert_eq!(words(&folded).collect::<Vec<_>>(), ["jean", "pierre", "d", "ete", "dinum"]);
    }

    /// Without it nobody finds O'Brien who types the name as it sounds.
    #[test]
    fn a_word_is_one_without_what_joins_its_parts() {
        for (name, whole) in [
            ("Jean-Pierre O'Brien", vec!["jeanpierre", "obrien"]),
            ("Anne\u{2011}Sophie d’Aubigné", vec!["annesophie", "daubigne"]),
            ("Oʼbrien - Martin –, [Val-d'Oise]", vec!["obrien", "martin", "valdoise"]),
            ("paul.le_goff", vec!["paul", "le", "goff"]),
            ("--'", vec![]),
        ] {
            assert_eq!(joined_words(&fold(name)).collect::<Vec<_>>(), whole, "{name}");
        }
    }
}
