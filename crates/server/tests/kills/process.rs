//! The server as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use model::Id;
use serde_json::{Value, json};

/// Who is logged in: a cookie and a user.
type Session = (String, String);

pub(crate) struct Process {
    child: Child,
    address: String,
    session: Session,
}

impl Process {
    pub(crate) fn start(data: &Path, session: Option<Session>) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unisono"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("UNISONO_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("//").nth(1).unwrap_or_else(|| panic!("it did not start: {line}"));
        let address = address.trim().trim_end_matches('/').to_owned();
        Process { child, address, session: session.unwrap_or_default() }
    }

    /// Its address, and whose cookie is good there.
    pub(crate) fn seen(&self) -> (String, String, Id) {
        (self.address.clone(), self.session.0.clone(), Id::new(&self.session.1).unwrap())
    }

    /// Ann, and her project `p` with the tracks `a` and `b`.
    pub(crate) fn sign_up_and_make_a_project(&mut self) {
        let account = json!({"email": "ann@example.com", "password": "a long password", "name": "Ann"});
        let answer = self.post("/api/auth/signup", &account);
        self.session.1 = answer["user"]["id"].as_str().unwrap().to_owned();
        let create = |table: &str, id: &str, value: Value| json!({"type": "set", "table": table, "id": id, "key": "", "value": value});
        let track = |id: &str| create("tracks", id, json!({"id": id, "projectId": "p", "name": id, "type": "audio"}));
        let operations = json!([create("projects", "p", json!({"id": "p", "name": "P"})), track("a"), track("b")]);
        let body = json!({"txId": "make", "authorId": self.session.1, "operations": operations, "clientTimestamp": 0});
        assert!(self.post("/api/realtime/write", &body)["recordMap"].is_object());
    }

    fn post(&mut self, path: &str, body: &Value) -> Value {
        let (body, cookie) = (body.to_string(), &self.session.0);
        let head =
            format!("connection: close\r\nhost: localhost\r\ncontent-type: application/json\r\ncookie: {cookie}");
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let set = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        if let Some(cookie) = set.and_then(|value| value.split(';').next()) {
            self.session.0 = cookie.to_owned();
        }
        serde_json::from_str(body).unwrap_or_default()
    }

    /// SIGKILL: it hears nothing of it. Who was logged in still is.
    pub(crate) fn kill(mut self) -> Session {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::take(&mut self.session)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
