// SPDX-License-Identifier: Apache-2.0
//! Starts a server as a process of its own, waits until it is ready, kills it by its id.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How a server is started; the same value restarts it on the same data.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What it is called in reports.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Environment added to ours.
    pub environment: Vec<(String, String)>,
    /// Where it listens once started.
    pub address: SocketAddr,
    /// Where its data are.
    pub data_dir: PathBuf,
    /// Standard output and error are appended here.
    pub log: PathBuf,
    /// Longest wait for `GET /_matrix/client/versions` to answer 200.
    pub ready_within: Duration,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// From the start of the process to its first good answer.
    pub ready_after: Duration,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The shared secret that servers started here accept for registration.
pub const SHARED_SECRET: &str = "registration-secret-of-the-test-tools";

/// The lowest port that a server is given.
const PORT_MIN: u32 = 10_000;
/// So many ports are enough to choose from.
const PORTS_LEAST: u32 = 1_000;

/// Longest wait for a server that was asked to stop, also on a busy machine.
pub const STOP_WITHIN: Duration = Duration::from_secs(120);

impl Launch {
    /// The `estafette` binary on a folder and a free port: limits lifted, registration open.
    ///
    /// # Errors
    /// When no port or folder can be had.
    pub fn estafette(binary: &Path, folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let data_dir = folder.join("data");
        fs::create_dir_all(&data_dir)?;
        let environment = [
            ("ESTAFETTE__SERVER_NAME", "bench.test".to_owned()),
            ("ESTAFETTE__DATA_DIR", data_dir.display().to_string()),
            ("ESTAFETTE__LISTENER__ADDRESS", address.to_string()),
            ("ESTAFETTE__REGISTRATION__OPEN", "true".to_owned()),
            ("ESTAFETTE__REGISTRATION__SHARED_SECRET", SHARED_SECRET.to_owned()),
            ("ESTAFETTE__RATE_LIMITS__ENABLED", "false".to_owned()),
            ("ESTAFETTE__LOG", "warn".to_owned()),
            // Its memory is measured, by whoever runs this.
            ("ESTAFETTE__CORE_DUMPS", "true".to_owned()),
        ];
        Ok(Self {
            name: "estafette".to_owned(),
            program: binary.to_owned(),
            arguments: vec!["serve".into()],
            environment: environment.map(|(key, value)| (key.to_owned(), value)).to_vec(),
            address,
            data_dir,
            log: folder.join("server.log"),
            ready_within: Duration::from_secs(120),
        })
    }

    /// Sets one variable of the environment, replacing an earlier value.
    pub fn set(&mut self, key: &str, value: &str) {
        self.environment.retain(|(name, _)| name != key);
        self.environment.push((key.to_owned(), value.to_owned()));
    }

    /// Starts the process without waiting for readiness.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn spawn(&self) -> Result<Server> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        Ok(Server { child, ready_after: Duration::ZERO, address: self.address })
    }

    /// Starts the process and waits until it answers.
    ///
    /// # Errors
    /// When it ends early or is not ready in time; the end of its log is part of the error.
    pub fn start(&self) -> Result<Server> {
        let start = Instant::now();
        let mut server = self.spawn()?;
        while !answers(self.address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{} ended with {status} while starting:\n{}", self.name, self.log_tail());
            }
            if start.elapsed() > self.ready_within {
                let waited = self.ready_within;
                bail!("{} was not ready in {waited:?}:\n{}", self.name, self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.ready_after = start.elapsed();
        Ok(server)
    }

    /// The last lines of the server's log.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }
}

impl Server {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop with SIGTERM and waits at most `within`.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(mut self, within: Duration) -> Result<ExitStatus> {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            kill_process(pid, Signal::TERM).context("cannot signal the server")?;
        }
        let start = Instant::now();
        while start.elapsed() < within {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.end();
        bail!("the server did not stop within {within:?} of SIGTERM");
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A loopback address whose port was free a moment ago. Nobody is given it by accident before the
/// server binds it, or while a killed server is away: it lies below the ports that the system hands
/// to whoever connects or names none, and this process hands it out once.
///
/// # Errors
/// When the system has no port.
pub fn free_address() -> Result<SocketAddr> {
    static HANDED_OUT: AtomicU32 = AtomicU32::new(0);
    let span = first_handed_by_the_system().saturating_sub(PORT_MIN);
    if span >= PORTS_LEAST {
        // Processes that run at the same time begin far from each other.
        let begin = std::process::id().wrapping_mul(7_919);
        for _ in 0..span {
            let next = begin.wrapping_add(HANDED_OUT.fetch_add(1, Relaxed)) % span;
            let port = u16::try_from(PORT_MIN + next)?;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                return Ok(listener.local_addr()?);
            }
        }
    }
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The first port that the system hands out by itself.
fn first_handed_by_the_system() -> u32 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// Whether the server answers `GET /_matrix/client/versions` with 200 now.
pub fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let request = format!(
            "GET /_matrix/client/versions HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise two servers of one run get the same port, or one whose port a client's connection
    /// took while it was away cannot come back.
    #[test]
    fn no_port_is_handed_out_twice_or_can_be_taken_by_accident() {
        let addresses: Vec<_> = (0..50).map(|_| free_address().unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = addresses.iter().collect();
        assert_eq!(distinct.len(), addresses.len());
        let by_system = first_handed_by_the_system();
        if by_system >= PORT_MIN + PORTS_LEAST {
            assert!(addresses.iter().all(|address| u32::from(address.port()) < by_system));
        }
    }

    /// Without it a server that dies at once would be waited for until the bound.
    #[test]
    fn an_early_end_is_reported_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch {
            name: "broken".into(),
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "echo no disk >&2; exit 3".into()],
            environment: Vec::new(),
            address: free_address().unwrap(),
            data_dir: folder.path().into(),
            log: folder.path().join("log"),
            ready_within: Duration::from_secs(20),
        };
        let error = launch.start().unwrap_err().to_string();
        assert!(error.contains("no disk"), "{error}");
    }
}
