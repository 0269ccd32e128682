// SPDX-License-Identifier: Apache-2.0
//! How fast files come and go over a loopback connection. Run by hand, optimised:
//! `cargo test --release -p estafette-homeserver --lib throughput -- --ignored --nocapture`.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use crate::testing::TestServer;

const MIB: usize = 1 << 20;

/// Sends one request on a kept connection and reads the answer; gives its body.
fn ask(stream: &mut TcpStream, head: &str, body: &[u8], answer: &mut [u8]) -> usize {
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut filled = 0;
    loop {
        let read = stream.read(&mut answer[filled..]).unwrap();
        assert!(read > 0, "the connection ended");
        filled += read;
        let end = answer[..filled.min(8192)].windows(4).position(|w| w == b"\r\n\r\n");
        if let Some(end) = end {
            let head = std::str::from_utf8(&answer[..end]).unwrap().to_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().trim().parse().unwrap();
            while filled < end + 4 + length {
                let read = stream.read(&mut answer[filled..]).unwrap();
                assert!(read > 0, "the connection ended");
                filled += read;
            }
            return end + 4;
        }
    }
}

fn measure(address: SocketAddr, size: usize, rounds: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![0; size + MIB];
    let mut body: Vec<u8> = (0..size).map(|n| (n * 31 + n / 256) as u8).collect();
    let mut ids = Vec::new();
    let started = Instant::now();
    for round in 0..rounds {
        // Another content each time: equal ones would not be written twice.
        body[..8].copy_from_slice(&(round as u64).to_le_bytes());
        let head = format!(
            "POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @a:x.fr\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n"
        );
        let start = ask(&mut stream, &head, &body, &mut answer);
        let json = String::from_utf8_lossy(&answer[start..start + 100]).into_owned();
        let id = json.split("mxc://x.fr/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        ids.push(id);
    }
    let up = (rounds * size) as f64 / MIB as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    for id in &ids {
        let head = format!(
            "GET /_matrix/client/v1/media/download/x.fr/{id} HTTP/1.1\r\nHost: x\r\n\
             Authorization: Bearer @a:x.fr\r\n\r\n"
        );
        ask(&mut stream, &head, b"", &mut answer);
    }
    let down = (rounds * size) as f64 / MIB as f64 / started.elapsed().as_secs_f64();
    println!("{} KiB: up {up:.0} MiB/s, down {down:.0} MiB/s", size / 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn throughput_over_loopback() {
    let server = TestServer::start().await;
    let mut config = server.server.config.listener.clone();
    config.address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listening = crate::http::listen(&config).await.unwrap();
    let address = listening.address().unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let router = crate::http::router(std::sync::Arc::clone(&server.server));
    let serving = tokio::spawn(listening.serve(router, stopped));
    tokio::task::spawn_blocking(move || {
        for _ in 0..2 {
            measure(address, 64 * 1024, 400);
            measure(address, MIB, 200);
            measure(address, 50 * MIB, 6);
        }
    })
    .await
    .unwrap();
    stop.send_replace(true);
    serving.await.unwrap();
}
