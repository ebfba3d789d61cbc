//! A real program, started for one test and ended with it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a counterpart may take to start on a busy two-core machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a line may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// How long a program may take to end when it is asked to.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A running program; ended and waited for when dropped.
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it with both outputs in a log file and waits until it accepts connections at `ready`.
    pub fn start(name: &str, command: &mut Command, folder: &Path, ready: SocketAddr) -> Self {
        let mut program = Self::start_unready(name, command, folder);
        let patience = Instant::now();
        while TcpStream::connect(ready).is_err() {
            let ended = program.child.try_wait().unwrap();
            assert!(
                ended.is_none() && patience.elapsed() < PATIENCE,
                "{name} is not ready at {ready} ({ended:?}):\n{}",
                program.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        program
    }

    /// Starts it without waiting for anything.
    pub fn start_unready(name: &str, command: &mut Command, folder: &Path) -> Self {
        Self::start_with_input(name, command.stdin(Stdio::null()), folder)
    }

    /// Likewise, with the input that the command has.
    pub fn start_with_input(name: &str, command: &mut Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let child = command
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// Everything that it has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether these words are in its log, or come soon: lines are written by a thread of their own.
    pub fn says(&self, words: &str) -> bool {
        let patience = Instant::now();
        while !self.log().contains(words) {
            if patience.elapsed() > SOON {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in megabytes.
    pub fn resident_mb(&self) -> f64 {
        self.memory_mb("VmRSS:")
    }

    /// The most that was ever resident, in megabytes.
    pub fn peak_mb(&self) -> f64 {
        self.memory_mb("VmHWM:")
    }

    fn memory_mb(&self, figure: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// Asks it to end (SIGTERM) and waits; the exit code.
    pub fn terminate(mut self) -> Option<i32> {
        let done = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(done.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Asked first: a driver that is killed leaves its browser behind.
        let asked = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        let patience = Instant::now();
        while asked.is_ok() && patience.elapsed() < LAST_WORDS && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("--- log of {} ---\n{}", self.name, self.log());
        }
    }
}

/// A loopback port that was free a moment ago, for programs that cannot choose one themselves. Below the range from which
/// the system gives ports to outgoing connections, so that none of those takes it before the program does; no port twice.
pub fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Test programs that run at the same time begin at different places.
        let place = std::process::id().wrapping_mul(97).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + place % COUNT).unwrap();
        if TcpListener::bind(loopback(port)).is_ok() {
            return port;
        }
    }
}

pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
