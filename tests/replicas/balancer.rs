//! nginx as the documentation says, in front of the replicas.

use crate::network::Network;
use crate::program::Program;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// What is printed for the owner. Only addresses and the missing TLS are other ones here.
const PUBLISHED: &str = include_str!("../../examples/nginx-replicas.conf");

pub const AT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

/// Starts it on a machine of its own in front of these gates; where it listens.
pub fn start(network: &mut Network, folder: &Path, gates: &[SocketAddr]) -> (Program, SocketAddr) {
    network.machine("balancer", &[("front", AT)]);
    let address = SocketAddr::from((AT, 80));
    let (mut text, mut told) = (String::new(), false);
    for line in PUBLISHED.lines() {
        match line.trim() {
            server if server.starts_with("server 10.") => {
                let manner = server.split_once(":4180").unwrap().1;
                for gate in gates.iter().filter(|_| !told) {
                    let _ = writeln!(text, "server {gate}{manner}");
                }
                told = true;
            }
            listen if listen.starts_with("listen ") => {
                let _ = writeln!(text, "listen {address};");
            }
            certificate if certificate.starts_with("ssl_") => {}
            // Those who ask here are in front of a TLS that is left out.
            _ => {
                let _ = writeln!(text, "{}", line.replace("$scheme", "https"));
            }
        }
    }
    let at = folder.display();
    let file = folder.join("nginx.conf");
    std::fs::write(
        &file,
        format!(
            "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/nginx-errors.log warn;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;\n\
             client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u;\n\
             scgi_temp_path {at}/s;\n{text}\n}}\n"
        ),
    )
    .unwrap();
    let mut command = network.on("balancer", "/usr/sbin/nginx");
    (Program::start("nginx", command.arg("-c").arg(&file), folder, address), address)
}
