// SPDX-License-Identifier: Apache-2.0
use super::ServerAcl;

fn check(allow: &[&str], deny: &[&str], ip_literals: bool, server: &str, expected: bool) {
    let acl = ServerAcl::new(allow.iter().copied(), deny.iter().copied(), ip_literals);
    assert_eq!(acl.allows(server), expected, "{allow:?} {deny:?} {ip_literals} {server}");
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
