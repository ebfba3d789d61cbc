//! How each gateway is started with its printed text.

use crate::cluster::envoy_gateway;
use crate::support::program::{Program, free_port, loopback};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A gateway that runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    Traefik,
    Envoy,
    EnvoyGrpc,
    Haproxy,
    EnvoyGateway,
    /// The text for Gateway API, given to Envoy Gateway.
    GatewayApi,
}

impl Kind {
    /// What every run of the tests has.
    pub const ALL: [Self; 6] =
        [Self::Nginx, Self::Caddy, Self::Traefik, Self::Envoy, Self::EnvoyGrpc, Self::Haproxy];

    /// With what has a make target of its own.
    pub const COLUMNS: [Self; 7] = [
        Self::Nginx,
        Self::Caddy,
        Self::Traefik,
        Self::Envoy,
        Self::EnvoyGrpc,
        Self::Haproxy,
        Self::EnvoyGateway,
    ];

    /// The heading of its column.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Nginx => "nginx 1.22",
            Self::Caddy => "Caddy 2.11",
            Self::Traefik => "Traefik 3.7",
            Self::Envoy => "Envoy 1.40, HTTP",
            Self::EnvoyGrpc => "Envoy 1.40, gRPC",
            Self::Haproxy => "HAProxy 2.6",
            Self::EnvoyGateway => "Envoy Gateway 1.9",
            Self::GatewayApi => "Envoy Gateway 1.9, ExternalAuth",
        }
    }

    /// What is given to `vestibule gateway`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Envoy => "envoy",
            Self::EnvoyGrpc => "envoy-grpc",
            Self::Haproxy => "haproxy",
            Self::EnvoyGateway => "envoy-gateway",
            Self::GatewayApi => "gateway-api",
        }
    }

    /// Whether its text names Services.
    pub const fn in_cluster(self) -> bool {
        matches!(self, Self::EnvoyGateway | Self::GatewayApi)
    }

    /// Starts it in front of `port` with the text, unchanged. `print` prints further ones.
    pub fn start(self, folder: &Path, port: u16, text: &str, print: &dyn Fn(&str) -> String) -> Program {
        let file = folder.join("printed.yaml");
        std::fs::write(&file, text).unwrap();
        let mut command = match self {
            Self::Nginx => nginx(folder, &file),
            Self::Caddy => caddy(folder, &file),
            Self::Traefik => traefik(folder, text),
            Self::Envoy | Self::EnvoyGrpc => envoy(&file),
            Self::Haproxy => haproxy(folder, &file, print),
            Self::EnvoyGateway | Self::GatewayApi => envoy_gateway(folder, &file, port),
        };
        Program::start(self.name(), &mut command, folder, loopback(port))
    }
}

/// A program from PyPI; scripts/counterparts.sh installs it.
pub fn from_pypi(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/counterparts/gateways/bin").join(name);
    assert!(path.exists(), "{} is missing: scripts/counterparts.sh installs it", path.display());
    path
}

/// The printed file is for conf.d; this is the file around it, which a packaged nginx has.
pub fn nginx(folder: &Path, printed: &Path) -> Command {
    let work = folder.display();
    let mut around =
        format!("pid {work}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n");
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        around.push_str(&format!("{kind}_temp_path {work}/{kind};\n"));
    }
    around.push_str(&format!("include {};\n}}\n", printed.display()));
    let file = folder.join("nginx.conf");
    std::fs::write(&file, around).unwrap();
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-c").arg(&file).args(["-g", "daemon off;"]);
    command
}

fn caddy(folder: &Path, printed: &Path) -> Command {
    let mut command = Command::new(from_pypi("caddy"));
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(printed)
        .env("CADDY_ADMIN", loopback(free_port()).to_string())
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("XDG_DATA_HOME", folder);
    command
}

/// The text itself says how Traefik is started.
fn traefik(folder: &Path, text: &str) -> Command {
    let line = text.lines().find_map(|line| line.strip_prefix("#   traefik ")).unwrap();
    let file = folder.join("vestibule.yaml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(from_pypi("traefik"));
    for argument in line.split(' ') {
        command.arg(argument.replace("/etc/traefik/vestibule.yaml", &file.to_string_lossy()));
    }
    command.args(["--global.checkNewVersion=false", "--log.level=INFO"]);
    command
}

/// Several Envoys on one machine share memory, unless each is alone.
fn envoy(printed: &Path) -> Command {
    let mut command = Command::new(from_pypi("envoy"));
    command.args(["--disable-hot-restart", "--concurrency", "1", "-l", "warning", "-c"]).arg(printed);
    command
}

fn haproxy(folder: &Path, printed: &Path, print: &dyn Fn(&str) -> String) -> Command {
    std::fs::write(folder.join("vestibule.lua"), print("haproxy-lua")).unwrap();
    let mut command = Command::new("/usr/sbin/haproxy");
    command.arg("-db").arg("-f").arg(printed);
    command
}
