//! Other crates' messages on their way into our log.
//!
//! pingora speaks through the `log` crate, and some of its lines quote what a client sent: a request that cannot be
//! parsed is logged at ERROR with its first bytes, cookies included (`apps/http_app.rs`, `protocols/http/v1/server.rs`),
//! and several others end in a summary of the request with its query string. No list of such lines would stay
//! complete, so the list here is of the modules whose words we trust, because they work before there is a request. The
//! rest becomes a line at DEBUG that says only who wanted to speak, and where in its source.

use tracing_log::LogTracer;

/// Modules that know listeners, processes and handshakes, but no requests.
const TRUSTED: &[&str] = &[
    "pingora_core::connectors",
    "pingora_core::listeners",
    "pingora_core::server",
    "pingora_core::services",
    "pingora_core::upstreams",
    "pingora_core::protocols::tls",
    "pingora_pool",
    "pingora_runtime",
    "pingora_timeout",
    "rustls",
];

/// Modules that are trusted but speak at ERROR of what any port scan causes: shown at DEBUG.
const NOISY: &[&str] = &["pingora_core::services::listening", "pingora_core::protocols::tls"];

/// Target of the lines that stand for others' noise or withheld words.
const TARGET: &str = "vestibule::bridge";

/// The logger that the `log` crate hands everything to.
#[derive(Debug, Default)]
pub(super) struct Bridge {
    onward: LogTracer,
}

impl Bridge {
    /// Takes over the `log` crate for the whole process. Fails when somebody has done so before.
    pub(super) fn install() -> Result<(), String> {
        ::log::set_boxed_logger(Box::new(Self::default())).map_err(|e| e.to_string())?;
        // Below WARN nobody foreign is heard, so that their debug lines cost one comparison.
        ::log::set_max_level(::log::LevelFilter::Warn);
        Ok(())
    }
}

impl ::log::Log for Bridge {
    fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
        metadata.level() <= ::log::Level::Warn
    }

    fn log(&self, record: &::log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let from = record.target();
        if !is_within(from, TRUSTED) {
            tracing::debug!(
                target: TARGET,
                from,
                file = record.file().unwrap_or_default(),
                line = record.line().unwrap_or_default(),
                "a message is withheld because it may quote a request"
            );
        } else if is_within(from, NOISY) {
            tracing::debug!(target: TARGET, from, text = %record.args(), "a connection failed");
        } else {
            self.onward.log(record);
        }
    }

    fn flush(&self) {}
}

/// Whether `target` is one of `modules` or inside one.
fn is_within(target: &str, modules: &[&str]) -> bool {
    modules.iter().any(|module| {
        target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::log::tests::{captured, settings};
    use ::log::{Level, Log as _, Record};

    fn say(level: Level, target: &str, words: &str) -> String {
        captured(&settings("trace"), || {
            let record = (level, target, words);
            Bridge::default().log(
                &Record::builder()
                    .level(record.0)
                    .target(record.1)
                    .args(format_args!("{}", record.2))
                    .file(Some("src/apps/http_app.rs"))
                    .line(Some(157))
                    .build(),
            );
        })
    }

    #[test]
    fn a_malformed_request_with_cookies_is_not_quoted() {
        let words = "HTTP server fails to read from downstream: InvalidHTTPHeader context: buf: \
                     GET / HTTP/1.1\\r\\nCookie: __Host-vestibule=s3cr3t";
        for target in [
            "pingora_core::apps::http_app",
            "pingora_core::protocols::http::v1::server",
            "pingora_proxy",
            "pingora_proxy::proxy_h1",
            "h2::server",
            "something_new",
        ] {
            let line = say(Level::Error, target, words);
            assert!(!line.contains("s3cr3t"), "{line}");
            assert!(line.contains(target) && line.contains("withheld"), "{line}");
            assert!(line.contains("src/apps/http_app.rs") && line.contains("157"), "{line}");
        }
    }

    #[test]
    fn what_cannot_know_a_request_is_heard() {
        let line = say(Level::Error, "pingora_core::server", "Service runtime did not exit");
        assert!(line.contains("Service runtime did not exit"), "{line}");
        assert!(line.contains("ERROR") && line.contains("pingora_core::server"), "{line}");
    }

    #[test]
    fn failed_handshakes_are_not_errors_of_ours() {
        let line = say(Level::Error, "pingora_core::services::listening", "Downstream handshake error");
        assert!(line.contains("DEBUG") && !line.contains("ERROR"), "{line}");
    }

    #[test]
    fn foreign_chatter_below_warnings_is_dropped() {
        assert_eq!(say(Level::Info, "pingora_core::server", "Bootstrap done"), "");
        assert_eq!(say(Level::Debug, "pingora_proxy", "x"), "");
    }

    #[test]
    fn a_module_is_not_its_namesake() {
        assert!(is_within("pingora_core::server::daemon", TRUSTED));
        assert!(!is_within("pingora_core::serverless", TRUSTED));
    }
}
