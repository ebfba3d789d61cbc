//! tracing-subscriber: text on a terminal, JSON elsewhere; `log` is bridged (SKELETON).

/// `log:` of the configuration.
#[derive(Debug, Clone)]
pub struct LogSettings {
    pub format: LogFormat,
    /// an EnvFilter directive string, e.g. `info`
    pub level: String,
    /// one line a request
    pub requests: bool,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Auto,
    Text,
    Json,
}
impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".into(), requests: true }
    }
}
/// Installs the global subscriber once; to stderr? no: stdout. Errors when the filter cannot be read.
pub fn install(_settings: &LogSettings) -> Result<(), String> {
    todo!()
}
