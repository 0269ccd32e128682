// SPDX-License-Identifier: Apache-2.0
//! Rule 5: memberships.

use super::*;
use crate::{
    json::Strictness,
    sign::{SigningKey, specification_key},
};

/// `alice` made it and has 100, `bob` 50, `carol` and `dave` 0; `eve` is outside.
const ROOM: &str = r#"alice create
    alice join
    bob join
    carol join
    dave join
    alice levels {"users":{"alice":100,"bob":50}}
"#;

fn in_room(lines: &str) -> String {
    format!("{ROOM}{lines}")
}

/// The room with that join rule.
fn with_rule(rule: &str, lines: &str) -> String {
    format!("{ROOM}alice rule {rule}\n{lines}")
}

#[test]
fn rule_5_1_state_key_and_membership() {
    let malformed = AuthError::MemberMalformed;
    refused(ALL, &in_room(r#"bob send m.room.member {"membership":"join"}"#), malformed);
    refused(ALL, &in_room("bob set m.room.member @bob:x.fr {}"), malformed);
    for word in ["1", "null", "{}"] {
        let line = format!("bob set m.room.member @bob:x.fr {{\"membership\":{word}}}");
        refused(ALL, &in_room(&line), malformed);
    }
    allowed(ALL, &in_room(r#"bob set m.room.member @bob:x.fr {"membership":"leave"}"#));
}

#[test]
fn rule_5_3_1_the_creator_comes_first() {
    allowed(ALL, "alice create\nalice join after create");
    refused(ALL, "alice create\nalice join", AuthError::JoinRule);
    refused(ALL, "alice create\nbob join after create", AuthError::JoinRule);
    // Up to version 10 `creator` says who it is, afterwards the sender is it.
    let named = "alice create {\"creator\":\"@bob:x.fr\"}\n";
    allowed(1..=10, &format!("{named}bob join after create"));
    refused(1..=10, &format!("{named}alice join after create"), AuthError::JoinRule);
    refused(11..=12, &format!("{named}bob join after create"), AuthError::JoinRule);
    allowed(11..=12, &format!("{named}alice join after create"));
    // A creator who is only additional needs an invitation.
    let additional = "alice create {\"additional_creators\":[\"@bob:x.fr\"]}\n";
    refused(ALL, &format!("{additional}bob join after create"), AuthError::JoinRule);
}

#[test]
fn rule_5_3_2_nobody_joins_for_others() {
    let line = r#"alice set m.room.member @eve:x.fr {"membership":"join"}"#;
    refused(ALL, &with_rule("public", line), AuthError::NotTheUser);
}

#[test]
fn rule_5_3_3_the_banned_stay_out() {
    for rule in ["public", "invite", "restricted", "knock"] {
        refused(ALL, &with_rule(rule, "alice ban eve \n eve join"), AuthError::Banned);
    }
}

#[test]
fn rule_5_3_4_by_invitation() {
    for room in [in_room(""), with_rule("invite", "")] {
        refused(ALL, &format!("{room}\neve join"), AuthError::JoinRule);
        refused(ALL, &format!("{room}\ncarol leave\ncarol join"), AuthError::JoinRule);
        allowed(ALL, &format!("{room}\nalice invite eve\neve join"));
        // Again: a change of profile.
        allowed(ALL, &format!("{room}\ncarol join"));
    }
    let knocked = with_rule("invite", "eve knock \n eve join");
    refused(ALL, &knocked, AuthError::JoinRule);
}

#[test]
fn rule_5_3_4_knock_is_a_join_rule_from_version_7_on() {
    let invited = with_rule("knock", "alice invite eve \n eve join");
    refused(1..=6, &invited, AuthError::JoinRule);
    allowed(7..=12, &invited);
    refused(ALL, &with_rule("knock", "eve join"), AuthError::JoinRule);
    refused(ALL, &with_rule("knock", "eve knock \n eve join"), AuthError::JoinRule);
}

#[test]
fn rule_5_3_5_restricted_joins() {
    for (rule, since) in [("restricted", 8), ("knock_restricted", 10)] {
        let before = 1..=since - 1;
        let versions = since..=12;
        let join = |who: &str| {
            with_rule(rule, &format!("eve join {{\"join_authorised_via_users_server\":{who}}}"))
        };
        // Invited or there already: nobody needs to vouch.
        let invited = with_rule(rule, "alice invite eve \n eve join");
        allowed(versions.clone(), &invited);
        refused(before.clone(), &invited, AuthError::JoinRule);
        allowed(versions.clone(), &with_rule(rule, "carol join"));
        // Somebody who may invite and is there.
        allowed(versions.clone(), &join("\"@carol:x.fr\""));
        refused(before, &join("\"@carol:x.fr\""), AuthError::JoinRule);
        let vouched_by = AuthError::JoinAuthorisedBy;
        refused(versions.clone(), &join("\"@frank:x.fr\""), vouched_by);
        refused(versions.clone(), &join("\"@eve:x.fr\""), vouched_by);
        refused(versions.clone(), &join("7"), AuthError::JoinRule);
        refused(versions.clone(), &with_rule(rule, "eve join"), AuthError::JoinRule);
        // The invite level.
        let levels = "alice levels {\"invite\":50,\"users\":{\"bob\":50}}\n";
        let with_levels = |who: &str| {
            let join = format!("eve join {{\"join_authorised_via_users_server\":\"@{who}:x.fr\"}}");
            with_rule(rule, &format!("{levels}{join}"))
        };
        allowed(versions.clone(), &with_levels("bob"));
        refused(versions.clone(), &with_levels("carol"), vouched_by);
        // A creator's power is enough in version 12; before, alice is not listed any more.
        allowed(12..=12, &with_levels("alice"));
        refused(since..=11, &with_levels("alice"), vouched_by);
        // Who left does not vouch.
        let left = "bob leave\neve join {\"join_authorised_via_users_server\":\"@bob:x.fr\"}";
        refused(versions, &with_rule(rule, left), vouched_by);
    }
}

#[test]
fn rule_5_3_6_and_7_public_and_unknown_join_rules() {
    allowed(ALL, &with_rule("public", "eve join"));
    allowed(ALL, &with_rule("public", "carol leave \n carol join"));
    allowed(ALL, &with_rule("public", "eve knock \n eve join"));
    for rule in ["private", "Public", "x"] {
        refused(ALL, &with_rule(rule, "eve join"), AuthError::JoinRule);
        refused(ALL, &with_rule(rule, "alice invite eve \n eve join"), AuthError::JoinRule);
    }
}

#[test]
fn rule_5_4_invitations() {
    allowed(ALL, &in_room("carol invite eve"));
    // Again, and after leaving or knocking.
    allowed(ALL, &in_room("carol invite eve \n bob invite eve"));
    allowed(ALL, &in_room("dave leave \n carol invite dave"));
    allowed(ALL, &in_room("eve knock \n carol invite eve"));
    refused(ALL, &in_room("eve invite frank"), AuthError::SenderNotJoined);
    refused(ALL, &in_room("alice invite eve \n eve invite frank"), AuthError::SenderNotJoined);
    refused(ALL, &in_room("alice invite carol"), AuthError::InviteTarget);
    refused(ALL, &in_room("alice ban eve \n alice invite eve"), AuthError::InviteTarget);
    let levels = "alice levels {\"invite\":50,\"users\":{\"bob\":50}}\n";
    allowed(ALL, &in_room(&format!("{levels}bob invite eve")));
    refused(ALL, &in_room(&format!("{levels}carol invite eve")), AuthError::PowerLevel);
}

/// `mxid` and `token`, signed by the specification's key as `domain`.
fn signed(mxid: &str, token: &str) -> String {
    signed_by(&specification_key(), mxid, token)
}

fn signed_by(key: &SigningKey, mxid: &str, token: &str) -> String {
    let text = format!(r#"{{"mxid":"{mxid}","token":"{token}"}}"#);
    let parsed = crate::json::parse(text.as_bytes(), Strictness::Strict).unwrap();
    let mut object = parsed.as_object().unwrap().clone();
    key.sign_json(&mut object, "domain").unwrap();
    Value::Object(object).to_canonical()
}

/// `carol` offered a third-party invitation with `offer`, then `sender` invites `eve` with it.
fn third_party(offer: &str, state: &str, sender: &str, invite: &str) -> String {
    let offer = format!("carol set m.room.third_party_invite token {offer}\n");
    in_room(&format!("{offer}{state}\n{sender} invite eve {{\"third_party_invite\":{invite}}}"))
}

#[test]
fn rule_5_4_1_third_party_invitations() {
    let wrong = AuthError::ThirdPartyInvite;
    let key = specification_key().public_base64();
    let offer = format!(r#"{{"public_key":"{key}"}}"#);
    let good = format!(r#"{{"signed":{}}}"#, signed("@eve:x.fr", "token"));
    allowed(ALL, &third_party(&offer, "", "carol", &good));
    // The inviter may have left in the meantime, and needs no level.
    allowed(ALL, &third_party(&offer, "carol leave", "carol", &good));
    let levels = "alice levels {\"invite\":50}";
    allowed(ALL, &third_party(&offer, levels, "carol", &good));
    // 5.4.1.1
    refused(ALL, &third_party(&offer, "alice ban eve", "carol", &good), AuthError::Banned);
    // 5.4.1.2 and 5.4.1.3
    for bad in [
        "{}".to_owned(),
        "7".to_owned(),
        r#"{"signed":7}"#.to_owned(),
        r#"{"signed":{"mxid":"@eve:x.fr"}}"#.to_owned(),
        r#"{"signed":{"token":"token"}}"#.to_owned(),
        // 5.4.1.4
        format!(r#"{{"signed":{}}}"#, signed("@frank:x.fr", "token")),
        // 5.4.1.5
        format!(r#"{{"signed":{}}}"#, signed("@eve:x.fr", "other")),
        // 5.4.1.7: signatures missing, by nobody, or of something else.
        r#"{"signed":{"mxid":"@eve:x.fr","token":"token"}}"#.to_owned(),
        r#"{"signed":{"mxid":"@eve:x.fr","token":"token","signatures":{}}}"#.to_owned(),
        good.replace("\"mxid\"", "\"more\":1,\"mxid\""),
        good.replace("ed25519:1", "curve25519:1"),
    ] {
        refused(ALL, &third_party(&offer, "", "carol", &bad), wrong);
    }
    // 5.4.1.6
    refused(ALL, &third_party(&offer, "", "bob", &good), wrong);
    // The keys: one, or a list, or both.
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (offer, verdict) in [
        (
            format!(r#"{{"public_keys":[{{"public_key":"{other}"}},{{"public_key":"{key}"}}]}}"#),
            true,
        ),
        (format!(r#"{{"public_key":"{other}","public_keys":[{{"public_key":"{key}"}}]}}"#), true),
        (format!(r#"{{"public_key":"{key}","public_keys":[{{"public_key":"{other}"}}]}}"#), true),
        (format!(r#"{{"public_key":"{other}"}}"#), false),
        (r#"{"public_key":"!"}"#.to_owned(), false),
        ("{}".to_owned(), false),
    ] {
        let text = third_party(&offer, "", "carol", &good);
        check(ALL, &text, if verdict { Ok(()) } else { Err(wrong) });
    }
}

/// Identity servers write their keys in either alphabet; with one of them alone no invitation of
/// half of them could be accepted.
#[test]
fn rule_5_4_1_7_keys_in_the_url_safe_alphabet() {
    let telling = |key: &SigningKey| {
        let text = key.public_base64();
        text.contains('+') && text.contains('/')
    };
    let mut keys = (0..=255).map(|seed| SigningKey::from_seed("1", &[seed; 32]));
    let key = keys.find(telling).unwrap();
    let url_safe = key.public_base64().replace('+', "-").replace('/', "_");
    let invite = format!(r#"{{"signed":{}}}"#, signed_by(&key, "@eve:x.fr", "token"));
    for text in [key.public_base64(), url_safe] {
        let one = format!(r#"{{"public_key":"{text}"}}"#);
        let list = format!(r#"{{"public_keys":[{{"public_key":"{text}"}}]}}"#);
        allowed(ALL, &third_party(&one, "", "carol", &invite));
        allowed(ALL, &third_party(&list, "", "carol", &invite));
    }
}

#[test]
fn rule_5_5_1_going() {
    allowed(ALL, &in_room("carol leave"));
    allowed(ALL, &in_room("alice invite eve \n eve leave"));
    let knocked = in_room("eve knock \n eve leave");
    refused(1..=6, &knocked, AuthError::NothingToLeave);
    allowed(7..=12, &knocked);
    for room in ["eve leave", "carol leave \n carol leave", "alice ban carol \n carol leave"] {
        refused(ALL, &in_room(room), AuthError::NothingToLeave);
    }
}

#[test]
fn rule_5_5_kicks_and_unbans() {
    refused(ALL, &in_room("eve kick carol"), AuthError::SenderNotJoined);
    refused(ALL, &in_room("bob leave \n bob kick carol"), AuthError::SenderNotJoined);
    allowed(ALL, &in_room("bob kick carol"));
    allowed(ALL, &in_room("bob invite eve \n bob kick eve"));
    refused(ALL, &in_room("carol kick dave"), AuthError::PowerLevel);
    refused(ALL, &in_room("bob kick alice"), AuthError::TargetPowerLevel);
    let levels = "alice levels {\"users\":{\"alice\":100,\"bob\":50,\"carol\":50,\"dave\":49},";
    let kick = |level: u8| in_room(&format!("{levels}\"kick\":{level}}}\nbob kick dave"));
    allowed(ALL, &kick(50));
    refused(ALL, &kick(51), AuthError::PowerLevel);
    let equal = in_room(&format!("{levels}\"kick\":50}}\nbob kick carol"));
    refused(ALL, &equal, AuthError::TargetPowerLevel);
    // To lift a ban takes both levels.
    let unban = |ban: u8, kick: u8| {
        let levels = format!("{levels}\"ban\":{ban},\"kick\":{kick}}}");
        in_room(&format!("{levels}\nalice ban dave\nbob unban dave"))
    };
    allowed(ALL, &unban(50, 50));
    refused(ALL, &unban(51, 50), AuthError::PowerLevel);
    refused(ALL, &unban(50, 51), AuthError::PowerLevel);
    // Of somebody who is not banned, the ban level does not matter.
    let levels = format!("{levels}\"ban\":51,\"kick\":50}}");
    allowed(ALL, &in_room(&format!("{levels}\nbob kick dave")));
}

#[test]
fn rule_5_6_bans() {
    refused(ALL, &in_room("eve ban carol"), AuthError::SenderNotJoined);
    allowed(ALL, &in_room("bob ban carol"));
    allowed(ALL, &in_room("bob ban eve"));
    allowed(ALL, &in_room("bob ban carol \n bob ban carol"));
    refused(ALL, &in_room("carol ban dave"), AuthError::PowerLevel);
    refused(ALL, &in_room("bob ban alice"), AuthError::TargetPowerLevel);
    let levels = "alice levels {\"users\":{\"bob\":50,\"carol\":50,\"dave\":49},";
    let ban = |level: u8, who: &str| in_room(&format!("{levels}\"ban\":{level}}}\nbob ban {who}"));
    allowed(ALL, &ban(50, "dave"));
    refused(ALL, &ban(51, "dave"), AuthError::PowerLevel);
    refused(ALL, &ban(50, "carol"), AuthError::TargetPowerLevel);
    // Nobody bans a creator of version 12, whatever the levels say.
    let unlisted = in_room("alice levels {\"users\":{\"bob\":100}}\nbob ban alice");
    allowed(1..=11, &unlisted);
    refused(12..=12, &unlisted, AuthError::TargetPowerLevel);
}

#[test]
fn creators_cannot_remove_each_other() {
    let room = "alice create {\"additional_creators\":[\"@bob:x.fr\"]}\nalice join\nbob join\n";
    for line in ["alice kick bob", "alice ban bob", "bob ban alice"] {
        refused(12..=12, &format!("{room}{line}"), AuthError::TargetPowerLevel);
    }
}

#[test]
fn rule_5_7_knocks() {
    for (rule, since) in [("knock", 7), ("knock_restricted", 10)] {
        let versions = since..=12;
        let knock = with_rule(rule, "eve knock");
        allowed(versions.clone(), &knock);
        // Before, the word is either not known or does not go with that join rule.
        refused(1..=6, &knock, AuthError::UnknownMembership);
        if since > 7 {
            refused(7..=since - 1, &knock, AuthError::Knock);
        }
        for (lines, error) in [
            ("alice ban eve \n eve knock", AuthError::Knock),
            ("alice invite eve \n eve knock", AuthError::Knock),
            ("carol knock", AuthError::Knock),
        ] {
            refused(versions.clone(), &with_rule(rule, lines), error);
        }
        let other = r#"alice set m.room.member @eve:x.fr {"membership":"knock"}"#;
        refused(versions.clone(), &with_rule(rule, other), AuthError::NotTheUser);
        allowed(versions.clone(), &with_rule(rule, "eve knock \n eve knock"));
        allowed(versions, &with_rule(rule, "carol leave \n carol knock"));
    }
    for rule in ["public", "invite", "restricted", "private"] {
        refused(7..=12, &with_rule(rule, "eve knock"), AuthError::Knock);
    }
    refused(7..=12, &in_room("eve knock"), AuthError::Knock);
}

#[test]
fn rule_5_8_unknown_memberships() {
    for word in ["", "Join", "kick", "x"] {
        let line = format!("bob set m.room.member @bob:x.fr {{\"membership\":\"{word}\"}}");
        refused(ALL, &in_room(&line), AuthError::UnknownMembership);
    }
    // An unknown word in the state is no membership at all.
    let line = r#"bob set m.room.member @bob:x.fr {"membership":"x"}"#;
    refused(ALL, &in_room(&format!("{line}\nbob send t")), AuthError::SenderNotJoined);
}
