// SPDX-License-Identifier: Apache-2.0
//! Without these one server's broken event would keep all its others out, or a body of a million
//! events would be taken in.

use super::*;

fn parse(body: &str) -> Option<Transaction<'_>> {
    Transaction::parse(body.as_bytes()).ok()
}

#[test]
fn one_bad_event_leaves_the_others_alone() {
    let body = r#"{"origin":"x.fr","origin_server_ts":1,"pdus":[
        {"room_id":"!a:x.fr","n":1}, 7, {"n":2}, {"room_id":5}, {"room_id":"r"}, null,
        {"room_id":"!a:x.fr","room_id":"!b:x.fr"}, {"room_id":"!b","deep":[[[{"a":"\ud800"}]]]}]}"#;
    let transaction = parse(body).unwrap();
    let good = |pdu: &Result<TransactionPdu<'_>, PduError>| match pdu {
        Ok(pdu) => (pdu.room_id.to_string(), pdu.json.len()),
        Err(error) => (error.to_string(), 0),
    };
    let member = |name| (PduError::Member(name).to_string(), 0);
    assert_eq!(
        transaction.pdus.iter().map(good).collect::<Vec<_>>(),
        [
            ("!a:x.fr".to_owned(), 27),
            member("object"),
            member("room_id"),
            member("room_id"),
            member("room_id"),
            member("object"),
            member("room_id"),
            ("!b".to_owned(), 44),
        ]
    );
    assert!(transaction.edus.is_empty(), "they may be left out");
}

#[test]
fn malformed_ephemeral_messages_are_left_out() {
    let body = r#"{"pdus":[],"edus":[{"edu_type":"m.typing","content":{"a":[1]}},{"edu_type":1,
        "content":{}},{"edu_type":"x","content":[]},{"edu_type":"x"},5,["x",{}],
        {"edu_type":"m.\u0070resence","content":{}}]}"#;
    let edus = parse(body).unwrap().edus;
    let told: Vec<_> = edus.iter().map(|edu| (&*edu.kind, edu.content)).collect();
    assert_eq!(told, [("m.typing", r#"{"a":[1]}"#), ("m.presence", "{}")]);
}

#[test]
fn a_transaction_is_bounded() {
    let body = |pdus: usize, edus: usize| {
        let list = |item: &str, count: usize| vec![item; count].join(",");
        format!(r#"{{"edus":[{}],"pdus":[{}]}}"#, list("{}", edus), list("{}", pdus))
    };
    assert_eq!(parse(&body(50, 100)).unwrap().pdus.len(), 50);
    assert!(parse(&body(51, 100)).is_none());
    assert!(parse(&body(50, 101)).is_none());
    let told = Transaction::parse(body(51, 0).as_bytes()).unwrap_err().to_string();
    assert!(told.contains("at most 50 items"), "{told}");
    for bad in [
        "",
        "{}",
        "[]",
        "[[],[]]",
        " [[]]",
        r#"{"pdus":{}}"#,
        r#"{"pdus":[1}"#,
        r#"{"pdus":[],"pdus":[]}"#,
    ] {
        assert!(parse(bad).is_none(), "{bad}");
    }
}
