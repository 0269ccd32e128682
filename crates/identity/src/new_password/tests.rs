// SPDX-License-Identifier: Apache-2.0
use super::*;

fn is_refused(password: &str) -> bool {
    score(password, "ada.martin@interieur.gouv.fr", "Estafette") < SCORE_MIN
}

/// Otherwise the first guesses of anybody who knows French open accounts.
#[test]
fn what_french_people_choose_first_is_refused() {
    for password in [
        "jetaimemaman",
        "JeTaimeMaman!",
        "Ministere2026!",
        "Ministère2026!",
        "Novembre2026!!",
        "Décembre2026!!",
        "Bonjour2026!!",
        "marseillaise1789",
        "soleil soleil soleil",
        "motdepassesecret",
        "M0tdepasse2026",
        "azertyuiop12",
        "Gendarmerie75!",
        "prefecture2026",
        "Marianne1789!",
        "ChouchouLoulou",
        "VacancesEte2026",
        "interieur.gouv.fr",
        "estafette2026",
        "adamartin2026",
    ] {
        assert!(is_refused(password), "{password}");
    }
}

/// Otherwise nobody can choose a password that is good, in French or not.
#[test]
fn what_nobody_guesses_is_accepted() {
    for password in [
        "ocean lantern granite violin",
        "copper meadow lighthouse zebra",
        "quatre chandelles percent la brume",
        "hibou grimoire falaise tambourin",
        "mes voisins élèvent sept tortues naines",
        "v7Q-mo2x-Wq9d",
        "483920175638",
        "Tortue-928374651",
        "quatre chandelles percent la brume 2026!",
        "correct horse battery staple",
    ] {
        assert!(!is_refused(password), "{password}");
    }
}

/// Otherwise a word with an accent or a capital in the list would never be met, or one stands there
/// twice and makes all later ones look rarer.
#[test]
fn the_words_stand_there_as_they_are_compared() {
    let mut sorted = FRENCH.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), FRENCH.len());
    for word in FRENCH.iter() {
        assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
    }
}
