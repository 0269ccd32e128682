// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;

use super::{arguments::Area, *};

/// Without it a program that reads our JSON meets nothing where the server does not run.
#[test]
fn what_fails_before_it_is_asked_is_a_line_of_json_too() {
    let folder = std::env::temp_dir().join(format!("estafette-admin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("c.toml");
    std::fs::write(&config, format!("data_dir = {:?}", folder.display().to_string())).unwrap();
    let admin = |config: &str, command: Area| Admin {
        config: Some(PathBuf::from(config)),
        json: true,
        reason: None,
        command,
    };
    let list = || Area::Organisations(arguments::Organisations::List);
    let check = Area::Policy(arguments::Policy::Check { file: "/nope".into() });
    let config = config.to_str().unwrap();
    for (admin, says) in [
        (admin("/nowhere.toml", list()), "/nowhere.toml"),
        (admin(config, check), "/nope"),
        (admin(config, list()), "no server"),
    ] {
        let said = line(&answer(&admin));
        let why = said["refused"].as_str().unwrap_or_else(|| panic!("{said}"));
        assert!(why.contains(says), "{why}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let lost = Failure::NoAnswer(SocketError::Answer("cut off".into()));
    assert!(line(&Err(lost))["failed"].as_str().unwrap().contains("cut off"));
}
