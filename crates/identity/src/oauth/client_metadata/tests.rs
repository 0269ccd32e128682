// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use super::*;

const OWN: &str = "https://chat.x.fr";

fn check(sent: &Value) -> Result<ClientMetadata, OauthError> {
    ClientMetadata::check(sent.as_object().unwrap(), OWN)
}

fn with(change: Value) -> Value {
    let mut sent = json!({
        "client_name": "My App",
        "client_name#fr": "Mon application",
        "client_uri": "https://example.com/",
        "logo_uri": "https://example.com/logo.png",
        "tos_uri": "https://www.example.com/tos.html#top",
        "redirect_uris": ["https://app.example.com/callback"],
        "token_endpoint_auth_method": "none",
        "response_types": ["code", "token"],
        "grant_types": [
            "authorization_code", "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "application_type": "web",
        "software_id": "unknown here",
    });
    for (name, value) in change.as_object().unwrap() {
        sent[name] = value.clone();
    }
    sent
}

/// Otherwise the consent page shows nothing, or a client believes it has what it has not.
#[test]
fn what_means_something_is_registered_and_the_rest_ignored() {
    let client = check(&with(json!({}))).unwrap();
    let kept: Value = serde_json::from_str(&client.to_json()).unwrap();
    assert_eq!(kept["response_types"], json!(["code"]));
    assert_eq!(kept["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(kept.get("software_id"), None);
    assert_eq!(client.name("fr"), "Mon application");
    assert_eq!(client.name("en"), "My App");
    assert_eq!(ClientMetadata::from_json(&client.to_json()).unwrap(), client);
    let regional = check(&with(json!({ "client_name#en-GB": "Telly" }))).unwrap();
    assert_eq!(regional.name("en"), "Telly");
    let nameless = check(&with(json!({ "client_name": null, "client_name#fr": null }))).unwrap();
    assert_eq!(nameless.name("fr"), "example.com");
}

/// Otherwise each sign-in adds a client.
#[test]
fn equal_metadata_is_one_client() {
    let id = |sent: &Value| check(sent).unwrap().client_id();
    assert_eq!(id(&with(json!({}))), id(&with(json!({ "software_id": "other" }))));
    assert_ne!(id(&with(json!({}))), id(&with(json!({ "client_name": "Other" }))));
}

/// Otherwise somebody passes for another, or holds codes that go elsewhere.
#[test]
fn what_a_client_may_not_say_is_refused() {
    let code = |change: Value| check(&with(change)).unwrap_err().code();
    let metadata = "invalid_client_metadata";
    for bad in [
        json!({ "client_uri": null }),
        json!({ "client_uri": "http://example.com/" }),
        json!({ "client_uri": "https://user@example.com/" }),
        json!({ "client_uri": "https://com/" }),
        json!({ "client_uri": "https://192.0.2.1/" }),
        json!({ "client_uri": "example.com" }),
        json!({ "client_uri": 1 }),
        json!({ "logo_uri": "http://example.com/logo.png" }),
        json!({ "logo_uri": "javascript:alert(1)" }),
        json!({ "policy_uri": "https://evil.fr/" }),
        json!({ "policy_uri#fr": "https://evil.fr/" }),
        json!({ "client_name": "a\nb" }),
        json!({ "client_name": "a\u{202e}b" }),
        json!({ "client_name#fr": "a\u{200b}b" }),
        json!({ "client_name": "a".repeat(300) }),
        json!({ "application_type": "other" }),
        json!({ "token_endpoint_auth_method": "client_secret_basic" }),
        json!({ "grant_types": "authorization_code" }),
        json!({ "redirect_uris": vec!["https://example.com/"; 21] }),
    ] {
        assert_eq!(code(bad.clone()), metadata, "{bad}");
    }
    for bad in [
        json!({ "redirect_uris": [] }),
        json!({ "redirect_uris": ["http://localhost/"] }),
        json!({ "redirect_uris": ["https://example.com/", "https://evil.fr/"] }),
        json!({ "application_type": "native", "redirect_uris": ["example:/"] }),
    ] {
        assert_eq!(code(bad.clone()), "invalid_redirect_uri", "{bad}");
    }
    // RFC 7591, section 2: what is not understood is ignored.
    let ignored = check(&with(json!({ "tos_uri#": "https://evil.fr/" }))).unwrap();
    assert_eq!(ignored, check(&with(json!({}))).unwrap());
    let device = json!({ "redirect_uris": null, "grant_types": [DEVICE_CODE] });
    assert!(check(&with(device)).is_ok(), "a device grant needs no redirect");
}

/// Otherwise the client that a server in development serves itself could not sign in, or anybody
/// could be on plain http.
#[test]
fn plain_http_is_for_this_servers_own_client_on_loopback() {
    let own = |client: &str, redirect: &str, base: &str| {
        let sent = json!({ "client_uri": client, "redirect_uris": [redirect] });
        ClientMetadata::check(sent.as_object().unwrap(), base).is_ok()
    };
    let here = "http://127.0.0.1:8008";
    assert!(own("http://127.0.0.1:8008/", "http://127.0.0.1:8008/", here));
    assert!(!own("http://127.0.0.1:8008/", "http://127.0.0.1:8009/", here));
    assert!(!own("http://127.0.0.1:8009/", "http://127.0.0.1:8009/", here));
    assert!(!own("http://chat.x.fr/", "http://chat.x.fr/", "http://chat.x.fr"));
    assert!(!own("http://127.0.0.1:8008/", "http://127.0.0.1:8008/", OWN));
}
