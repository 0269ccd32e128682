// SPDX-License-Identifier: Apache-2.0
//! Without these a typing error in a file would silently leave a server open or closed.

use super::*;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("estafette.toml");
    std::fs::write(&path, file).unwrap();
    let pairs = environment.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    Config::load(Some(&path), pairs)
}

#[test]
fn environment_wins_over_the_file() {
    let config = load(
        "server_name = \"a.example\"\n[registration]\ntoken = \"x\"",
        &[
            ("ESTAFETTE__SERVER_NAME", "b.example"),
            ("ESTAFETTE__REGISTRATION__OPEN", "true"),
            ("ESTAFETTE__LISTENER__ADDRESS", "127.0.0.1:9"),
            ("ESTAFETTE__OUTBOUND__ALLOWED_NETWORKS", "[\"127.0.0.0/8\"]"),
            ("OTHER__SERVER_NAME", "ignored"),
        ],
    )
    .unwrap();
    assert_eq!(config.server_name, "b.example");
    assert!(config.registration.open);
    assert_eq!(config.registration.token, "x");
    assert_eq!(config.listener.address.port(), 9);
    assert_eq!(config.outbound.allowed_networks, ["127.0.0.0/8"]);
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for (file, environment) in [
        ("serverr_name = \"x\"", &[][..]),
        ("[registration]\nopenn = true", &[][..]),
        ("", &[("ESTAFETTE__REGISTRATION__OPENN", "true")][..]),
        ("", &[("ESTAFETTE__SERVER_NAME__X", "true"), ("ESTAFETTE__SERVER_NAME", "x")][..]),
    ] {
        assert!(load(file, environment).is_err(), "{file} {environment:?}");
    }
}

#[test]
fn impossible_values_are_refused() {
    assert!(load("server_name = \"not a name\"", &[]).is_err());
    assert!(load("[listener]\ntls_key = \"x\"", &[]).is_err());
    assert!(load("[storage]\nreaders = 0", &[]).is_err());
    assert!(load("default_room_version = \"77\"", &[]).is_err());
    assert!(load("[calls]\nturn_uris = [\"stun:x\"]\nturn_shared_secret = \"s\"", &[]).is_err());
    assert!(load("[calls]\nturn_uris = [\"turn:x\"]", &[]).is_err(), "nobody could use it");
    assert!(load("[calls]\nrtc_transports = [{ url = \"x\" }]", &[]).is_err());
    for contact in ["{ role = \"m.role.admin\" }", "{ matrix_id = \"@a:x\" }"] {
        assert!(load(&format!("[well_known]\nsupport_contacts = [{contact}]"), &[]).is_err());
    }
}

#[test]
fn explain_lists_every_option_and_is_itself_a_valid_file() {
    let table = toml::Table::try_from(Config::default()).unwrap();
    let mut expected = Vec::new();
    for (key, value) in &table {
        match value.as_table() {
            Some(section) => expected.extend(section.keys().map(|k| format!("{key}.{k}"))),
            None => expected.push(key.clone()),
        }
    }
    let mut listed: Vec<_> = explain::option_paths().into_iter().map(String::from).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    let again = load(&explain(&[]), &[]).unwrap();
    assert_eq!(toml::Table::try_from(again).unwrap(), table);
}
