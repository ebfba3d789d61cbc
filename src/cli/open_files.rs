//! How many files the process may have open, and whether that will do for `limits.connections`.

use crate::config::{Config, Problem};
use crate::site::Face;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets the process have open what its owner allows it (the hard limit). The soft one is 1024 nearly everywhere, for the sake
/// of programs that cannot count further.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

/// Says when the connections that are configured need more than the process may open.
pub(super) fn too_few(config: &Config) -> Option<Problem> {
    let proxies = config.sites.iter().any(|site| matches!(site.face, Face::Proxy(_)));
    judged(config.connections, proxies, config.listeners.authz.is_some(), getrlimit(Resource::Nofile).maximum)
}

/// `allowed`: none is without bound.
fn judged(connections: u32, proxies: bool, authz: bool, allowed: Option<u64>) -> Option<Problem> {
    let allowed = allowed?;
    let each = 1 + u64::from(proxies) + u64::from(authz);
    let needed = u64::from(connections) * each + SPARE;
    (needed > allowed).then(|| Problem {
        path: "limits.connections".to_owned(),
        line: None,
        origin: None,
        message: format!(
            "{connections} connections on each listener can need {needed} open files, and this process may have {allowed}"
        ),
        hint: Some(format!(
            "raise its limit (LimitNOFILE={} in a systemd unit, --ulimit nofile= for a container), or write at most {}",
            needed.next_power_of_two(),
            allowed.saturating_sub(SPARE) / each
        )),
    })
}

/// Kept connections to applications, those of the admin listener, logs, metadata and what libraries open.
const SPARE: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_of_the_proxy_takes_two_files() {
        assert_eq!(judged(8192, true, false, None), None);
        assert_eq!(judged(8192, true, false, Some(2 * 8192 + SPARE)), None);
        let problem = judged(8192, true, false, Some(2 * 8192 + SPARE - 1)).unwrap().to_string();
        assert!(problem.starts_with("limits.connections: 8192 connections"), "{problem}");
        assert!(problem.contains("LimitNOFILE=32768") && problem.contains("at most 8191"), "{problem}");
        assert_eq!(judged(8192, false, true, Some(2 * 8192 + SPARE)), None);
        assert!(judged(8192, true, true, Some(20_000)).is_some());
        assert!(judged(16, true, false, Some(512)).unwrap().to_string().contains("at most 0"));
    }
}
