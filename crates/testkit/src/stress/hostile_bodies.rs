// SPDX-License-Identifier: Apache-2.0
//! F-18: bodies too large, too deep, too wide or not JSON at all, and tokens that are none. Each
//! is refused with the right kind of error, cheaply, and the server stands.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::expect_alive;
use crate::{
    http::Connection,
    launch::{Launch, Server},
    matrix::{Access, Account, Client, send_path},
    process,
};

/// Most memory that all these requests together may add, in MiB. The largest is 64 MiB, so a
/// server that buffers it does not pass.
const GROWTH_MIB_MAX: f64 = 48.0;

/// Most processor time of one refused request on average, in milliseconds.
const CPU_MS_MAX: f64 = 50.0;

/// A body and the statuses with which it may be refused.
struct Case {
    name: &'static str,
    body: Vec<u8>,
    refusals: &'static [u16],
}

pub(super) async fn run(launch: Launch) -> Result<Value> {
    let mut server = launch.start()?;
    let mut client = Client::anonymous(launch.address);
    let account = client.register("target", &Access::Open).await?;
    let room_id = client.create_room(&json!({})).await?;
    let path = send_path(&room_id, "m.room.message", "hostile");
    // What the start and the password's hash took is no cost of these requests.
    process::forget_peak_rss(server.pid());
    let before = process::rss_bytes(server.pid());
    let cpu_before = process::cpu_s(server.pid());
    let mut outcomes = serde_json::Map::new();
    let cases = cases();
    for case in &cases {
        let outcome = refuse(launch.address, &path, &account, case).await?;
        expect_alive(&mut server).with_context(|| case.name)?;
        outcomes.insert(case.name.to_owned(), outcome.into());
    }
    let cpu_ms = (process::cpu_s(server.pid()) - cpu_before) * 1_000.0 / cases.len() as f64;
    outcomes.insert("chunked_64_mib".to_owned(), chunked(launch.address, &path, &account).await?);
    let tokens = bad_tokens(launch.address).await?;
    let grown_mib = grown(&server, before);
    let content = json!({"msgtype": "m.text", "body": "all is well"});
    client.call("PUT", &path, &content).await.context("a good message afterwards")?;
    let line = json!({
        "siege": "hostile_bodies", "refused": outcomes, "bad_tokens": tokens,
        "cpu_ms_each": cpu_ms, "rss_grown_mib": grown_mib,
    });
    ensure!(grown_mib <= GROWTH_MIB_MAX, "hostile bodies cost too much memory: {line}");
    ensure!(cpu_ms <= CPU_MS_MAX, "hostile bodies cost too much time: {line}");
    Ok(line)
}

fn grown(server: &Server, before: u64) -> f64 {
    let now = process::peak_rss_bytes(server.pid());
    now.saturating_sub(before) as f64 / 1_048_576.0
}

fn cases() -> Vec<Case> {
    let deep = |open: &str, close: &str, levels: usize| {
        [open.repeat(levels), close.repeat(levels)].concat().into_bytes()
    };
    let wide: String = (0..1_000_000).map(|key| format!("\"k{key}\":1,")).collect();
    let bad: &[u16] = &[400];
    let too_large: &[u16] = &[413];
    let either: &[u16] = &[400, 413];
    let case = |name, body: Vec<u8>, refusals| Case { name, body, refusals };
    vec![
        case("64_mib_of_text", json_of(64 << 20), too_large),
        case("event_of_70_kb", json_of(70_000), too_large),
        case("arrays_1000000_deep", deep("[", "]", 1_000_000), either),
        case("objects_1000000_deep", deep("{\"a\":", "}", 1_000_000), either),
        case("objects_10000_deep", deep("{\"a\":", "}", 10_000), either),
        case("arrays_30000_deep_open", deep("[", "", 30_000), either),
        case("keys_1000000", format!("{{{wide}\"z\":1}}").into_bytes(), either),
        case("empty", Vec::new(), bad),
        case("not_json", b"{\"msgtype\": ".to_vec(), bad),
        case("not_utf8", b"{\"body\": \"\xff\xfe\"}".to_vec(), bad),
        case("an_array", b"[]".to_vec(), bad),
        case("a_number", b"1e999".to_vec(), bad),
        case("nan", b"{\"body\": NaN}".to_vec(), bad),
        case("a_float", b"{\"body\": 1.5}".to_vec(), bad),
        case("an_integer_beyond_2_53", b"{\"body\": 9007199254740993}".to_vec(), bad),
        case("two_documents", b"{} {}".to_vec(), bad),
    ]
}

fn json_of(bytes: usize) -> Vec<u8> {
    format!("{{\"msgtype\":\"m.text\",\"body\":\"{}\"}}", "x".repeat(bytes)).into_bytes()
}

/// Sends the case and expects a refusal of its kind with an errcode. A server may also refuse
/// before the body is over, by closing after its answer or during the upload of a huge one.
async fn refuse(address: SocketAddr, path: &str, account: &Account, case: &Case) -> Result<String> {
    let mut connection = Connection::once(address);
    let answer = connection.request("PUT", path, Some(&account.token), &case.body).await;
    let name = case.name;
    let answer = match answer {
        Ok(answer) => answer,
        // The answer may be lost when the connection is closed under a large upload.
        Err(error) if case.body.len() > 1 << 20 => return Ok(format!("cut off: {error}")),
        Err(error) => bail!("{name}: {error}"),
    };
    let json: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let errcode = json.get("errcode").and_then(Value::as_str).unwrap_or_default();
    let text = String::from_utf8_lossy(answer.body);
    ensure!(case.refusals.contains(&answer.status), "{name}: {} {text}", answer.status);
    ensure!(errcode.starts_with("M_"), "{name}: no errcode in {text}");
    Ok(format!("{} {errcode}", answer.status))
}

/// 64 MiB without a declared length: refused once the limit is passed, not at the end.
async fn chunked(address: SocketAddr, path: &str, account: &Account) -> Result<Value> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\nContent-Type: \
         application/json\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{{\"body\": \"aaa\r\n",
        account.token
    );
    stream.write_all(head.as_bytes()).await?;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    let mut written = 0_usize;
    while written < 64 << 20 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
        written += 0x1_0000;
    }
    let mut answer = vec![0; 64];
    let read = stream.read(&mut answer).await.unwrap_or(0);
    let answer = String::from_utf8_lossy(answer.get(..read).unwrap_or_default()).into_owned();
    let status = answer.split_whitespace().nth(1).unwrap_or("cut off").to_owned();
    ensure!(status == "413" || status == "cut off", "64 MiB in chunks: {answer}");
    Ok(json!({"status": status, "mib_written": written >> 20}))
}

/// Tokens that open nothing: 401 with the errcode of the specification, or 4xx for what is no
/// HTTP header at all.
async fn bad_tokens(address: SocketAddr) -> Result<usize> {
    let long = "x".repeat(20_000);
    let tokens: &[(Option<&str>, &[u16], &str)] = &[
        (None, &[401], "M_MISSING_TOKEN"),
        (Some("x"), &[401], "M_UNKNOWN_TOKEN"),
        (Some("syt_0123456789_abcdef"), &[401], "M_UNKNOWN_TOKEN"),
        (Some("' OR 1=1 --"), &[401], "M_UNKNOWN_TOKEN"),
        (Some("%00%ff"), &[401], "M_UNKNOWN_TOKEN"),
        (Some("\u{e9}\u{1f511}"), &[400, 401], ""),
        (Some(&long), &[400, 401, 413, 431], ""),
    ];
    let path = "/_matrix/client/v3/account/whoami";
    for (token, statuses, errcode) in tokens {
        let mut connection = Connection::once(address);
        let answer = connection.request("GET", path, *token, b"").await;
        let answer = answer.with_context(|| format!("the token {token:?}"))?;
        let text = String::from_utf8_lossy(answer.body);
        let short = token.map(|token| token.chars().take(30).collect::<String>());
        ensure!(statuses.contains(&answer.status), "{short:?}: {} {text}", answer.status);
        ensure!(text.contains(errcode), "{short:?}: {text}");
    }
    Ok(tokens.len())
}
