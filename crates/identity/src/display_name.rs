// SPDX-License-Identifier: Apache-2.0
//! Names made here: the display name that an address gives, and user ids that give nothing away.

use estafette_core::email_address::EmailAddress;

use crate::{Host, policy::Organisation};

/// Words before a last name that stay small, unless they come first or last.
const PARTICLES: &[&str] = &["de", "du", "des", "van", "von", "der", "den", "ten", "zu"];
/// Words that begin a last name, with a capital.
const ARTICLES: &[&str] = &["le", "la", "les", "el"];
/// Small letters before an apostrophe that stay small within a name: d'Artagnan.
const ELIDED: &[&str] = &["d"];
/// What stays small between the hyphens of a name: Saint-Jean-de-Luz.
const LINKS: &[&str] = &["de", "du", "des", "la", "les", "en", "sur", "sous", "aux"];
/// Neither vowels, which make words, nor letters and digits that look alike.
const LETTERS: &[u8] = b"bcdfghjkmnpqrstvwxz23456789";
/// The length of each half of a localpart: 27^10, or 47 bits.
const HALF: usize = 5;

/// "Prénom Nom [Organisation]" from an address.
///
/// Tchap's `email_to_display_name`, with capitals made one way: each word and each part of a
/// hyphenated word begins with a capital, the rest is small. What follows a `+` is left out.
pub fn display_name(address: &EmailAddress, organisation: &Organisation) -> String {
    let label = if organisation.label.is_empty() {
        let parts: Vec<String> = own_label(address.domain()).split('-').map(capital).collect();
        parts.join("-")
    } else {
        organisation.label.clone()
    };
    format!("{} [{label}]", bare_name(address))
}

/// "Prénom Nom": the name of somebody of no organisation.
pub(crate) fn bare_name(address: &EmailAddress) -> String {
    let local_part = address.local_part();
    let name = local_part.split_once('+').map_or(local_part, |(name, _)| name);
    let words: Vec<&str> = name.split(['.', '_']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return local_part.to_owned();
    }
    let last = words.len().saturating_sub(1);
    let shown: Vec<String> = words
        .iter()
        .enumerate()
        .map(|(at, word)| {
            if at > 0 && at < last && PARTICLES.contains(word) {
                (*word).to_owned()
            } else {
                // A first name keeps its hyphens: Van-Anh.
                named(word, at > 0, at > 0 || last == 0)
            }
        })
        .collect();
    shown.join(" ")
}

/// What a domain calls itself: the label before `gouv.fr`, else the one before the last.
fn own_label(domain: &str) -> &str {
    if domain == "gouv.fr" {
        return "gouv";
    }
    let rest = domain.strip_suffix(".gouv.fr");
    let rest = rest.or_else(|| domain.rsplit_once('.').map(|(rest, _)| rest)).unwrap_or(domain);
    rest.rsplit('.').next().unwrap_or(rest)
}

/// One word as people write it: a capital at its beginning, after its hyphens and its apostrophes,
/// but for what stays small in a name. Addresses have hyphens where last names have spaces or
/// apostrophes after what they begin with: `de-la-tour`, `le-goff`, `d-ormesson`.
fn named(word: &str, within: bool, may_be_last_name: bool) -> String {
    let mut shown = String::new();
    let mut rest = word;
    while may_be_last_name
        && let Some((beginning, further)) = rest.split_once('-')
        && let Some(begun) = begins_last_name(beginning, further, within || !shown.is_empty())
    {
        shown.push_str(&begun);
        rest = further;
    }
    let parts: Vec<&str> = rest.split('-').collect();
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            shown.push('-');
        }
        let is_link = at > 0 && at < last && LINKS.contains(&part);
        let small = within || at > 0 || !shown.is_empty();
        shown.push_str(&if is_link { part.to_owned() } else { apostrophes(part, small) });
    }
    shown
}

/// How a last name begins that has `beginning` before `further`, if that is how one begins.
fn begins_last_name(beginning: &str, further: &str, within: bool) -> Option<String> {
    let elides = further.starts_with(['a', 'e', 'h', 'i', 'o', 'u', 'y']);
    match beginning {
        "d" if elides && within => Some("d'".to_owned()),
        "d" | "l" if elides => Some(format!("{}'", capital(beginning))),
        _ if further.is_empty() => None,
        particle if PARTICLES.contains(&particle) && within => Some(format!("{particle} ")),
        word if PARTICLES.contains(&word) || ARTICLES.contains(&word) => {
            Some(format!("{} ", capital(word)))
        }
        _ => None,
    }
}

fn apostrophes(part: &str, within: bool) -> String {
    match part.split_once('\'') {
        Some((before, after)) if within && ELIDED.contains(&before) => {
            format!("{before}'{}", capital(after))
        }
        Some((before, after)) => format!("{}'{}", capital(before), capital(after)),
        None => capital(part),
    }
}

/// A capital and small letters: Dupont; McDonald.
fn capital(part: &str) -> String {
    match part.strip_prefix("mc") {
        Some(rest) if rest.len() > 1 => format!("Mc{}", capital(rest)),
        _ => {
            let mut letters = part.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect()
            })
        }
    }
}

/// A localpart that tells nothing about its owner and can be read aloud: `k7mfp-2xqrt`.
pub(crate) fn opaque_localpart(host: &dyn Host) -> String {
    let mut localpart = String::with_capacity(2 * HALF + 1);
    while localpart.len() < 2 * HALF + 1 {
        if localpart.len() == HALF {
            localpart.push('-');
        }
        let mut byte = [0; 1];
        host.fill_random(&mut byte);
        // Nine rounds of 27 letters: bytes beyond would make the first letters likelier.
        let [byte] = byte;
        if usize::from(byte) < LETTERS.len() * (256 / LETTERS.len())
            && let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len())
        {
            localpart.push(char::from(*letter));
        }
    }
    localpart
}

#[cfg(test)]
mod tests;
