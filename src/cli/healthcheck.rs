//! `vestibule healthcheck`: asks a running gate whether it is ready, for containers that have no curl.

use super::ask::{Place, reachable};
use super::{ConfigFile, Exit, print_problems};
use crate::clock::Moment;
use clap::Args;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

pub(super) const HELP: &str = "\
Asks the admin listener of the configuration for /readyz, or the address given.
In a Dockerfile:

  HEALTHCHECK CMD [\"vestibule\", \"healthcheck\", \\
                   \"--config\", \"/etc/vestibule/config.yaml\"]";

/// For connecting, and for each word of the answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Head and body of an answer that says why not.
const MOST_WORDS: u64 = 4096;

const PLAIN_HTTP: &str = "--url: must begin with http://, for the admin listener speaks plain http";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Ask this address instead of the configuration's admin listener.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    url: Option<String>,
}

pub(super) fn healthcheck(
    arguments: &Arguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let target = match &arguments.url {
        Some(url) => Target::parse(url),
        None => match arguments.file.load(now) {
            Ok(config) => config
                .listeners
                .admin
                .map(Target::readiness_of)
                .ok_or_else(|| "`admin.listen` is off, so there is nobody to ask; use --url".to_string()),
            Err(problems) => {
                print_problems(err, &problems.0)?;
                return Ok(Exit::Usage);
            }
        },
    };
    let target = match target {
        Ok(target) => target,
        Err(complaint) => {
            writeln!(err, "{complaint}")?;
            return Ok(Exit::Usage);
        }
    };
    match target.ask() {
        Ok((200, _)) => {
            writeln!(out, "ready")?;
            Ok(Exit::Ok)
        }
        Ok((status, reason)) => {
            writeln!(err, "not ready: {} answers {status}{reason}", target.authority)?;
            Ok(Exit::No)
        }
        Err(error) => {
            writeln!(err, "not ready: {} does not answer: {error}", target.authority)?;
            Ok(Exit::No)
        }
    }
}

/// What to ask whom.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    place: Place,
    authority: String,
    path: String,
}

impl Target {
    fn readiness_of(listener: SocketAddr) -> Self {
        let address = reachable(listener);
        let place = Place::Tcp(vec![address]);
        Self { place, authority: address.to_string(), path: "/readyz".to_string() }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => PLAIN_HTTP.to_string(),
            error => format!("--url: {error}"),
        })?;
        if url.scheme() != "http" {
            return Err(PLAIN_HTTP.to_string());
        }
        let addresses = url.socket_addrs(|| None).map_err(|error| format!("--url: {error}"))?;
        let path = if url.path() == "/" { "/readyz" } else { url.path() };
        let (authority, path) = (url.authority().to_string(), path.to_string());
        Ok(Self { place: Place::Tcp(addresses), authority, path })
    }

    /// The status of the answer, and of one that is not 200 the gate's own words, if they are readable.
    fn ask(&self) -> io::Result<(u16, String)> {
        let (path, authority) = (&self.path, &self.authority);
        let question = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        let answer = self.place.ask(question.as_bytes(), PATIENCE)?;
        let status = answer.status;
        if status == 200 {
            return Ok((status, String::new()));
        }
        let body = answer.body(MOST_WORDS).unwrap_or_default();
        let words = String::from_utf8_lossy(&body);
        let words = words.lines().next().unwrap_or_default().trim();
        let readable = !words.is_empty() && words.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        Ok((status, if readable { format!(": {words}") } else { String::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::TcpListener;

    /// Answers one question with `answer` and hands back what was asked.
    fn server(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0_u8; 512];
            let n = stream.read(&mut asked).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&asked[..n]).into_owned()
        });
        (address, thread)
    }

    fn ask(url: String) -> (Exit, String) {
        let file = ConfigFile { config: "config.yaml".into() };
        let arguments = Arguments { file, url: Some(url) };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = healthcheck(&arguments, Moment::from_seconds(0), &mut out, &mut err).unwrap();
        out.extend(err);
        (exit, String::from_utf8(out).unwrap())
    }

    #[test]
    fn ready_is_exit_code_0() {
        let (address, thread) = server("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(ask(format!("http://{address}")), (Exit::Ok, "ready\n".to_string()));
        let asked = thread.join().unwrap();
        assert!(asked.starts_with("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"), "{asked}");
    }

    #[test]
    fn stopping_is_exit_code_1() {
        let (address, _thread) = server("HTTP/1.1 503 Service Unavailable\r\n\r\n");
        let (exit, said) = ask(format!("http://{address}/readyz"));
        assert_eq!(exit, Exit::No);
        assert!(said.contains("503"), "{said}");
    }

    #[test]
    fn why_it_is_not_ready_is_said() {
        let (address, _thread) = server("HTTP/1.1 503 Service Unavailable\r\n\r\nshutting down\n");
        let (_, said) = ask(format!("http://{address}/readyz"));
        assert!(said.ends_with(" answers 503: shutting down\n"), "{said}");
        let (address, _thread) = server("HTTP/1.1 503 Service Unavailable\r\n\r\n\u{1b}[2J\n");
        let (_, said) = ask(format!("http://{address}/readyz"));
        assert!(said.ends_with(" answers 503\n"), "{said}");
    }

    #[test]
    fn silence_and_nonsense_are_exit_code_1() {
        let (address, _thread) = server("SSH-2.0-OpenSSH_9.2\r\n");
        assert_eq!(ask(format!("http://{address}/")).0, Exit::No);
        let (address, _thread) = server("");
        assert_eq!(ask(format!("http://{address}/")).0, Exit::No);
    }

    #[test]
    fn an_address_that_cannot_be_asked_is_a_wrong_argument() {
        assert_eq!(ask("https://127.0.0.1/".into()).0, Exit::Usage);
        assert_eq!(ask("nonsense".into()).0, Exit::Usage);
        for url in ["127.0.0.1:9090", "localhost:9090", "gate"] {
            let (exit, said) = ask(url.into());
            assert!(exit == Exit::Usage && said.contains("--url: "), "{url}: {said}");
        }
        assert!(ask("localhost:9090".into()).1.contains("must begin with http://"));
    }
}
