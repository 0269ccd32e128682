// SPDX-License-Identifier: Apache-2.0
//! The client against answers written by hand, cut at every byte.

use std::io::{Read, Write};

use super::*;

/// Serves one connection: each request gets the next answer, written in pieces of `piece` bytes.
fn serve(answers: Vec<&'static str>, piece: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        for answer in answers {
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    return;
                }
                seen.extend_from_slice(&byte);
            }
            for part in answer.as_bytes().chunks(piece) {
                stream.write_all(part).unwrap();
            }
        }
    });
    address
}

/// Without it a body split across packets would be counted as a failed request.
#[tokio::test]
async fn reads_both_framings_in_pieces_of_any_size() {
    let answers = vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n02\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    ];
    for piece in 1..40 {
        let mut connection = Connection::once(serve(answers.clone(), piece));
        for (status, body) in [(200, "hello"), (200, "abcde"), (404, "")] {
            let answer = connection.request("GET", "/", None, b"").await.unwrap();
            assert_eq!((answer.status, answer.body), (status, body.as_bytes()));
        }
    }
}

/// Without it an answer cut by a kill would count as acknowledged.
#[tokio::test]
async fn a_cut_answer_is_an_error() {
    let address = serve(vec!["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"], 100);
    let error = Connection::once(address).request("GET", "/", None, b"").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// Without it a room id would break the path.
#[test]
fn escapes_what_a_path_may_not_hold() {
    assert_eq!(escape("!a:b/c d"), "%21a%3Ab%2Fc%20d");
}
