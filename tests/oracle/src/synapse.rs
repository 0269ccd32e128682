// SPDX-License-Identifier: Apache-2.0
//! The oracle Synapse, run as a Python program when it is installed.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::rooms::{Pdu, State};

/// Names the Python interpreter that has Synapse (`pip install matrix-synapse`).
pub const PYTHON: &str = "ESTAFETTE_SYNAPSE_PYTHON";

/// A running Synapse resolver.
pub struct Synapse {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    version: String,
    pending: Vec<Value>,
    reset: bool,
}

impl Synapse {
    /// Starts the resolver; `None` when no Synapse is installed.
    pub fn start() -> Option<Self> {
        let python = env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
        let installed = Command::new(&python)
            .args(["-c", "import synapse"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !installed {
            return None;
        }
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/synapse_resolve.py");
        let mut child = Command::new(&python)
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let requests = child.stdin.take()?;
        let answers = BufReader::new(child.stdout.take()?);
        let version = String::new();
        Some(Self { child, requests, answers, version, pending: Vec::new(), reset: true })
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
        writeln!(self.requests, "{request}").map_err(|error| error.to_string())?;
        self.requests.flush().map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        match answer.as_array() {
            Some(ids) => Ok(ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            None => Err(answer.to_string()),
        }
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        // Ends only the program started above.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
