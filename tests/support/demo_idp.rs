//! The demo's identity provider as a counterpart: a process of its own.

use super::program::{Program, free_port, loopback};
use std::path::Path;
use std::process::Command;

pub struct DemoIdp {
    pub program: Program,
    pub url: String,
    pub port: u16,
}

impl DemoIdp {
    /// `host` is the name under which browsers reach it; its metadata is written to `folder/idp-metadata.xml`.
    pub fn start(folder: &Path, host: &str, gate: &str) -> Self {
        let port = free_port();
        let url = format!("http://{host}:{port}");
        let program = Program::start(
            "demo-idp",
            Command::new(example("demo-idp")).args([
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--url",
                &url,
                "--audience",
                &format!("{gate}/vestibule/saml/metadata"),
                "--acs",
                &format!("{gate}/vestibule/saml/acs"),
                "--metadata-out",
                &folder.join("idp-metadata.xml").to_string_lossy(),
            ]),
            folder,
            loopback(port),
        );
        Self { program, url, port }
    }
}

/// An example's program, which `cargo test` has built beside the gate.
pub fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_BIN_EXE_vestibule")).parent().unwrap().join("examples").join(name)
}
