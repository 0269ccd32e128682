// SPDX-License-Identifier: Apache-2.0
//! Files up and down.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Bench, Meter};
use crate::{matrix::Client, random::Random};

impl Bench {
    /// MiB per second each way, one connection, content that neither compresses nor repeats.
    pub(super) async fn media(&mut self) -> Result<Value> {
        let accounts = self.world.accounts(1).await?;
        let account = accounts.first().context("no account")?;
        let mut client = Client::new(self.world.address, account);
        let mut figures = Vec::new();
        let mut random = Random::new(7);
        for (mib, times) in self.sizes.media.clone() {
            let files: Vec<Vec<u8>> = (0..times).map(|_| random.bytes(mib << 20)).collect();
            let meter = Meter::start(&self.target);
            let mut uris = Vec::new();
            for file in &files {
                uris.push(upload(&mut client, file).await?);
            }
            let up = meter.stop(&self.target, "mib", mib * times);
            let meter = Meter::start(&self.target);
            for (uri, file) in uris.iter().zip(&files) {
                download(&mut client, uri, file).await?;
            }
            let down = meter.stop(&self.target, "mib", mib * times);
            figures.push(json!({"file_mib": mib, "upload": up, "download": down}));
        }
        Ok(json!({"files": figures}))
    }
}

async fn upload(client: &mut Client, file: &[u8]) -> Result<String> {
    let token = client.account.as_ref().map(|account| account.token.clone());
    let path = "/_matrix/media/v3/upload?filename=bench.bin";
    let kind = "application/octet-stream";
    let answer = client.connection.request_as("POST", path, token.as_deref(), kind, file).await?;
    if answer.status != 200 {
        bail!("upload answered {}: {}", answer.status, String::from_utf8_lossy(answer.body));
    }
    crate::matrix::text(&serde_json::from_slice(answer.body)?, "content_uri")
}

async fn download(client: &mut Client, uri: &str, file: &[u8]) -> Result<()> {
    let token = client.account.as_ref().map(|account| account.token.clone());
    let id = uri.strip_prefix("mxc://").context("not an mxc URI")?;
    let path = format!("/_matrix/client/v1/media/download/{id}");
    let answer = client.connection.request("GET", &path, token.as_deref(), b"").await?;
    if answer.status != 200 || answer.body != file {
        bail!("download answered {} and {} bytes", answer.status, answer.body.len());
    }
    Ok(())
}
