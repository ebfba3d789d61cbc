//! Real servers that fold the names of headers: what an application reads there is ours, whatever a client sends.
//!
//! WSGI (Python's own server) and PHP make `HTTP_MELLON_MAIL` of `Mellon-mail`, of `MELLON_mail` and, PHP, of `Mellon.mail`
//! too, and the last or the first of two wins. So the gate stands before each of them with the presets on, and somebody
//! who is signed in, or nobody, sends every spelling of every name.

use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use bytes::Bytes;
use http::Method;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Answers with every variable, one a line.
const WSGI: &str = r#"
import sys
from wsgiref.simple_server import make_server
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    lines = [f"{name}={value}" for name, value in environ.items() if name.startswith("HTTP_")]
    return ["\n".join(lines).encode("latin-1")]
make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
"#;

const PHP: &str = r#"<?php
header("Content-Type: text/plain; charset=utf-8");
foreach ($_SERVER as $name => $value) { if (strpos($name, "HTTP_") === 0) { echo $name, "=", $value, "\n"; } }
"#;

/// What a client must never say, by the folded name; what says it where nobody is signed in is empty or absent.
const NAMES: &[(&str, &str)] = &[
    ("REMOTE_USER", "ada@example.com"),
    ("MELLON_NAME_ID", "ada@example.com"),
    ("MELLON_MAIL", "ada@example.com"),
    ("MELLON_MAIL_0", "ada@example.com"),
    ("MELLON_MAIL_N", "1"),
    ("MELLON_GROUPS", "admins;engineering"),
    ("MELLON_GROUPS_0", "admins"),
    ("MELLON_GROUPS_1", "engineering"),
    ("MELLON_GROUPS_2", ""),
    ("MELLON_GROUPS_N", "2"),
    ("MELLON_GROUPS_99", ""),
    ("MELLON_ROLE", ""),
    ("MAIL", "ada@example.com"),
    ("ISMEMBEROF", "admins;engineering"),
    ("SHIB_APPLICATION_ID", ""),
    ("X_WEBAUTH_USER", "ada@example.com"),
    ("X_WEBAUTH_GROUPS", r#"["admins","engineering"]"#),
    ("X_WEBAUTH_ROLE", "Admin"),
    ("X_WEBAUTH_ORG", ""),
    ("X_FORWARDED_USER", "ada@example.com"),
    ("X_FORWARDED_GROUPS", "admins|engineering"),
    ("X_FORWARDED_MAIL", "ada@example.com"),
    ("X_VESTIBULE_ANYTHING", ""),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wsgi_reads_is_ours() {
    holds_before(|folder, port| {
        std::fs::write(folder.join("app.py"), WSGI).unwrap();
        let mut command = Command::new("python3");
        command.arg(folder.join("app.py")).arg(port.to_string());
        Program::start("wsgi", &mut command, folder, loopback(port))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_php_reads_is_ours() {
    holds_before(|folder, port| {
        std::fs::write(folder.join("index.php"), PHP).unwrap();
        let mut command = Command::new("php");
        command.arg("-S").arg(format!("127.0.0.1:{port}")).arg(folder.join("index.php"));
        Program::start("php", &mut command, folder, loopback(port))
    })
    .await;
}

async fn holds_before(application: impl FnOnce(&Path, u16) -> Program) {
    let folder = tempfile::tempdir().unwrap();
    let (ports, port) = (Ports::choose(), free_port());
    let public = format!("http://127.0.0.1:{}", ports.public);
    let _idp = DemoIdp::start(folder.path(), "localhost", &public);
    let _application = application(folder.path(), port);
    let _gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!(
            "public_url: {public}\nupstream: http://127.0.0.1:{port}\nroles: {{admins: Admin}}\n\
             rules: [{{paths: [/open/*], access: public}}]\n\
             headers: {{preset: [mellon, shibboleth, grafana, jenkins], groups: all}}\n\
             identity_providers:\n  - {{id: demo, metadata_file: idp-metadata.xml}}\n"
        ),
    );
    let mut stranger = Visitor::new();
    let mut browser = Visitor::new();
    let landed = browser.sign_in(&format!("{public}/a"), "ada").await;
    let honest = variables(&browser.follow(landed).await);
    for (name, expected) in NAMES {
        assert_eq!(said(&honest, name), *expected, "{name}, without a forgery");
    }
    for separator in ["-", "_", ".", "~"] {
        let forged: Vec<(String, &str)> =
            NAMES.iter().map(|(name, _)| (name.to_lowercase().replace('_', separator), "root")).collect();
        let forged: Vec<(&str, &str)> = forged.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let answer = browser.send(Method::GET, &format!("{public}/a"), &forged, Bytes::new()).await;
        let read = variables(&answer);
        for (name, expected) in NAMES {
            assert_eq!(said(&read, name), *expected, "{name} by {separator}");
        }
        assert!(read.values().all(|value| !value.contains("root")), "{separator}: {read:?}");
        let answer = stranger.send(Method::GET, &format!("{public}/open/a"), &forged, Bytes::new()).await;
        let read = variables(&answer);
        for (name, _) in NAMES {
            assert_eq!(said(&read, name), "", "{name} by {separator}, of nobody");
        }
        assert!(read.values().all(|value| !value.contains("root")), "{separator}: {read:?}");
    }
}

fn variables(answer: &Answer) -> BTreeMap<String, String> {
    let pairs = answer.body.lines().filter_map(|line| line.split_once('='));
    let read: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert!(read.contains_key("HTTP_HOST"), "not the application's answer: {answer:?}");
    read
}

fn said<'a>(read: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    read.get(&format!("HTTP_{name}")).map_or("", String::as_str)
}
