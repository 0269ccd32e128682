// SPDX-License-Identifier: Apache-2.0
//! The built binary as a server, and `estafette admin` beside it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

use crate::http;

const BINARY: &str = env!("CARGO_BIN_EXE_estafette");

pub(crate) fn estafette(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .env("ESTAFETTE__DATA_DIR", folder)
        .env("ESTAFETTE__SERVER_NAME", "x.fr")
        .env("ESTAFETTE__LISTENER__ADDRESS", "127.0.0.1:0");
    command
}

/// A server that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) errors: tempfile::NamedTempFile,
    log: BufReader<ChildStdout>,
    read: String,
    pub(crate) address: String,
    folder: PathBuf,
}

impl Running {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with further options.
    pub(crate) fn start_with(folder: &Path, options: &[(&str, &Path)]) -> Self {
        let mut command = estafette(folder, &["serve"]);
        command.envs(options.iter().copied());
        Self::start_as(folder, command)
    }

    /// The same by a command of one's own.
    pub(crate) fn start_as(folder: &Path, mut command: Command) -> Self {
        let errors = tempfile::NamedTempFile::new().unwrap();
        let (log, child) = {
            command.stdout(Stdio::piped()).stderr(errors.reopen().unwrap());
            let mut child = command.spawn().unwrap();
            (child.stdout.take().unwrap(), child)
        };
        let mut log = BufReader::new(log);
        let mut read = String::new();
        while !read.contains("estafette is ready") {
            assert!(log.read_line(&mut read).unwrap() > 0, "it ended: {read}");
        }
        let ready = read.lines().find(|line| line.contains("estafette is ready")).unwrap();
        let address = ready.split("127.0.0.1:").nth(1).unwrap();
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        let address = format!("127.0.0.1:{port}");
        Self { child, errors, log, read, address, folder: folder.to_owned() }
    }

    pub(crate) fn admin(&self, arguments: &[&str]) -> Output {
        admin(&self.folder, arguments)
    }

    /// The JSON of an act that must succeed.
    pub(crate) fn done(&self, arguments: &[&str]) -> Value {
        let output = self.admin(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["done"].clone()
    }

    pub(crate) fn http(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let authorization = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let (status, _, body) = self.raw((method, path), &authorization, &body.to_string());
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// Status, head and body.
    pub(crate) fn raw(
        &self,
        request: (&str, &str),
        headers: &str,
        body: &str,
    ) -> (u16, String, String) {
        http::ask(&self.address, request, headers, body)
    }

    /// Opens a link for a password as a browser does, and chooses one. The status of the answer.
    pub(crate) fn choose(&self, link: &str, password: &str) -> u16 {
        let path = &link[link.find("/_estafette").unwrap()..];
        let ask = |request: String| {
            let mut stream = TcpStream::connect(&self.address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            (answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap(), answer)
        };
        let head = "Host: x.fr\r\nConnection: close\r\n";
        let (status, page) = ask(format!("GET {path} HTTP/1.1\r\n{head}\r\n"));
        if status != 200 {
            return status;
        }
        let after = |mark: &str| page.split(mark).nth(1).unwrap().to_owned();
        let value = |name: &str| {
            let rest = after(&format!("name=\"{name}\" value=\""));
            rest.split('"').next().unwrap().to_owned()
        };
        let cookie = after("set-cookie: ").split(';').next().unwrap().to_owned();
        let typed = password.replace(' ', "+").replace(',', "%2C");
        let (form, token) = (value("form_token"), value("token"));
        let body = format!("form_token={form}&token={token}&password={typed}&again={typed}");
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let length = body.len();
        ask(format!(
            "POST /_estafette/password/link HTTP/1.1\r\n{head}Cookie: {cookie}\r\n{kind}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .0
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as an operator does, and returns all that it logged.
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        self.log.read_to_string(&mut self.read).unwrap();
        assert!(self.child.wait().unwrap().success());
        std::mem::take(&mut self.read)
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

pub(crate) fn admin(folder: &Path, arguments: &[&str]) -> Output {
    estafette(folder, &[&["admin"], arguments].concat()).output().unwrap()
}

pub(crate) fn sentence(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}
