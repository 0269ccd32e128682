// SPDX-License-Identifier: Apache-2.0
//! F-7: the disk is full. Writes are refused, reading goes on, nothing acknowledged is lost, and
//! the server recovers by itself when there is space again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{expect_alive, rss_mib};
use crate::{
    http::escape,
    launch::{Launch, STOP_WITHIN, Server},
    matrix::{Access, Client, Refused, send_path},
};

/// Size of the disk.
const DISK_MIB: u64 = 48;

/// Space left when the writing begins.
const LEFT_MIB: u64 = 3;

/// Messages that must fill what is left.
const MESSAGES_MAX: usize = 2_000;

/// Longest time for writes to work again once there is space.
const RECOVER_WITHIN: Duration = Duration::from_secs(60);

pub(super) async fn run(mut launch: Launch, folder: &Path) -> Result<Value> {
    let disk = SmallDisk::mount(&folder.join("small"))?;
    launch.data_dir = disk.0.join("data");
    launch.set("ESTAFETTE__DATA_DIR", &launch.data_dir.display().to_string());
    let mut server = launch.start()?;
    let mut client = Client::anonymous(launch.address);
    client.register("full", &Access::Open).await?;
    let room_id = client.create_room(&json!({})).await?;
    let ballast = disk.fill_up_to(LEFT_MIB)?;

    let mut sent = Vec::new();
    let refusal = fill(&mut client, &room_id, &mut sent).await?;
    let while_full = endure(&mut client, &room_id, &mut sent).await?;
    expect_alive(&mut server)?;
    let rss_full_mib = rss_mib(&server);

    fs::remove_file(ballast)?;
    let start = Instant::now();
    while write(&mut client, &room_id, &mut sent).await?.is_some() {
        ensure!(start.elapsed() < RECOVER_WITHIN, "no write succeeds after {RECOVER_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let recovered_ms = start.elapsed().as_millis() as u64;
    expect_all(&mut client, &room_id, &sent).await?;
    let server = restarted(server, &launch)?;
    expect_all(&mut client, &room_id, &sent).await?;
    drop(server);
    Ok(json!({
        "siege": "full_disk", "acknowledged": sent.len(), "refusal": refusal,
        "while_full": while_full, "recovered_ms": recovered_ms, "rss_full_mib": rss_full_mib,
    }))
}

fn restarted(server: Server, launch: &Launch) -> Result<Server> {
    server.stop(STOP_WITHIN)?;
    launch.start()
}

/// Writes until the server refuses; answers the refusal.
async fn fill(client: &mut Client, room_id: &str, sent: &mut Vec<String>) -> Result<String> {
    for _ in 0..MESSAGES_MAX {
        if let Some(refusal) = write(client, room_id, sent).await? {
            return Ok(refusal);
        }
    }
    bail!("{MESSAGES_MAX} messages of 30 KiB fit into {LEFT_MIB} MiB")
}

/// While the disk is full: reading and syncing work, writing and uploading are refused.
async fn endure(client: &mut Client, room_id: &str, sent: &mut Vec<String>) -> Result<Value> {
    let room = escape(room_id);
    let reads = [
        "/_matrix/client/v3/sync?timeout=0".to_owned(),
        format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=10"),
        format!("/_matrix/client/v3/rooms/{room}/joined_members"),
    ];
    let mut refused = 0;
    for _ in 0..10 {
        for path in &reads {
            client.call("GET", path, &Value::Null).await.context("reading while full")?;
        }
        refused += usize::from(write(client, room_id, sent).await?.is_some());
    }
    let upload = vec![7; 4 << 20];
    let token = client.account.as_ref().map(|account| account.token.clone());
    let path = "/_matrix/media/v3/upload";
    let kind = "application/octet-stream";
    let answer =
        client.connection.request_as("POST", path, token.as_deref(), kind, &upload).await?;
    ensure!(answer.status >= 500, "4 MiB went onto a full disk: {}", answer.status);
    Ok(json!({"writes_refused_of_10": refused, "upload_status": answer.status}))
}

/// One message of 30 KiB. Nothing when acknowledged, else the refusal, which must be a 5xx or 429
/// with an errcode.
async fn write(
    client: &mut Client,
    room_id: &str,
    sent: &mut Vec<String>,
) -> Result<Option<String>> {
    static TRIES: AtomicUsize = AtomicUsize::new(0);
    let marker = format!("full{}", TRIES.fetch_add(1, Relaxed));
    let path = send_path(room_id, "m.room.encrypted", &marker);
    let content = json!({
        "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": marker, "padding": "x".repeat(30_000),
    });
    let Err(error) = client.call("PUT", &path, &content).await else {
        sent.push(marker);
        return Ok(None);
    };
    match error.downcast_ref::<Refused>() {
        Some(refused) if refused.status >= 500 || refused.status == 429 => {
            ensure!(!refused.errcode.is_empty(), "a refusal without errcode: {refused}");
            Ok(Some(format!("{} {}", refused.status, refused.errcode)))
        }
        _ => Err(error.context("writing to a full disk")),
    }
}

/// Everything acknowledged is there. Nothing is said about what was refused.
async fn expect_all(client: &mut Client, room_id: &str, sent: &[String]) -> Result<()> {
    let mut from = String::new();
    let mut found = Vec::new();
    loop {
        let room = escape(room_id);
        let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=100{from}");
        let page = client.call("GET", &path, &Value::Null).await?;
        let chunk = page.get("chunk").and_then(Value::as_array);
        found.extend(
            chunk.into_iter().flatten().filter_map(|event| {
                event.pointer("/content/ciphertext")?.as_str().map(str::to_owned)
            }),
        );
        match page.get("end").and_then(Value::as_str).map(|end| format!("&from={}", escape(end))) {
            Some(end) if end != from => from = end,
            _ => break,
        }
    }
    let lost = sent.iter().filter(|marker| !found.contains(marker)).count();
    ensure!(lost == 0, "{lost} of {} acknowledged messages are lost", sent.len());
    Ok(())
}

/// A disk in memory with a fixed size, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Self> {
        fs::create_dir_all(at)?;
        let size = format!("size={DISK_MIB}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "estafette-small"])
            .arg(at)
            .status()
            .context("cannot run mount")?;
        ensure!(mount.success(), "cannot mount a small disk; that needs root");
        Ok(Self(at.to_owned()))
    }

    /// Leaves so many MiB free. Answers the file that takes the rest.
    fn fill_up_to(&self, left_mib: u64) -> Result<PathBuf> {
        let free = rustix::fs::statvfs(&self.0)?;
        let free_bytes = free.f_bavail * free.f_frsize;
        let ballast = self.0.join("ballast");
        let len = free_bytes.saturating_sub(left_mib << 20);
        fs::write(&ballast, vec![0; usize::try_from(len)?])?;
        Ok(ballast)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
