// SPDX-License-Identifier: Apache-2.0
//! HTTP as it goes over the wire, to a server that answers once and closes.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

/// Status, head and body. `headers` are whole lines.
pub(crate) fn ask(
    address: &str,
    (method, path): (&str, &str),
    headers: &str,
    body: &str,
) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x.fr\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, head.to_owned(), body.to_owned())
}
