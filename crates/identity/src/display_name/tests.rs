// SPDX-License-Identifier: Apache-2.0
use estafette_core::{email_address::EmailAddress, ids::ServerName};
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
    ] {
        let address = EmailAddress::parse(address).unwrap();
        assert_eq!(display_name(&address, &organisation("")), name);
    }
    let address = EmailAddress::parse("jane.smith@pref.interieur.gouv.fr").unwrap();
    assert_eq!(display_name(&address, &organisation("Intérieur")), "Jane Smith [Intérieur]");
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
    fn nobody_names_an_organisation_but_the_policy(local in "[a-z.'+~{}^=_-]{1,20}", label in "[A-Z][a-z]{0,8}") {
        let Ok(address) = EmailAddress::parse(&format!("{local}@x.fr")) else { return Ok(()) };
        let name = display_name(&address, &organisation(&label));
        let suffix = format!(" [{label}]");
        prop_assert!(name.ends_with(&suffix), "{}", name);
        let before = name.strip_suffix(&suffix).unwrap();
        prop_assert!(!before.is_empty() && !before.contains(['[', ']']) && before.trim() == before);
    }
}
