// SPDX-License-Identifier: Apache-2.0
use super::*;

fn check(allow: &[&str], deny: &[&str], ip_literals: bool, server: &str, expected: bool) {
    let list = |names: &[&str]| Value::Array(names.iter().map(|name| Value::from(*name)).collect());
    let content = Object::from([
        ("allow".to_owned(), list(allow)),
        ("deny".to_owned(), list(deny)),
        ("allow_ip_literals".to_owned(), Value::Bool(ip_literals)),
    ]);
    let name = ServerName::parse(server).unwrap();
    let allowed = ServerAcl::new(&content).allows(&name);
    assert_eq!(allowed, expected, "{allow:?} {deny:?} {ip_literals} {server}");
}

// A banned server would come back by writing a port or capital letters.
#[test]
fn ports_and_case_make_no_difference() {
    for server in ["evil.com", "evil.com:8448", "evil.com:1234", "EVIL.com", "Evil.Com:1"] {
        check(&["*"], &["evil.com"], true, server, false);
        check(&["*"], &["EVIL.COM"], true, server, false);
        check(&["evil.com"], &[], true, server, true);
    }
    check(&["*"], &["*.evil.com"], true, "matrix.evil.com:8448", false);
    check(&["*"], &["*.evil.com"], true, "evil.com", true);
    check(&["*"], &["evil?.com"], true, "evil1.com", false);
}

// A room would be open when its list says nothing.
#[test]
fn nothing_allowed_means_nobody() {
    check(&[], &[], true, "example.org", false);
    check(&["example.com"], &[], true, "example.org", false);
}

// Deny must be looked at before allow.
#[test]
fn deny_wins() {
    check(&["example.org"], &["example.org"], true, "example.org", false);
}

// Servers without a domain would get round a list of domains.
#[test]
fn ip_literals_can_be_refused() {
    for server in ["1.2.3.4", "1.2.3.4:8448", "[::1]", "[2001:db8::1]:8448"] {
        check(&["*"], &[], false, server, false);
        check(&["*"], &[], true, server, true);
    }
    check(&["*"], &[], false, "1.2.3.4.example.org", true);
    check(&["*"], &["1.2.3.*"], true, "1.2.3.4:80", false);
    check(&["*"], &["[::1]"], true, "[::1]:80", false);
}

// A typing error in one field would open the room, or close it, without anybody meaning it.
#[test]
fn malformed_lists_are_empty_and_malformed_entries_ignored() {
    let check = |content: &str, server: &str, expected: bool| {
        let json: serde_json::Value = serde_json::from_str(content).unwrap();
        let content = Value::try_from(&json).unwrap();
        let acl = ServerAcl::new(content.as_object().unwrap());
        assert_eq!(acl.allows(&ServerName::parse(server).unwrap()), expected, "{json} {server}");
    };
    check("{}", "example.org", false);
    check(r#"{ "allow": "*" }"#, "example.org", false);
    check(r#"{ "allow": [1, "*"], "deny": [null, "evil.com"] }"#, "example.org", true);
    check(r#"{ "allow": [1, "*"], "deny": [null, "evil.com"] }"#, "evil.com", false);
    check(r#"{ "allow": ["*"], "deny": "evil.com" }"#, "evil.com", true);
    check(r#"{ "allow": ["*"], "allow_ip_literals": "false" }"#, "1.2.3.4", true);
    check(r#"{ "allow": ["*"], "allow_ip_literals": false }"#, "1.2.3.4", false);
}
