// SPDX-License-Identifier: Apache-2.0
//! The peer: Synapse from PyPI, one process on SQLite, at its defaults with rate limits lifted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::launch::{Launch, SHARED_SECRET, free_address};

/// The release that published figures compare with.
pub const VERSION: &str = "1.163.2";

/// Installs Synapse into a virtual environment below `cache`, once, and answers its Python.
///
/// # Errors
/// When Python or the package index is not there.
pub fn install(cache: &Path) -> Result<PathBuf> {
    let venv = cache.join(format!("synapse-{VERSION}"));
    let python = venv.join("bin/python");
    let done = venv.join("installed");
    if done.exists() {
        return Ok(python);
    }
    fs::create_dir_all(cache)?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let package = format!("matrix-synapse=={VERSION}");
    run(Command::new(&python).args(["-m", "pip", "install", "-q", &package]))?;
    fs::write(done, VERSION)?;
    Ok(python)
}

/// A Synapse with a fresh data folder below `folder`.
///
/// # Errors
/// When its configuration cannot be written or its key not made.
pub fn launch(python: &Path, folder: &Path) -> Result<Launch> {
    let address = free_address()?;
    let data_dir = folder.join("data");
    fs::create_dir_all(&data_dir)?;
    let config = folder.join("homeserver.yaml");
    fs::write(&config, configuration(&data_dir, address.port()))?;
    fs::write(data_dir.join("log.yaml"), LOG_CONFIG)?;
    let base = ["-m", "synapse.app.homeserver", "-c"];
    run(Command::new(python).args(base).arg(&config).arg("--generate-keys"))?;
    let mut arguments: Vec<_> = base.iter().map(Into::into).collect();
    arguments.push(config.into());
    Ok(Launch {
        name: "synapse".to_owned(),
        program: python.to_owned(),
        arguments,
        environment: Vec::new(),
        address,
        data_dir,
        log: folder.join("server.log"),
        ready_within: Duration::from_secs(120),
    })
}

const LOG_CONFIG: &str = "version: 1\nroot: {level: ERROR}\ndisable_existing_loggers: false\n";

fn configuration(data_dir: &Path, port: u16) -> String {
    let data = data_dir.display();
    let mut text = format!(
        r#"server_name: bench.test
pid_file: {data}/pid
listeners:
  - port: {port}
    bind_addresses: ["127.0.0.1"]
    type: http
    resources: [{{names: [client]}}]
database: {{name: sqlite3, args: {{database: {data}/homeserver.db}}}}
log_config: {data}/log.yaml
media_store_path: {data}/media
signing_key_path: {data}/signing.key
registration_shared_secret: {SHARED_SECRET}
enable_registration: true
enable_registration_without_verification: true
macaroon_secret_key: macaroon
form_secret: form
report_stats: false
trusted_key_servers: []
presence: {{enabled: false}}
max_upload_size: 100M
# Weakened so that a thousand accounts are made in seconds; the register figure says so.
bcrypt_rounds: 4
"#
    );
    text.push_str(&format!("rc_joins:\n  local: {LIFTED}\n  remote: {LIFTED}\nrc_login:\n"));
    for kind in ["address", "account", "failed_attempts"] {
        text.push_str(&format!("  {kind}: {LIFTED}\n"));
    }
    text.push_str("rc_invites:\n");
    for kind in ["per_room", "per_user", "per_issuer"] {
        text.push_str(&format!("  {kind}: {LIFTED}\n"));
    }
    for limit in ["message", "registration", "admin_redaction", "joins_per_room", "media_create"] {
        text.push_str(&format!("rc_{limit}: {LIFTED}\n"));
    }
    for limit in ["presence", "room_creation", "delayed_event_mgmt", "reports"] {
        text.push_str(&format!("rc_{limit}: {LIFTED}\n"));
    }
    text
}

const LIFTED: &str = "{per_second: 1000000, burst_count: 1000000}";

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
