//! The gate itself, as its own process with a configuration file.

use super::program::{Program, free_port, loopback};
use std::path::Path;
use std::process::Command;

pub struct GateProcess {
    pub program: Program,
    /// Where it listens; what browsers see may be another address.
    pub port: u16,
    pub authz_port: u16,
    pub admin_port: u16,
}

/// Ports chosen before the configuration is written, because `public_url` names one of them.
pub struct Ports {
    pub public: u16,
    pub authz: u16,
    pub admin: u16,
}

impl Ports {
    pub fn choose() -> Self {
        Self { public: free_port(), authz: free_port(), admin: free_port() }
    }
}

impl GateProcess {
    /// `config` without `listen`, `admin` and `shutdown`, which are added here.
    pub fn start(folder: &Path, ports: &Ports, config: &str) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_vestibule")), folder, ports, config)
    }

    /// The same by a command that ends in the program's name.
    pub fn start_by(mut command: Command, folder: &Path, ports: &Ports, config: &str) -> Self {
        let authz = if config.contains("forward_auth: true") {
            format!(", authz: \"127.0.0.1:{}\"", ports.authz)
        } else {
            String::new()
        };
        let text = format!(
            "listen: {{public: \"127.0.0.1:{}\"{authz}}}\nadmin: {{listen: \"127.0.0.1:{}\"}}\nshutdown: {{delay: 0s, drain: 2s}}\n{config}",
            ports.public, ports.admin
        );
        let file = folder.join("config.yaml");
        std::fs::write(&file, text).unwrap();
        let program = Program::start(
            "vestibule",
            command.args(["run", "--config"]).arg(&file),
            folder,
            loopback(ports.public),
        );
        Self { program, port: ports.public, authz_port: ports.authz, admin_port: ports.admin }
    }
}
