// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;

use clap::CommandFactory as _;

use super::{arguments::Area, *};

/// Without it the documentation lists acts that there are not, or leaves some out.
#[test]
fn the_documentation_lists_every_act_and_no_other() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ADMINISTRATION.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.filter(|row| !row.starts_with('{'));
    let mut listed: Vec<String> =
        rows.map(|row| row.split([' ', '`']).take(2).collect::<Vec<_>>().join(" ")).collect();
    listed.sort();
    let arguments = crate::Arguments::command();
    let admin = arguments.find_subcommand("admin").unwrap();
    let mut known = Vec::new();
    for area in admin.get_subcommands() {
        assert!(area.get_about().is_some(), "{area}");
        for act in area.get_subcommands() {
            assert!(act.get_about().is_some(), "{act}: says what it does");
            known.push(format!("{} {}", area.get_name(), act.get_name()));
        }
    }
    known.sort();
    assert_eq!(listed, known);
}

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
    for (admin, kind, says) in [
        (admin("/nowhere.toml", list()), "refused", "/nowhere.toml"),
        (admin(config, check), "refused", "/nope"),
        (admin(config, list()), "unreachable", "no server"),
    ] {
        let said = line(&answer(&admin));
        let why = said[kind].as_str().unwrap_or_else(|| panic!("{said}"));
        assert!(why.contains(says), "{why}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let lost = Failure::NoAnswer(SocketError::Answer("cut off".into()));
    assert!(line(&Err(lost))["failed"].as_str().unwrap().contains("cut off"));
}
