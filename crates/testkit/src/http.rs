// SPDX-License-Identifier: Apache-2.0
//! A raw HTTP/1.1 keep-alive client that costs little per request.
//!
//! Load and server share two cores here, so each microsecond of the client is one that the
//! server cannot show. One connection, one request at a time, one reused buffer, no header map.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest that any answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(180);

/// Most headers in an answer.
const HEADERS_MAX: usize = 64;

/// One keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    output: Vec<u8>,
    input: Vec<u8>,
    body: Vec<u8>,
    /// The current stream has carried an answer: it may be closed for idleness by now.
    used: bool,
    resend: bool,
}

/// An answer; its body lives in the connection until the next request.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, transfer encoding removed.
    pub body: &'a [u8],
}

/// How the body of an answer ends.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

#[derive(Debug)]
struct Head {
    status: u16,
    bytes: usize,
    framing: Framing,
    close: bool,
}

impl Connection {
    /// A connection that opens with its first request. When the server closed it while it was
    /// idle, the request is sent again on a new one.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            output: Vec::new(),
            input: Vec::new(),
            body: Vec::new(),
            used: false,
            resend: true,
        }
    }

    /// As [`Self::new`], but a request is never sent twice: a record of what was asked stays true.
    pub fn once(address: SocketAddr) -> Self {
        Self { resend: false, ..Self::new(address) }
    }

    /// Sends a JSON (or empty) body and reads the whole answer.
    ///
    /// # Errors
    /// What the socket says; `TimedOut` after three minutes; `InvalidData` for broken HTTP.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> io::Result<Answer<'_>> {
        self.request_as(method, path, token, "application/json", body).await
    }

    /// As [`Self::request`] with a content type of one's own.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn request_as(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        content_type: &str,
        body: &[u8],
    ) -> io::Result<Answer<'_>> {
        self.write_request(method, path, token, content_type, body);
        let status = match tokio::time::timeout(ANSWER_WITHIN, self.exchange()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => {
                self.stream = None;
                return Err(error);
            }
            Err(_) => {
                self.stream = None;
                return Err(io::ErrorKind::TimedOut.into());
            }
        };
        Ok(Answer { status, body: &self.body })
    }

    fn write_request(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        content_type: &str,
        body: &[u8],
    ) {
        use std::io::Write as _;
        let out = &mut self.output;
        out.clear();
        // Writing to a vector cannot fail.
        let _ = write!(out, "{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = token {
            let _ = write!(out, "Authorization: Bearer {token}\r\n");
        }
        if !body.is_empty() || method != "GET" {
            let length = body.len();
            let _ = write!(out, "Content-Type: {content_type}\r\nContent-Length: {length}\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
    }

    async fn exchange(&mut self) -> io::Result<u16> {
        let stale = self.used && self.resend;
        match self.exchange_once().await {
            Err(error) if stale && self.input.is_empty() && closed(&error) => {
                self.stream = None;
                self.exchange_once().await
            }
            other => other,
        }
    }

    async fn exchange_once(&mut self) -> io::Result<u16> {
        self.input.clear();
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.used = false;
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(&self.output).await?;
        let head = self.read_head(&mut stream).await?;
        self.input.drain(..head.bytes);
        match head.framing {
            Framing::Length(length) => self.read_length(&mut stream, length).await?,
            Framing::Chunked => self.read_chunks(&mut stream).await?,
            Framing::UntilClose => {
                stream.read_to_end(&mut self.input).await?;
                std::mem::swap(&mut self.input, &mut self.body);
            }
        }
        self.used = true;
        if !head.close {
            self.stream = Some(stream);
        }
        Ok(head.status)
    }

    async fn read_head(&mut self, stream: &mut TcpStream) -> io::Result<Head> {
        loop {
            if let Some(head) = parse_head(&self.input)? {
                return Ok(head);
            }
            read_some(stream, &mut self.input).await?;
        }
    }

    async fn read_length(&mut self, stream: &mut TcpStream, length: usize) -> io::Result<()> {
        self.input.reserve(length.saturating_sub(self.input.len()));
        while self.input.len() < length {
            read_some(stream, &mut self.input).await?;
        }
        self.input.truncate(length);
        std::mem::swap(&mut self.input, &mut self.body);
        Ok(())
    }

    async fn read_chunks(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.body.clear();
        let mut at = 0;
        loop {
            let rest = self.input.get(at..).unwrap_or_default();
            match httparse::parse_chunk_size(rest).map_err(|_| bad("chunk size"))? {
                httparse::Status::Complete((used, size)) => {
                    let size = usize::try_from(size).map_err(|_| bad("chunk size"))?;
                    at += used;
                    while self.input.len() < at + size + 2 {
                        read_some(stream, &mut self.input).await?;
                    }
                    if size == 0 {
                        return Ok(());
                    }
                    self.body.extend_from_slice(self.input.get(at..at + size).unwrap_or_default());
                    at += size + 2;
                }
                httparse::Status::Partial => read_some(stream, &mut self.input).await?,
            }
        }
    }
}

fn parse_head(input: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(bytes) =
        response.parse(input).map_err(|_| bad("head of an answer"))?
    else {
        return Ok(None);
    };
    let status = response.code.unwrap_or(0);
    let mut framing = Framing::UntilClose;
    let mut close = false;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).unwrap_or_default();
            framing = Framing::Length(text.trim().parse().map_err(|_| bad("content-length"))?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked;
        } else if header.name.eq_ignore_ascii_case("connection") {
            close = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    if matches!(status, 204 | 304) {
        framing = Framing::Length(0);
    }
    close |= matches!(framing, Framing::UntilClose);
    Ok(Some(Head { status, bytes, framing, close }))
}

async fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
    into.reserve(16 * 1024);
    match stream.read_buf(into).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Whether the other side ended the connection.
pub(crate) fn closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent a bad {what}"))
}

/// Percent-encodes one path or query component.
pub fn escape(component: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(component.len() + 16);
    for byte in component.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
