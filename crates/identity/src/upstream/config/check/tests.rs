// SPDX-License-Identifier: Apache-2.0
//! Without these a button that cannot work, or that lets in too many, shows on the first morning.

use super::*;

const GOOD: &str = r#"
id = "proconnect"
name = "ProConnect"
issuer = "https://idp.fr/api/v2"
client_id = "estafette"
client_secret = "secret"
domains = ["interieur.gouv.fr", "x.fr"]
"#;

fn provider(change: &str) -> ProviderConfig {
    let mut table: toml::Table = GOOD.parse().unwrap();
    table.extend(change.parse::<toml::Table>().unwrap());
    table.try_into().unwrap()
}

fn refused(change: &str) -> String {
    make_ready(&mut [provider(change)]).unwrap_err()
}

#[test]
fn what_cannot_work_is_refused_with_the_provider_and_the_field() {
    for (change, field) in [
        ("name = \" \"", "name"),
        ("name = \"a\\nb\"", "name"),
        ("issuer = \"\"", "issuer"),
        ("issuer = \"idp\"", "issuer"),
        ("issuer = \"http://idp.fr\"", "issuer"),
        ("issuer = \"https://idp.fr/?a=b\"", "issuer"),
        ("issuer = \"https://idp.fr/#a\"", "issuer"),
        ("issuer = \"https://IDP.fr\"", "issuer"),
        ("client_id = \"\"", "client_id"),
        ("client_secret = \"\"", "client_secret"),
        ("client_secret_file = \"/nowhere\"", "client_secret"),
        ("client_secret = \"\"\nclient_secret_file = \"/nowhere\"", "client_secret_file"),
        ("scope = \"email profile\"", "scope"),
        ("scope = \"openid  email\"", "scope"),
        ("scope = \"\"", "scope"),
        ("domains = []", "domains"),
        ("domains = [\"*.interieur.gouv.fr\"]", "domains"),
        ("domains = [\"@interieur.gouv.fr\"]", "domains"),
        ("domains = [\"x.fr\", \"*\"]", "domains"),
        ("domains = [\"fr\"]", "domains"),
        ("authoritative_domains = [\"y.fr\"]", "authoritative_domains"),
        ("authoritative_domains = [\"*.x.fr\"]", "authoritative_domains"),
        ("acr_values = [\"eidas1 eidas2\"]", "acr_values"),
        ("acr_essential = true", "acr_essential"),
        ("amr_values = [\"\"]", "amr_values"),
        (
            "authorization_parameters = { redirect_uri = \"https://evil.fr\" }",
            "authorization_parameters",
        ),
        ("authorization_parameters = { request = \"x\" }", "authorization_parameters"),
        ("authorization_parameters = { response_mode = \"fragment\" }", "authorization_parameters"),
        ("authorization_parameters = { Idp_hint = \"x\" }", "authorization_parameters"),
        ("authorization_parameters = { idp_hint = \"\" }", "authorization_parameters"),
    ] {
        let said = refused(change);
        assert!(said.contains(&format!("provider `proconnect`: `{field}`")), "{change}: {said}");
    }
    for id in ["", "Pro Connect/../x", "pro_connect", "é"] {
        let said = refused(&format!("id = {}", toml::Value::from(id)));
        assert!(said.starts_with("provider number 1: `id` is"), "{said}");
    }
    let said = make_ready(&mut [provider(""), provider("name = \"Other\"")]).unwrap_err();
    assert_eq!(said, "provider `proconnect`: `id`: there are two of `proconnect`");
}

#[test]
fn what_can_work_is_taken_and_the_secret_read() {
    for change in [
        "",
        "domains = [\"*\"]\nauthoritative_domains = [\"X.fr\"]",
        "authoritative_domains = [\"*\"]",
        "issuer = \"http://127.0.0.1:4000\"",
        "acr_values = [\"eidas1-mfa\", \"https://proconnect.gouv.fr/assurance/x\"]\nacr_essential = true",
        "authorization_parameters = { idp_hint = \"71144ab3-ee1a-4401-b7b3-79b44f7daeeb\" }",
    ] {
        make_ready(&mut [provider(change)]).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "from the file\n").unwrap();
    let path = toml::Value::from(file.path().to_str().unwrap());
    let change = format!("client_secret = \"\"\nclient_secret_file = {path}");
    let mut providers = [provider(&change)];
    make_ready(&mut providers).unwrap();
    assert_eq!(providers[0].client_secret.0, "from the file");
    std::fs::write(&file, " \n").unwrap();
    assert!(refused(&change).contains("`client_secret_file`"));
}
