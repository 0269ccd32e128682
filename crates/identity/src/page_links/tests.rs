// SPDX-License-Identifier: Apache-2.0
use http::StatusCode;

use super::check;
use crate::{
    IdentityConfig,
    config::PageLink,
    sign_up::tests::{PASSWORD, Site},
    testing::TestIdentity,
};
use estafette_store::{IdentityStore as _, PeopleStore as _};

const TERMS: &str = "https://x.fr/terms";

fn link(label_fr: &str, label_en: &str, url: &str) -> PageLink {
    PageLink { label_fr: label_fr.into(), label_en: label_en.into(), url: url.into() }
}

/// Otherwise a slip in the configuration is found by whoever follows the link.
#[test]
fn only_links_that_lead_somewhere_are_taken() {
    let said = |change: &dyn Fn(&mut IdentityConfig)| {
        let mut config = IdentityConfig::default();
        change(&mut config);
        check(&config).err().unwrap_or_default()
    };
    for good in ["https://x.fr/a?b#c", "/legal", "https://x.fr"] {
        assert_eq!(
            said(&|config: &mut IdentityConfig| config.links = vec![link("A", "B", good)]),
            "",
            "{good}"
        );
        assert_eq!(
            said(&|config: &mut IdentityConfig| config.sign_up.terms_url = good.into()),
            "",
            "{good}"
        );
    }
    for bad in ["", "legal", "//x.fr", "http://x.fr", "javascript:alert(1)", "https://", "https:x"]
    {
        assert!(
            said(&|config: &mut IdentityConfig| config.links = vec![link("A", "B", bad)])
                .contains("link 1"),
            "{bad}"
        );
        let terms = said(&|config: &mut IdentityConfig| config.sign_up.terms_url = bad.into());
        assert_eq!(terms.contains("sign_up.terms_url"), !bad.is_empty(), "{bad}: {terms}");
    }
    assert!(
        said(&|config: &mut IdentityConfig| config.links = vec![link("A", " ", "/a")])
            .contains("no label")
    );
    assert!(
        said(&|config: &mut IdentityConfig| config.links = vec![link("A", "B", "/a"); 13])
            .contains("more than")
    );
    let alone = said(&|config: &mut IdentityConfig| config.sign_up.accept_terms = true);
    assert!(alone.contains("needs sign_up.terms_url"), "{alone}");
}

/// Otherwise nobody finds who runs the service, what becomes of their data, or who helps.
#[tokio::test]
async fn every_page_ends_with_the_links_of_the_operator_and_the_support() {
    let site = TestIdentity::with(|config| {
        config.links = vec![link("Mentions légales", "Legal notice", "/legal")];
    });
    let mut browser = site.browser();
    for page in ["/_estafette/sign-in", "/_estafette/nothing"] {
        let without = browser.open(page).await.body;
        assert!(without.contains("<a href=\"/legal\">Legal notice</a>"), "{without}");
        assert!(!without.contains("rel=\"help\""), "{without}");
    }
    for (url, shown) in [("https://help.x.fr", true), ("javascript:alert(1)", false)] {
        *site.host.support_page.lock() = Some(url.into());
        for page in ["/_estafette/sign-in", "/_estafette/nothing"] {
            let body = browser.open(page).await.body;
            assert_eq!(body.contains(&format!("href=\"{url}\" rel=\"help\"")), shown, "{body}");
        }
    }
    browser.language = "fr";
    let french = browser.open("/_estafette/sign-in").await.body;
    assert!(french.contains("<a href=\"/legal\">Mentions légales</a>"), "{french}");
}

/// Otherwise nobody can say later who accepted what, and when.
#[tokio::test]
async fn whoever_signs_up_accepts_the_terms_and_the_time_is_kept() {
    let site = Site::with(|config| config.sign_up.terms_url = TERMS.into());
    let mut browser = site.test.browser();
    let page = site.prove(&mut browser, "a@important.com").await.body;
    assert!(page.contains("you accept the") && page.contains(TERMS), "{page}");
    assert!(!page.contains("checkbox"), "{page}");
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let made = browser.submit("/_estafette/sign-up/account", &fields).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER);
    let store = &site.test.identity.store;
    let person = store.person_by_email("a@important.com").await.unwrap().unwrap();
    let accepted = store.terms_accepted(&person.user_id).await.unwrap();
    assert_eq!(accepted, Some(1_700_000_000_000));
    let profile = browser.open("/_estafette/account?action=org.matrix.profile").await.body;
    assert!(profile.contains("Terms of use accepted"), "{profile}");

    let site = Site::start();
    site.sign_up("a@important.com").await;
    let store = &site.test.identity.store;
    let person = store.person_by_email("a@important.com").await.unwrap().unwrap();
    assert_eq!(store.terms_accepted(&person.user_id).await.unwrap(), None, "there were none");
}

/// Otherwise an account is made by somebody who accepted nothing.
#[tokio::test]
async fn where_a_box_has_to_be_ticked_nobody_gets_around_it() {
    let site = Site::with(|config| {
        config.sign_up.terms_url = TERMS.into();
        config.sign_up.accept_terms = true;
    });
    let mut browser = site.test.browser();
    site.prove(&mut browser, "a@important.com").await;
    let path = "/_estafette/sign-up/account";
    let good = [("password", PASSWORD), ("again", PASSWORD)];
    let without = [("without", "yes"), ("password", ""), ("again", "")];
    for fields in [&good[..], &without[..]] {
        let refused = browser.submit(path, fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("href=\"#terms\""), "{}", refused.body);
        assert!(refused.body.contains("aria-describedby=\"terms-error\""), "{}", refused.body);
    }
    let store = &site.test.identity.store;
    assert_eq!(store.person_by_email("a@important.com").await.unwrap(), None);
    // A tick is not lost when something else is wrong.
    let weak = [("password", "short"), ("again", "short"), ("terms", "yes")];
    let refused = browser.submit(path, &weak).await;
    assert!(refused.body.contains("value=\"yes\" checked"), "{}", refused.body);
    let all = [("password", PASSWORD), ("again", PASSWORD), ("terms", "yes")];
    assert_eq!(browser.submit(path, &all).await.status, StatusCode::SEE_OTHER);
}
