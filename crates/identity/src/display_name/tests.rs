// SPDX-License-Identifier: Apache-2.0
use estafette_core::{
    email_address::EmailAddress,
    ids::ServerName,
    limits::{DISPLAYNAME_BYTES_MAX, ORGANISATION_NAME_BYTES_MAX},
};
use proptest::prelude::*;

use super::{display_name, opaque_localpart};
use crate::{
    policy::{Organisation, Policy},
    testing::TestIdentity,
};

fn organisation(label: &str) -> Organisation {
    let here = ServerName::parse("x.fr").unwrap();
    let address = EmailAddress::parse("a@x.fr").unwrap();
    let mut organisation = (**Policy::open(&here).organisation_of(&address).unwrap()).clone();
    organisation.label = label.into();
    organisation
}

/// Otherwise people are shown under a name that is not theirs.
#[test]
fn names_are_made_as_people_write_them() {
    for (address, name) in [
        // The vectors of Tchap.
        ("jane.smith@example.gouv.fr", "Jane Smith [Example]"),
        ("user@gendarmerie.interieur.gouv.fr", "User [Interieur]"),
        ("user@gouv.fr", "User [Gouv]"),
        ("contact@example.com", "Contact [Example]"),
        ("JEAN.DUPONT@X.FR", "Jean Dupont [X]"),
        // Hyphens, particles, apostrophes, tags.
        ("jean-pierre.martin-durand@a.b.fr", "Jean-Pierre Martin-Durand [B]"),
        ("charles.de.gaulle@x.fr", "Charles de Gaulle [X]"),
        ("jean.de.la.fontaine@x.fr", "Jean de La Fontaine [X]"),
        ("anne.du.bois@x.fr", "Anne du Bois [X]"),
        ("yann.le.goff@x.fr", "Yann Le Goff [X]"),
        ("charles.d'artagnan@x.fr", "Charles d'Artagnan [X]"),
        ("d'artagnan@x.fr", "D'Artagnan [X]"),
        ("sean.o'brien@x.fr", "Sean O'Brien [X]"),
        ("de.villiers@x.fr", "De Villiers [X]"),
        ("jean.de@x.fr", "Jean De [X]"),
        ("marie_curie+test@x.fr", "Marie Curie [X]"),
        ("---@x.fr", "--- [X]"),
        ("+@x.fr", "+ [X]"),
        // Hyphens where last names have spaces or apostrophes.
        ("jean-pierre.de-la-tour@x.fr", "Jean-Pierre de La Tour [X]"),
        ("anne.de-gaulle@x.fr", "Anne de Gaulle [X]"),
        ("yann.le-goff@x.fr", "Yann Le Goff [X]"),
        ("myriam.el-khomri@x.fr", "Myriam El Khomri [X]"),
        ("jean.d-ormesson@x.fr", "Jean d'Ormesson [X]"),
        ("guy.l-hermite@x.fr", "Guy L'Hermite [X]"),
        ("jan.van-der-berg@x.fr", "Jan van der Berg [X]"),
        ("ursula.von.der.leyen@x.fr", "Ursula von der Leyen [X]"),
        ("de-la-tour@x.fr", "De La Tour [X]"),
        ("van-der-berg@x.fr", "Van der Berg [X]"),
        ("d-ormesson@x.fr", "D'Ormesson [X]"),
        ("jean.de-@x.fr", "Jean De- [X]"),
        ("jean.d-b@x.fr", "Jean D-B [X]"),
        // And where they are part of the name.
        ("van-anh.tran@x.fr", "Van-Anh Tran [X]"),
        ("anne.martin-de-la-tour@x.fr", "Anne Martin-de-la-Tour [X]"),
        ("mairie.saint-jean-de-luz@x.fr", "Mairie Saint-Jean-de-Luz [X]"),
        ("saint-jean-d'angely@x.fr", "Saint-Jean-d'Angely [X]"),
        ("yves.martin-le-goff@x.fr", "Yves Martin-Le-Goff [X]"),
        ("jean--paul.sartre@x.fr", "Jean--Paul Sartre [X]"),
        ("jeanne.d'arc@x.fr", "Jeanne d'Arc [X]"),
        ("aissatou.n'diaye@x.fr", "Aissatou N'Diaye [X]"),
        ("ronald.mcdonald@x.fr", "Ronald McDonald [X]"),
        ("emmanuel.macron@x.fr", "Emmanuel Macron [X]"),
        ("mc@x.fr", "Mc [X]"),
        // Digits, initials, single names.
        ("jean.dupont2@x.fr", "Jean Dupont2 [X]"),
        ("jean.dupont.2@x.fr", "Jean Dupont 2 [X]"),
        ("ddt62@x.fr", "Ddt62 [X]"),
        ("12345@x.fr", "12345 [X]"),
        ("j.p.martin@x.fr", "J P Martin [X]"),
        ("prefet@x.fr", "Prefet [X]"),
        // Organisations that call themselves.
        ("a@dev-durable.gouv.fr", "A [Dev-Durable]"),
        ("a@sub.DEV-DURABLE.gouv.fr", "A [Dev-Durable]"),
        ("a@ac-aix-marseille.fr", "A [Ac-Aix-Marseille]"),
        ("a@gouv.fr.example.org", "A [Example]"),
    ] {
        let address = EmailAddress::parse(address).unwrap();
        assert_eq!(display_name(&address, &organisation("")), name);
    }
    let address = EmailAddress::parse("jane.smith@pref.interieur.gouv.fr").unwrap();
    assert_eq!(display_name(&address, &organisation("Intérieur")), "Jane Smith [Intérieur]");
}

/// Otherwise whoever has a long address or organisation cannot sign up, or is cut in the middle.
#[test]
fn the_longest_name_is_whole_and_fits_a_profile() {
    let local = format!("{}.{}", "a".repeat(31), "b".repeat(32));
    let address = EmailAddress::parse(&format!("{local}@x.fr")).unwrap();
    let label = "é".repeat(ORGANISATION_NAME_BYTES_MAX / 2);
    let name = display_name(&address, &organisation(&label));
    assert_eq!(name, format!("A{} B{} [{label}]", "a".repeat(30), "b".repeat(31)));
    assert!(name.len() <= DISPLAYNAME_BYTES_MAX, "{}", name.len());
    // What grows by apostrophes and spaces grows by less than there is room.
    let address = EmailAddress::parse(&format!("a.{}@x.fr", "d-".repeat(30) + "a")).unwrap();
    assert!(display_name(&address, &organisation(&label)).len() <= DISPLAYNAME_BYTES_MAX);
}

/// Otherwise a user id could be guessed from the address, or read aloud wrongly.
#[test]
fn localparts_say_nothing_and_can_be_read_aloud() {
    let site = TestIdentity::start();
    let mut seen = std::collections::HashSet::new();
    let mut counts = std::collections::HashMap::<char, u32>::new();
    for _ in 0..4_000 {
        let localpart = opaque_localpart(&*site.host);
        assert_eq!((localpart.len(), localpart.find('-')), (11, Some(5)));
        assert!(!localpart.contains(['0', 'o', '1', 'l', 'i', 'a', 'e', 'u', 'y']), "{localpart}");
        localpart.chars().filter(|c| *c != '-').for_each(|c| *counts.entry(c).or_default() += 1);
        assert!(seen.insert(localpart));
    }
    assert_eq!(counts.len(), 27);
    let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
    assert!(most - least < 300, "no letter is likelier: {least} … {most}");
}

proptest! {
    /// Otherwise an address could put an organisation into a name that is not its own.
    #[test]
    fn nobody_names_an_organisation_but_the_policy(local in "([a-z.'+~{}^=_-]|de-|d-|le-|mc){1,20}", label in "[A-Z][a-z]{0,8}") {
        let Ok(address) = EmailAddress::parse(&format!("{local}@x.fr")) else { return Ok(()) };
        let name = display_name(&address, &organisation(&label));
        let suffix = format!(" [{label}]");
        prop_assert!(name.ends_with(&suffix), "{}", name);
        let before = name.strip_suffix(&suffix).unwrap();
        prop_assert!(!before.is_empty() && !before.contains(['[', ']']) && before.trim() == before);
    }
}
