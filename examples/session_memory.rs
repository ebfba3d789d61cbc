//! Bytes of resident memory for each session that the memory store holds, everything included.
//!
//! ```text
//! cargo run --example session_memory -- [SESSIONS] [distinct | usual]
//! ```
//!
//! Each session has ten groups of twelve characters out of two thousand, two roles, an e-mail address, a name and a
//! SessionIndex of its own. `distinct` has an opaque NameID of 43 characters beside the user, `usual` has the NameID as
//! user, which is the default. The optimisation level does not change the figures.

use std::process::ExitCode;
use std::sync::Arc;
use vestibule::clock::{Clock as _, SystemClock};
use vestibule::session::suite::Sample;
use vestibule::session::{MemoryStore, Store as _};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let sessions = arguments.next().map_or(Ok(200_000), |text| text.parse::<u64>());
    let usual = match arguments.next().as_deref() {
        None | Some("distinct") => Ok(false),
        Some("usual") => Ok(true),
        Some(_) => Err(()),
    };
    let (Ok(sessions), Ok(usual)) = (sessions, usual) else {
        eprintln!("usage: session_memory [SESSIONS] [distinct | usual]");
        return ExitCode::from(64);
    };
    // A few first, so that the program's own pages are not counted.
    drop(filled(100, usual).await);
    let Some(before) = resident() else {
        eprintln!("resident memory is read from /proc, on Linux only");
        return ExitCode::from(70);
    };
    let store = filled(sessions, usual).await;
    let grown = resident().unwrap_or_default().saturating_sub(before);
    let size = store.size();
    let held = size.sessions.max(1);
    println!(
        "{held} sessions: {} bytes each resident, {} by the store's reckoning",
        grown / held,
        size.bytes / held
    );
    ExitCode::SUCCESS
}

async fn filled(sessions: u64, usual: bool) -> MemoryStore {
    let now = SystemClock.now();
    let store = MemoryStore::new(u64::MAX / 2, now);
    for n in 0..sessions {
        let mut sample = Sample::new(n);
        if usual {
            sample.name_id = sample.user.clone();
        }
        if store.insert(Arc::new(sample.session(now))).await.is_err() {
            eprintln!("session {n} was refused");
        }
    }
    store
}

/// VmRSS of this process in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
