//! Firefox over Marionette, the protocol behind geckodriver: JSON messages that say their own length, on a TCP connection.
//! Spoken directly, because the driver is in none of Debian's packages.

use super::program::{Program, free_port, loopback};
use base64::Engine as _;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// The key under which WebDriver wraps the reference of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Firefox {
    connection: Mutex<Connection>,
}

struct Connection {
    stream: TcpStream,
    last: u32,
}

impl Firefox {
    /// A headless Firefox with an empty profile, to which `hosts` are loopback.
    pub async fn start(folder: &Path, hosts: &[&str]) -> (Self, Program) {
        let (port, profile) = (free_port(), folder.join("firefox"));
        std::fs::create_dir_all(&profile).unwrap();
        let settings = [
            ("marionette.port", json!(port)),
            ("network.dns.localDomains", json!(hosts.join(","))),
            ("network.captive-portal-service.enabled", json!(false)),
            ("network.connectivity-service.enabled", json!(false)),
            ("datareporting.policy.dataSubmissionEnabled", json!(false)),
        ];
        let lines = settings.map(|(name, value)| format!("user_pref(\"{name}\", {value});\n"));
        std::fs::write(profile.join("user.js"), lines.concat()).unwrap();
        let program = Program::start(
            "firefox",
            Command::new("firefox-esr")
                .args(["--headless", "--no-remote", "--marionette", "--profile"])
                .arg(&profile)
                .env("HOME", &profile)
                .env("MOZ_CRASHREPORTER_DISABLE", "1"),
            folder,
            loopback(port),
        );
        let mut stream = TcpStream::connect(loopback(port)).await.unwrap();
        let hello = read_message(&mut stream).await;
        assert_eq!(hello["marionetteProtocol"], 3, "{hello}");
        let firefox = Self { connection: Mutex::new(Connection { stream, last: 0 }) };
        firefox.must("WebDriver:NewSession", &json!({"acceptInsecureCerts": true})).await;
        (firefox, program)
    }

    pub async fn goto(&self, url: &str) {
        self.must("WebDriver:Navigate", &json!({"url": url})).await;
    }

    pub async fn back(&self) {
        self.must("WebDriver:Back", &json!({})).await;
    }

    pub async fn address(&self) -> String {
        self.must("WebDriver:GetCurrentURL", &json!({})).await["value"].as_str().unwrap().to_owned()
    }

    pub async fn source(&self) -> String {
        self.must("WebDriver:GetPageSource", &json!({})).await["value"].as_str().unwrap().to_owned()
    }

    pub async fn click(&self, element: &str) {
        self.must("WebDriver:ElementClick", &json!({"id": element})).await;
    }

    pub async fn type_into(&self, element: &str, text: &str) {
        self.must("WebDriver:ElementSendKeys", &json!({"id": element, "text": text})).await;
    }

    pub async fn screenshot(&self) -> Vec<u8> {
        let taken = self.must("WebDriver:TakeScreenshot", &json!({"full": false})).await;
        base64::engine::general_purpose::STANDARD.decode(taken["value"].as_str().unwrap()).unwrap()
    }

    /// Asks again until the element is there. A page that is going away answers with errors too.
    pub async fn wait_for(&self, using: &str, value: &str, patience: Duration) -> Result<String, String> {
        let asked = Instant::now();
        loop {
            let found = self.command("WebDriver:FindElement", &json!({"using": using, "value": value})).await;
            match found {
                Ok(found) => return Ok(found["value"][ELEMENT].as_str().unwrap().to_owned()),
                Err(problem) if asked.elapsed() > patience => return Err(problem.to_string()),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    pub async fn quit(&self) {
        self.must("Marionette:Quit", &json!({"flags": ["eForceQuit"]})).await;
    }

    async fn must(&self, name: &str, parameters: &Value) -> Value {
        self.command(name, parameters)
            .await
            .unwrap_or_else(|problem| panic!("{name} {parameters}: {problem}"))
    }

    /// `[0, number, name, parameters]` is answered by `[1, number, error, result]`.
    async fn command(&self, name: &str, parameters: &Value) -> Result<Value, Value> {
        let mut connection = self.connection.lock().await;
        connection.last += 1;
        let number = connection.last;
        let message = json!([0, number, name, parameters]).to_string();
        connection.stream.write_all(format!("{}:{message}", message.len()).as_bytes()).await.unwrap();
        let answer = read_message(&mut connection.stream).await;
        assert_eq!(answer[1], number, "{answer}");
        if answer[2].is_null() { Ok(answer[3].clone()) } else { Err(answer[2].clone()) }
    }
}

async fn read_message(stream: &mut TcpStream) -> Value {
    let mut length = 0;
    loop {
        match stream.read_u8().await.unwrap() {
            b':' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.unwrap();
    serde_json::from_slice(&message).unwrap()
}
