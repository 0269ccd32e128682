// SPDX-License-Identifier: Apache-2.0
//! Just enough of a browser to be answered and to measure how long that takes: one keep-alive
//! connection, a cookie, the token of a form.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const HEADERS_MAX: usize = 64;
/// How long a word is at least that is a secret.
const SECRET_LETTERS: usize = 32;
const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) content_type: &'static str,
    pub(super) bearer: Option<String>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), ..Self::default() }
    }

    pub(super) fn json(path: &str, body: &serde_json::Value) -> Self {
        let body = body.to_string();
        Self {
            method: "POST",
            path: path.into(),
            content_type: "application/json",
            bearer: None,
            body,
        }
    }

    /// A form of a page, but for the token of the browser.
    pub(super) fn form(path: &str, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        Self {
            method: "POST",
            path: path.into(),
            content_type: FORM,
            bearer: None,
            body: pairs.join("&"),
        }
    }
}

/// What was answered, and how long it took.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// All but those that are new each time.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn location(&self) -> &str {
        let found = self.headers.iter().find(|(name, _)| name == "location");
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// One browser.
#[derive(Debug)]
pub(super) struct Browser {
    address: SocketAddr,
    stream: Option<TcpStream>,
    /// By their names.
    cookies: BTreeMap<String, String>,
    form_token: Option<String>,
}

impl Browser {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, cookies: BTreeMap::new(), form_token: None }
    }

    /// What its cookies say that are too long to be guessed.
    pub(super) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.cookies.values().map(String::as_str).filter(|value| value.len() >= SECRET_LETTERS)
    }

    /// Opens a page and keeps the token of its form.
    pub(super) fn open(&mut self, path: &str) -> Result<Answer> {
        let answer = self.ask(&Request::get(path))?;
        if let Some(token) = form_tokens(&answer.body).pop() {
            self.form_token = Some(token);
        }
        Ok(answer)
    }

    /// Sends a form with the token that the browser was given.
    pub(super) fn submit(&mut self, request: &Request) -> Result<Answer> {
        let token = self.form_token.clone().context("no form was shown")?;
        let body = format!("{}&form_token={}", request.body, escaped(&token));
        self.ask(&Request { body, ..request.clone() })
    }

    /// Sends any request. The time is from its first byte to the last of the answer.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer> {
        let written = self.written(request);
        let kept = self.stream.take();
        let may_be_over = kept.is_some();
        let stream = kept.map_or_else(|| connect(self.address), Ok)?;
        let mut start = Instant::now();
        let mut input = Vec::with_capacity(16 * 1024);
        let (mut answer, stream) = match exchange(stream, &written, &mut input) {
            // The server ends connections on which nothing is asked for some time.
            Err(error)
                if may_be_over
                    && input.is_empty()
                    && error.downcast_ref().is_some_and(crate::http::closed) =>
            {
                let stream = connect(self.address)?;
                start = Instant::now();
                exchange(stream, &written, &mut input)?
            }
            other => other?,
        };
        answer.took = start.elapsed();
        self.stream = stream;
        answer.headers.retain(|(name, value)| {
            if name == "set-cookie" {
                let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
                self.cookies.extend(pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            !matches!(name.as_str(), "set-cookie" | "date")
        });
        Ok(answer)
    }

    fn written(&self, request: &Request) -> Vec<u8> {
        let Request { method, path, content_type, bearer, body } = request;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            head.push_str(&format!("Cookie: {}\r\n", pairs.collect::<Vec<_>>().join("; ")));
        }
        if let Some(bearer) = bearer {
            head.push_str(&format!("Authorization: Bearer {bearer}\r\n"));
        }
        if *method != "GET" {
            let length = body.len();
            head.push_str(&format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n"));
        }
        head.push_str("Accept-Language: en\r\n\r\n");
        head.push_str(body);
        head.into_bytes()
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    Ok(stream)
}

/// The answer, and the connection if it may be used again.
fn exchange(
    mut stream: TcpStream,
    written: &[u8],
    input: &mut Vec<u8>,
) -> Result<(Answer, Option<TcpStream>)> {
    stream.write_all(written)?;
    let (status, headers, head_len) = loop {
        if let Some(head) = head(input)? {
            break head;
        }
        read_some(&mut stream, input)?;
    };
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, v)| v);
    let length: usize = match value("content-length") {
        Some(length) => length.parse()?,
        None if matches!(status, 204 | 304) => 0,
        None => bail!("an answer without a length"),
    };
    let close = value("connection").is_some_and(|value| value == "close");
    while input.len() < head_len + length {
        read_some(&mut stream, input)?;
    }
    let body = input.get(head_len..head_len + length).unwrap_or_default();
    let body = String::from_utf8_lossy(body).into_owned();
    let answer = Answer { status, headers, body, took: Duration::ZERO };
    Ok((answer, (!close).then_some(stream)))
}

type Head = (u16, Vec<(String, String)>, usize);

fn head(input: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(len) = response.parse(input)? else { return Ok(None) };
    let status = response.code.context("no status")?;
    let headers = response.headers.iter().map(|header| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_ascii_lowercase(), value)
    });
    Ok(Some((status, headers.collect(), len)))
}

fn read_some(stream: &mut TcpStream, input: &mut Vec<u8>) -> std::io::Result<()> {
    let mut chunk = [0; 16 * 1024];
    let count = stream.read(&mut chunk)?;
    if count == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    input.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Ok(())
}

/// The tokens of the forms of a page: each looks different.
pub(super) fn form_tokens(page: &str) -> Vec<String> {
    let fields = page.split("name=\"form_token\" value=\"").skip(1);
    fields.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// A value as it stands in a form or a query.
pub(super) fn escaped(value: &str) -> String {
    crate::http::escape(value)
}
