// SPDX-License-Identifier: Apache-2.0
//! Without these `config check` would call right what no server starts with, or a server would say
//! that it is ready and end: the built binary, from outside.
#![cfg(test)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

/// A configuration with which a server starts, but for `further`.
fn write(folder: &Path, further: &str) {
    let path = |name: &str| folder.join(name).display().to_string();
    let root = format!(
        "server_name = \"x.fr\"\ndata_dir = \"{}\"\nlistener.address = \"127.0.0.1:0\"\n",
        path("data")
    );
    let further = further.replace("FOLDER", &folder.display().to_string());
    std::fs::write(path("config.toml"), root + &further).unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("config.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    command.args(arguments).arg("--config").arg(config).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn what_no_server_starts_with_is_said_by_the_check_and_before_the_port_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("broken.toml"), "[organisations\n").unwrap();
    std::fs::write(folder.join("short"), "not long enough").unwrap();
    for (further, named) in [
        ("identity.policy.file = \"FOLDER/broken.toml\"", "identity.policy.file"),
        ("identity.policy.file = \"FOLDER/missing.toml\"", "identity.policy.file"),
        ("identity.policy.internal_secret_file = \"FOLDER/missing\"", "internal_secret_file"),
        ("identity.policy.internal_secret_file = \"FOLDER/short\"", "fewer than 32"),
        (
            "identity.mail.transport = \"smtp\"\nidentity.mail.from = \"a@x.fr\"",
            "identity.mail.smtp",
        ),
        (
            "identity.mail.transport = \"folder\"\nidentity.mail.folder = \"FOLDER/mail\"\n\
             identity.mail.from = \"nonsense\"",
            "identity.mail.from",
        ),
        (
            "identity.mail.transport = \"folder\"\nidentity.mail.folder = \"FOLDER/short/mail\"\n\
             identity.mail.from = \"a@x.fr\"",
            "identity.mail.folder",
        ),
        (
            "identity.mail.transport = \"smtp\"\nidentity.mail.from = \"a@x.fr\"\n\
             identity.mail.smtp.host = \"mail.x.fr\"",
            "public_base_url",
        ),
        ("identity.sign_up.enabled = true\nidentity.policy.open = true", "mail.transport"),
        ("identity.oauth.access_token_lifetime_s = 0", "access_token_lifetime_s"),
        ("login.access_token_lifetime_s = 0", "login.access_token_lifetime_s"),
        ("public_base_url = \"not a url/\"", "public_base_url"),
        ("public_base_url = \"x.fr\"", "public_base_url"),
        ("public_base_url = \"https://a@x.fr/?q\"", "public_base_url"),
        ("log = \"estafette=loud\"", "log"),
        ("appservices.registrations = [\"FOLDER/missing.yaml\"]", "missing.yaml"),
        ("listener.tls_certificate = \"FOLDER/short\"\nlistener.tls_key = \"FOLDER/short\"", "TLS"),
    ] {
        write(folder, further);
        let checked = run(folder, &["config", "check"]);
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(!checked.status.success() && said.contains(named), "{further}: {said}");
        let served = run(folder, &["serve"]);
        let log = String::from_utf8(served.stdout).unwrap();
        assert!(!served.status.success() && !log.contains("ready"), "{further}: {log}");
        assert_eq!(String::from_utf8(served.stderr).unwrap(), said, "{further}");
        assert!(!folder.join("data").exists(), "{further}: nothing is made");
        assert!(!folder.join("mail").exists(), "{further}: nothing is made");
    }
    write(
        folder,
        "public_base_url = \"https://x.fr/\"\nidentity.mail.transport = \"folder\"\n\
         identity.mail.folder = \"FOLDER/mail\"\nidentity.mail.from = \"X <a@x.fr>\"",
    );
    let checked = run(folder, &["config", "check"]);
    assert!(checked.status.success(), "{checked:?}");
    assert!(!folder.join("data").exists() && !folder.join("mail").exists(), "nothing is made");
}
