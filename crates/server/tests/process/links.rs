//! Links that the host makes beside a running server.

use std::net::TcpStream;

use crate::{Running, errors, output, serve, unisono};

/// What a command has printed.
fn said(args: &[&str]) -> String {
    let output = output(args);
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn post(server: &Running, path: &str, form: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_host_invites_and_resets_passwords_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut command = serve(folder.path());
    command.args(["--signup", "invitation"]);
    let server = Running::start(command);

    let invited = said(&["invite", "--data", data, "--public-origin", "https://band.example/"]);
    let link = invited.lines().find(|line| line.starts_with("https://band.example/signup?code=")).unwrap();
    let path = link.strip_prefix("https://band.example").unwrap();
    assert!(server.get(path).contains("name=\"code\""));
    let code = path.split_once("code=").unwrap().1;
    let form = format!("name=Ada&email=ada%40example.com&password=password&code={code}");
    assert!(post(&server, path, &form).starts_with("HTTP/1.1 303"));
    assert!(post(&server, path, &form.replace("ada", "eve")).starts_with("HTTP/1.1 403"), "it was good once");

    let made: serde_json::Value =
        serde_json::from_str(&said(&["reset-password", "Ada@example.com", "--data", data, "--json"])).unwrap();
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with("/reset-password?token=") && made["expiresAt"].as_str().unwrap().ends_with('Z'), "{made}");
    assert!(post(&server, link, "password=new+password").starts_with("HTTP/1.1 303"));
    assert!(post(&server, link, "password=new+password").starts_with("HTTP/1.1 403"), "it was good once");
    let logged_in = post(&server, "/login", "email=ada%40example.com&password=new+password");
    assert!(logged_in.starts_with("HTTP/1.1 303"), "{logged_in}");
}

#[test]
fn it_says_why_no_link_can_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let refused = |args: &[&str]| {
        let output = unisono(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        errors(&output)
    };
    assert!(refused(&["invite", "--data", data]).contains("no database"));
    said(&["migrate", "--data", data]);
    let unknown = refused(&["reset-password", "nobody@example.com", "--data", data]);
    assert!(unknown.contains("no account with the address nobody@example.com"), "{unknown}");
    assert!(refused(&["reset-password", "nobody", "--data", data]).contains("does not look like"));
    for args in
        [&["invite", "--hours", "0"][..], &["invite", "--hours", "99999"], &["reset-password", "a@b", "--hours", "169"]]
    {
        let output = output(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(errors(&output).contains("--hours"), "{}", errors(&output));
    }
}
