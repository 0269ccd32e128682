// SPDX-License-Identifier: Apache-2.0
//! F-17: clients that send a byte now and then, and clients that ask for much and read nothing.
//! They are cut off, cost little, and the others hardly notice.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use super::{Sizes, expect_alive, rss_mib};
use crate::{
    latency::Latencies,
    launch::{Launch, Server},
    matrix::{Access, Client, send_path},
    random::Random,
};

/// Pause of a slow sender between two bytes.
const BYTE_EVERY: Duration = Duration::from_secs(2);

/// All slow senders are cut off long before: the bound for a head is 10 s, for a body 30 s.
const CUT_WITHIN: Duration = Duration::from_secs(120);

/// Bytes that a slow reader asks for.
const FILE_BYTES: usize = 20 << 20;

/// Most memory that one slow connection may cost, in KiB.
const SENDER_KIB_MAX: f64 = 128.0;

/// Most memory that one slow reader may cost, in KiB: buffers, not the file.
const READER_KIB_MAX: f64 = 4_096.0;

/// Requests of a well-behaved client per measurement.
const PROBES: usize = 300;

pub(super) async fn run(launch: Launch, sizes: &Sizes) -> Result<Value> {
    let mut server = launch.start()?;
    let address = launch.address;
    let mut client = Client::anonymous(address);
    let account = client.register("steady", &Access::Open).await?;
    let room_id = client.create_room(&json!({})).await?;
    let calm = probe(&mut client, &room_id, "calm").await?;
    let senders = slow_senders(&server, address, sizes.slow_senders, &account.token).await?;
    let besieged = probe(&mut client, &room_id, "besieged").await?;
    let cut = senders.cut_off().await?;
    let readers = slow_readers(&server, &mut client, sizes.slow_readers).await?;
    let read_beside = probe(&mut client, &room_id, "readers").await?;
    let readers_kib = readers.kib_each(&server);
    drop(readers);
    expect_alive(&mut server)?;
    let line = json!({
        "siege": "slow_clients",
        "slow_senders": sizes.slow_senders, "sender_kib_each": cut.kib_each,
        "cut_off": cut.closed, "cut_after_ms": cut.after.to_json(),
        "slow_readers": sizes.slow_readers, "reader_kib_each": readers_kib,
        "send_calm": calm.to_json(), "send_besieged": besieged.to_json(),
        "send_beside_readers": read_beside.to_json(), "rss_mib": rss_mib(&server),
    });
    ensure!(cut.closed == sizes.slow_senders, "not all slow senders were cut off: {line}");
    ensure!(cut.kib_each <= SENDER_KIB_MAX, "a slow sender costs too much: {line}");
    ensure!(readers_kib <= READER_KIB_MAX, "a slow reader costs too much: {line}");
    let calm_ms = calm.percentile_ms(99.0);
    let bound = (calm_ms * 1.2).max(calm_ms + sizes.delay_max.as_secs_f64() * 1_000.0);
    for other in [&besieged, &read_beside] {
        ensure!(other.percentile_ms(99.0) <= bound, "others suffer from slow clients: {line}");
    }
    Ok(line)
}

/// Latency of a well-behaved client that sends messages.
async fn probe(client: &mut Client, room_id: &str, label: &str) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for index in 0..PROBES {
        let path = send_path(room_id, "m.room.message", &format!("{label}{index}"));
        let start = Instant::now();
        client
            .call("PUT", &path, &json!({"msgtype": "m.text", "body": label}))
            .await
            .with_context(|| format!("a message beside slow clients ({label})"))?;
        latencies.record(start.elapsed());
    }
    Ok(latencies)
}

/// Slow senders at work, and what they cost.
struct SlowSenders {
    tasks: JoinSet<Option<Duration>>,
    kib_each: f64,
}

/// How slow senders ended.
struct CutOff {
    closed: usize,
    after: Latencies,
    kib_each: f64,
}

/// Opens the connections: half never end their head, half never end their body.
async fn slow_senders(
    server: &Server,
    address: SocketAddr,
    count: usize,
    token: &str,
) -> Result<SlowSenders> {
    let before = rss_mib(server);
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let mut stream = TcpStream::connect(address).await?;
        let head = if index % 2 == 0 {
            "GET /_matrix/client/versions HTTP/1.1\r\nHost: test\r\nX-Slow: ".to_owned()
        } else {
            format!(
                "POST /_matrix/client/v3/createRoom HTTP/1.1\r\nHost: test\r\nAuthorization: \
                 Bearer {token}\r\nContent-Length: 60000\r\n\r\n{{\"name\": \""
            )
        };
        stream.write_all(head.as_bytes()).await?;
        tasks.spawn(trickle(stream));
    }
    // One answered request after them: the server has seen every connection by now.
    Client::anonymous(address).call("GET", "/_matrix/client/versions", &Value::Null).await?;
    let kib_each = (rss_mib(server) - before).max(0.0) * 1_024.0 / count.max(1) as f64;
    Ok(SlowSenders { tasks, kib_each })
}

/// Sends a byte now and then until the server closes. Answers how long that took.
async fn trickle(mut stream: TcpStream) -> Option<Duration> {
    let start = Instant::now();
    let mut buffer = [0; 1_024];
    while start.elapsed() < CUT_WITHIN {
        match tokio::time::timeout(BYTE_EVERY, stream.read(&mut buffer)).await {
            // An answer (408, say) is fine; the end must follow.
            Ok(Ok(read)) if read > 0 => {}
            Ok(_) => return Some(start.elapsed()),
            Err(_) => {
                if stream.write_all(b"a").await.is_err() {
                    return Some(start.elapsed());
                }
            }
        }
    }
    None
}

impl SlowSenders {
    async fn cut_off(mut self) -> Result<CutOff> {
        let mut after = Latencies::default();
        let mut closed = 0;
        while let Some(ended) = self.tasks.join_next().await {
            if let Some(elapsed) = ended? {
                closed += 1;
                after.record(elapsed);
            }
        }
        Ok(CutOff { closed, after, kib_each: self.kib_each })
    }
}

/// Connections that have asked for a large file and do not read it.
struct SlowReaders {
    streams: Vec<TcpStream>,
    before_mib: f64,
}

async fn slow_readers(server: &Server, client: &mut Client, count: usize) -> Result<SlowReaders> {
    let file = Random::new(3).bytes(FILE_BYTES);
    let token = client.account.as_ref().map(|account| account.token.clone()).unwrap_or_default();
    let path = "/_matrix/media/v3/upload";
    let kind = "application/octet-stream";
    let answer = client.connection.request_as("POST", path, Some(&token), kind, &file).await?;
    let answer: Value = serde_json::from_slice(answer.body)?;
    let uri = crate::matrix::text(&answer, "content_uri")?;
    let id = uri.strip_prefix("mxc://").context("not an mxc URI")?;
    let before_mib = rss_mib(server);
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(server.address).await?;
        let request = format!(
            "GET /_matrix/client/v1/media/download/{id} HTTP/1.1\r\nHost: test\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        // The answer has begun: from here on nobody reads.
        let mut first = [0; 12];
        stream.read_exact(&mut first).await?;
        ensure!(first.ends_with(b"200"), "download: {}", String::from_utf8_lossy(&first));
        streams.push(stream);
    }
    Ok(SlowReaders { streams, before_mib })
}

impl SlowReaders {
    fn kib_each(&self, server: &Server) -> f64 {
        let grown = (rss_mib(server) - self.before_mib).max(0.0);
        grown * 1_024.0 / self.streams.len().max(1) as f64
    }
}
