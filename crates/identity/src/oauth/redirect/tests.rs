// SPDX-License-Identifier: Apache-2.0
use super::*;

const WEB: ApplicationType = ApplicationType::Web;
const NATIVE: ApplicationType = ApplicationType::Native;

/// Otherwise somebody registers a client that sends codes to where its name does not say. The
/// examples are those of the specification, and what parsers disagree upon.
#[test]
fn a_client_registers_what_is_its_own() {
    for good in [
        "https://example.com/callback",
        "https://app.example.com/callback",
        "https://example.com:5173/?query=value",
        "https://example.com",
    ] {
        assert!(may_register(good, WEB, "example.com"), "{good}");
        assert!(may_register(good, NATIVE, "example.com"), "{good}");
    }
    for bad in [
        "https://example.com/callback#fragment",
        "http://example.com/callback",
        "http://localhost/",
        "https://app.com/callback",
        "https://notexample.com/",
        "https://example.com.evil.fr/",
        "https://example.com@evil.fr/",
        "https://user:pass@example.com/",
        "https://evil.fr\\@example.com/",
        "https://evil.fr\\.example.com/",
        "https://EXAMPLE.com/",
        "https://exa%6dple.com/",
        "https://example.com./",
        "https://.example.com/",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https:/example.com/",
        "https:example.com",
        "//example.com/",
        "/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://example.com/ x",
        "https://example.com/\r\nX: y",
        "https://exämple.com/",
        "com.example:/callback",
        "",
    ] {
        assert!(!may_register(bad, WEB, "example.com"), "{bad}");
    }
}

/// Otherwise an app takes the codes of another app, or of every server on the machine.
#[test]
fn an_app_registers_a_scheme_of_its_own_or_the_loopback_interface() {
    for good in [
        "com.example.app:/callback",
        "com.example:/",
        "com.example:callback",
        "http://localhost/callback",
        "http://127.0.0.1/callback",
        "http://[::1]/callback",
    ] {
        assert!(may_register(good, NATIVE, "example.com"), "{good}");
    }
    for bad in [
        "example:/callback",
        "com.example.app://callback",
        "com.example2.app:/callback",
        "COM.example:/callback",
        "https://localhost/callback",
        "http://localhost:1234/callback",
        "http://127.0.0.2/callback",
        "http://[::2]/callback",
        "http://localhost@evil.fr/",
        "com.example.app:/callback#x",
        "com.example.ä:/callback",
    ] {
        assert!(!may_register(bad, NATIVE, "example.com"), "{bad}");
    }
    assert!(!may_register("com:/callback", NATIVE, "com"), "a scheme without a dot");
}

/// Otherwise a code goes to a place that was not registered.
#[test]
fn a_request_names_what_was_registered_letter_by_letter() {
    let known = "https://app.example.com/callback?a=b";
    assert!(matches(known, known));
    for other in [
        "https://app.example.com/callback",
        "https://app.example.com/callback?a=b&c=d",
        "https://app.example.com:443/callback?a=b",
        "https://app.example.com/callback/?a=b",
        "https://app.example.com/Callback?a=b",
        "https://app.example.com/x/../callback?a=b",
    ] {
        assert!(!matches(known, other), "{other}");
    }
    assert!(!matches("https://a.fr/", "https://a.fr"));
    assert!(!matches("com.example:/a", "com.example:/b"));
}

/// Otherwise apps that listen on a port the system chose could not sign in.
#[test]
fn on_loopback_the_port_is_free_and_nothing_else() {
    let known = "http://127.0.0.1/callback?x=1";
    assert!(matches(known, "http://127.0.0.1:49152/callback?x=1"));
    assert!(matches("http://[::1]", "http://[::1]:8000/"));
    for other in [
        "http://127.0.0.1:49152/other?x=1",
        "http://127.0.0.1:49152/callback",
        "http://localhost:49152/callback?x=1",
        "https://127.0.0.1:49152/callback?x=1",
        "http://127.0.0.1:49152@evil.fr/callback?x=1",
        "http://127.0.0.1.evil.fr/callback?x=1",
        "http://127.0.0.1:49152/callback?x=1#y",
    ] {
        assert!(!matches(known, other), "{other}");
    }
}

/// Otherwise a client does not find its code, or a state breaks out of its parameter.
#[test]
fn the_answer_keeps_the_query_of_the_client() {
    let answer = [("code", "a&b"), ("state", "é#")];
    let told = "code=a%26b&state=%C3%A9%23";
    let query = |uri| with_answer(uri, ResponseMode::Query, &answer);
    assert_eq!(query("https://a.fr/"), format!("https://a.fr/?{told}"));
    assert_eq!(query("https://a.fr/?x=y"), format!("https://a.fr/?x=y&{told}"));
    assert_eq!(query("https://a.fr/?"), format!("https://a.fr/?{told}"));
    let fragment = with_answer("fr.a:/x?y=z", ResponseMode::Fragment, &answer);
    assert_eq!(fragment, format!("fr.a:/x?y=z#{told}"));
}
