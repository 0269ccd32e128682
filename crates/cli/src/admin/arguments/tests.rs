// SPDX-License-Identifier: Apache-2.0

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    admin: Admin,
}

fn asked(line: &str) -> Result<AdminCommand, String> {
    let line = Line::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
    line.admin.command.asked()
}

/// Without it an address that was forgotten on the line is taken from the account.
#[test]
fn an_address_is_removed_only_where_that_is_said() {
    let said = asked("x users set-email jean").unwrap_err();
    assert!(said.contains("EMAIL"), "{said}");
    asked("x users set-email jean --remove j@x.fr").unwrap_err();
    asked("x users set-email jean --remove --keep-organisation").unwrap_err();
    for (line, wanted) in [("--remove", None), ("j@x.fr", Some("j@x.fr"))] {
        let asked = asked(&format!("x users set-email jean {line}")).unwrap();
        let AdminCommand::UserSetEmail { email, .. } = asked else { panic!("{asked:?}") };
        assert_eq!(email.as_deref(), wanted);
    }
}

/// Without it too large a file ends in a broken pipe.
#[test]
fn too_large_a_policy_is_refused_before_it_is_sent() {
    let said = asked("x policy check /dev/zero").unwrap_err();
    assert!(said.contains("/dev/zero: the file is larger than"), "{said}");
}
