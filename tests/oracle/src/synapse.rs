// SPDX-License-Identifier: Apache-2.0
//! The oracle Synapse, run as Python programs when it is installed.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::rooms::{Pdu, State};

/// Names the Python interpreter that has Synapse (`pip install matrix-synapse`).
pub const PYTHON: &str = "ESTAFETTE_SYNAPSE_PYTHON";

/// A running Python program that answers each line of JSON with one.
struct Program {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    /// Starts a program of this folder; `None` when no Synapse is installed.
    fn start(name: &str) -> Option<Self> {
        let python = env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
        let installed = Command::new(&python)
            .args(["-c", "import synapse"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !installed {
            return None;
        }
        let mut child = Command::new(&python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let requests = child.stdin.take()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Self { child, requests, answers })
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.requests, "{request}").map_err(|error| error.to_string())?;
        self.requests.flush().map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        serde_json::from_str(&line).map_err(|error| error.to_string())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Ends only the program started above.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running Synapse resolver.
pub struct Synapse {
    program: Program,
    version: String,
    pending: Vec<Value>,
    reset: bool,
}

impl Synapse {
    /// Starts the resolver; `None` when no Synapse is installed.
    pub fn start() -> Option<Self> {
        let program = Program::start("synapse_resolve.py")?;
        Some(Self { program, version: String::new(), pending: Vec::new(), reset: true })
    }

    /// Begins a new room.
    pub fn begin(&mut self, version: &str) {
        self.version = version.to_owned();
        self.pending.clear();
        self.reset = true;
    }

    /// Takes in an event.
    pub fn add(&mut self, pdu: &Pdu) {
        let item = json!({ "event_id": pdu.event_id, "rejected": false, "json": pdu.to_json() });
        self.pending.push(item);
    }

    /// Resolves: the ids of the events of the resolved state.
    pub fn resolve(&mut self, states: &[State]) -> Result<BTreeSet<String>, String> {
        let sets: Vec<Vec<&String>> = states.iter().map(|state| state.values().collect()).collect();
        let request = json!({
            "version": self.version, "events": self.pending, "sets": sets, "reset": self.reset,
        });
        self.pending.clear();
        self.reset = false;
        let answer = self.program.ask(&request)?;
        match answer.as_array() {
            Some(ids) => Ok(ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            None => Err(answer.to_string()),
        }
    }
}

/// Synapse as a reader of events.
pub struct SynapseEvents(Program);

/// What Synapse makes of an event.
#[derive(Debug)]
pub struct Made {
    /// Its id.
    pub event_id: String,
    /// What redaction leaves of it.
    pub redacted: Value,
    /// Its content hash.
    pub content_hash: String,
    /// Whether that is the hash that it names.
    pub hash_is_right: bool,
}

impl SynapseEvents {
    /// Starts the reader; `None` when no Synapse is installed.
    pub fn start() -> Option<Self> {
        Program::start("synapse_events.py").map(Self)
    }

    /// Reads an event of a room version, or says why it is none.
    pub fn read(&mut self, version: &str, event: &str) -> Result<Made, String> {
        let answer = self.0.ask(&json!({ "version": version, "event": event }))?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        match (text("event_id"), text("content_hash")) {
            (Some(event_id), Some(content_hash)) => Ok(Made {
                event_id,
                redacted: answer["redacted"].clone(),
                content_hash,
                hash_is_right: answer["hash_is_right"] == true,
            }),
            _ => Err(text("error").unwrap_or_default()),
        }
    }
}
