// SPDX-License-Identifier: Apache-2.0
//! Names made here: the display name that an address gives, and user ids that give nothing away.

use estafette_core::email_address::EmailAddress;

use crate::{Host, policy::Organisation};

/// Words between names that stay small, unless they come first or last.
const PARTICLES: &[&str] = &["de", "du", "des"];
/// Small letters before an apostrophe that stay small within a name: d'Artagnan.
const ELIDED: &[&str] = &["d"];
/// Neither vowels, which make words, nor letters and digits that look alike.
const LETTERS: &[u8] = b"bcdfghjkmnpqrstvwxz23456789";
/// The length of each half of a localpart: 27^10, or 47 bits.
const HALF: usize = 5;

/// "Prénom Nom [Organisation]" from an address.
///
/// Tchap's `email_to_display_name`, with capitals made one way: each word and each part of a
/// hyphenated word begins with a capital, the rest is small. What follows a `+` is left out.
pub fn display_name(address: &EmailAddress, organisation: &Organisation) -> String {
    let local_part = address.local_part();
    let name = local_part.split_once('+').map_or(local_part, |(name, _)| name);
    let words: Vec<&str> = name.split(['.', '_']).filter(|word| !word.is_empty()).collect();
    let last = words.len().saturating_sub(1);
    let mut shown = Vec::with_capacity(words.len() + 1);
    for (at, word) in words.iter().enumerate() {
        let within = at > 0 && at < last;
        if within && PARTICLES.contains(word) {
            shown.push((*word).to_owned());
        } else {
            shown.push(capitalised(word, at > 0));
        }
    }
    if shown.is_empty() {
        shown.push(local_part.to_owned());
    }
    let label = if organisation.label.is_empty() {
        capital(own_label(address.domain()))
    } else {
        organisation.label.clone()
    };
    format!("{} [{label}]", shown.join(" "))
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

/// Capitals at the beginning of a word, after its hyphens and after its apostrophes.
fn capitalised(word: &str, may_elide: bool) -> String {
    let parts: Vec<String> = word
        .split('-')
        .map(|part| match part.split_once('\'') {
            Some((before, after)) if may_elide && ELIDED.contains(&before) => {
                format!("{before}'{}", capital(after))
            }
            Some((before, after)) => format!("{}'{}", capital(before), capital(after)),
            None => capital(part),
        })
        .collect();
    parts.join("-")
}

fn capital(part: &str) -> String {
    let mut letters = part.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect()
    })
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
