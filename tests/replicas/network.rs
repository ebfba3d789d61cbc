//! A network of networks: two bridges in a network namespace of the test's own, and a namespace for each machine that hangs
//! on them. Nothing of it is seen outside, so several tests can have the same addresses at once.
//!
//! `front` is where the load balancer, the gates, the application and those who ask are; `back` is where the store is.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where this program itself is, on the front.
pub const HERE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The network of one test, gone with it.
pub struct Network {
    name: String,
    machines: Vec<String>,
}

impl Network {
    /// Makes it and takes the calling thread and those that it will start into it. None, and a word of why, where
    /// that is not permitted; a failure, where NETWORKS says that it is what is wanted.
    pub fn enter() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("gate{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let network = Self { machines: vec![format!("{name}-world")], name };
        let world = &network.machines[0];
        match Command::new("ip").args(["netns", "add", world]).output() {
            Ok(made) if made.status.success() => {}
            Ok(made) => {
                return Self::skipped(&format!(
                    "no networks can be made here: {}",
                    String::from_utf8_lossy(&made.stderr)
                ));
            }
            Err(problem) => {
                return Self::skipped(&format!("ip (of the package iproute2) cannot be run: {problem}"));
            }
        }
        let place = File::open(format!("/run/netns/{world}")).unwrap();
        // Some kernels have namespaces and no bridges: that is known before anything is entered.
        for trial in ["link add trial type bridge", "link add trial-veth type veth peer name trial-peer"] {
            if let Err(why) = try_ip(&format!("-n {world} {trial}")) {
                return Self::skipped(&format!("no bridges can be made here: {why}"));
            }
        }
        ip(&format!("-n {world} link delete trial"));
        ip(&format!("-n {world} link delete trial-veth"));
        move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        ip("link set lo up");
        for (bridge, address) in [("front", HERE), ("back", Ipv4Addr::new(198, 19, 0, 1))] {
            // With an address of its own; else it would take another one with a machine more, and be lost for a while.
            let [a, b, c, d] = address.octets();
            ip(&format!("link add {bridge} address 02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x} type bridge"));
            ip(&format!("addr add {address}/24 dev {bridge}"));
            ip(&format!("link set {bridge} up"));
        }
        Some(network)
    }

    fn skipped(why: &str) -> Option<Self> {
        assert!(std::env::var_os("NETWORKS").is_none(), "{why}");
        println!("skipped: {why}");
        None
    }

    /// Another machine, with its address on each of these bridges.
    pub fn machine(&mut self, machine: &str, on: &[(&str, Ipv4Addr)]) {
        let inside = format!("{}-{machine}", self.name);
        ip(&format!("netns add {inside}"));
        self.machines.push(inside.clone());
        ip(&format!("-n {inside} link set lo up"));
        for (bridge, address) in on {
            let plug = plug(machine, bridge);
            ip(&format!("link add {plug} type veth peer name {bridge} netns {inside}"));
            ip(&format!("link set {plug} master {bridge}"));
            ip(&format!("link set {plug} up"));
            ip(&format!("-n {inside} addr add {address}/24 dev {bridge}"));
            ip(&format!("-n {inside} link set {bridge} up"));
        }
    }

    /// A command that runs on a machine.
    pub fn on(&self, machine: &str, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}-{machine}", self.name)).arg(program);
        command
    }

    /// What the machine sends to this bridge, and what is sent to it, gets lost from now on; nobody is told.
    pub fn cut(machine: &str, bridge: &str) {
        ip(&format!("link set {} nomaster", plug(machine, bridge)));
    }

    /// And arrives again.
    pub fn mend(machine: &str, bridge: &str) {
        ip(&format!("link set {} master {bridge}", plug(machine, bridge)));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in self.machines.iter().rev() {
            drop(Command::new("ip").args(["netns", "delete", machine]).output());
        }
    }
}

/// The end that is at the bridge.
fn plug(machine: &str, bridge: &str) -> String {
    format!("{machine}-{bridge}")
}

fn ip(words: &str) {
    try_ip(words).unwrap_or_else(|why| panic!("{why}"));
}

fn try_ip(words: &str) -> Result<(), String> {
    let done = Command::new("ip").args(words.split(' ')).output().map_err(|problem| problem.to_string())?;
    let said = || format!("ip {words}: {}", String::from_utf8_lossy(&done.stderr).trim_end());
    if done.status.success() { Ok(()) } else { Err(said()) }
}
