// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench`: figures of our server, of a peer, or of any server by its URL.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result, bail};
use clap::Args;
use estafette_testkit::{
    launch::Launch,
    load::{Bench, SCENARIOS, Sizes, Target},
    matrix::Access,
    process, synapse,
};

use crate::shell;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// `estafette` (built and started), `synapse` (installed and started), or an `http://` URL.
    #[arg(long, default_value = "estafette")]
    pub(crate) server: String,
    /// A further server, measured in the same run after the first.
    #[arg(long)]
    pub(crate) peer: Option<String>,
    /// Scenarios to run; all by default.
    #[arg(long, num_args = 1..)]
    pub(crate) scenario: Vec<String>,
    /// Small sizes: proves that everything answers, gives no figures worth quoting.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Length of a measured stretch, in seconds.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Registers with this shared secret instead of `m.login.dummy`.
    #[arg(long)]
    pub(crate) registration_shared_secret: Option<String>,
    /// Process of a server given by URL, so that its cost and memory can be read.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
}

impl Options {
    /// The small form of all scenarios on our server.
    pub(crate) fn small() -> Self {
        Self {
            server: "estafette".to_owned(),
            peer: None,
            scenario: Vec::new(),
            quick: true,
            seconds: None,
            registration_shared_secret: None,
            pid: None,
        }
    }
}

/// Measures, and fails when a scenario failed or a delivery went missing.
pub(crate) fn run(options: &Options) -> Result<()> {
    // The load generator must be optimised, or it would measure itself.
    if cfg!(debug_assertions) && !options.quick {
        let mut again = shell::cargo(&["run", "--quiet", "--release", "--package", "xtask", "--"]);
        return shell::run(again.args(std::env::args().skip(1)));
    }
    for scenario in &options.scenario {
        if !SCENARIOS.contains(&scenario.as_str()) {
            bail!("no scenario {scenario}; there are {}", SCENARIOS.join(", "));
        }
    }
    process::raise_open_files();
    let mut complaints = measure(&options.server, options)?;
    if let Some(peer) = &options.peer {
        // The peer's figures are only compared with; its failures are not ours.
        let _ = measure(peer, options)?;
    }
    complaints.dedup();
    if !complaints.is_empty() {
        bail!("{}", complaints.join("; "));
    }
    Ok(())
}

fn measure(server: &str, options: &Options) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let mut target = match server {
        "estafette" => Target::start(Launch::estafette(&shell::server_binary()?, folder.path())?)?,
        "synapse" => {
            let python = synapse::install(&shell::cache())?;
            Target::start(synapse::launch(&python, folder.path())?)?
        }
        url => Target {
            name: url.to_owned(),
            address: address_of(url)?,
            access: Access::Open,
            pid: options.pid,
            owned: None,
        },
    };
    if let Some(secret) = &options.registration_shared_secret {
        target.access = Access::SharedSecret(secret.clone());
    }
    let mut sizes = if options.quick { Sizes::quick() } else { Sizes::full() };
    if let Some(seconds) = options.seconds {
        sizes.stretch = std::time::Duration::from_secs(seconds);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut bench = Bench::new(target, sizes);
        let mut complaints = Vec::new();
        for scenario in SCENARIOS {
            if !options.scenario.is_empty() && !options.scenario.iter().any(|s| s == scenario) {
                continue;
            }
            let line = bench.run(scenario).await;
            println!("{line}");
            if let Some(error) = line.get("error") {
                eprintln!("{}", bench.log_tail());
                complaints.push(format!("{scenario}: {error}"));
            }
            if line.get("missing").is_some_and(|missing| missing != 0) {
                complaints.push(format!("{scenario}: deliveries missing"));
            }
        }
        Ok(complaints)
    })
}

/// The address behind `http://host:port`.
pub(crate) fn address_of(url: &str) -> Result<SocketAddr> {
    let rest = url.strip_prefix("http://").context("a server is given as http://host:port")?;
    let host = rest.trim_end_matches('/');
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    host.to_socket_addrs()?.next().with_context(|| format!("no address for {host}"))
}
