//! Many configurations one after the other, under load, every tenth one broken. `make reloads` does it a thousand times.

use crate::scene::Scene;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

const HERE: &str = "127.0.0.1";

/// How many, unless `RELOADS` says so.
const FEW: usize = 30;

/// Memory that a gate may take more at the end than after the first tenth, in megabytes: what an allocator keeps.
const ROOM_MB: f64 = 24.0;

/// Asks over and over on one connection, which a server may close between two answers.
fn ask(scene: &Scene, cookie: &str, done: &AtomicBool) -> (usize, Vec<String>) {
    let (mut answered, mut failed) = (0, Vec::new());
    let mut wire = None;
    while !done.load(Ordering::Relaxed) {
        let stream =
            wire.get_or_insert_with(|| BufReader::new(TcpStream::connect((HERE, scene.port)).unwrap()));
        let request = format!("GET /a HTTP/1.1\r\nHost: {HERE}:{}\r\nCookie: {cookie}\r\n\r\n", scene.port);
        match once(stream, &request) {
            Some(status) if status.starts_with("HTTP/1.1 200") => answered += 1,
            other => {
                failed.push(format!("{other:?}"));
                wire = None;
            }
        }
    }
    (answered, failed)
}

/// One request and its answer, as far as the status; nothing where the connection ended before.
pub fn once(stream: &mut BufReader<TcpStream>, request: &str) -> Option<String> {
    stream.get_mut().write_all(request.as_bytes()).ok()?;
    let (mut status, mut length) = (String::new(), 0);
    stream.read_line(&mut status).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    stream.read_exact(&mut vec![0; length]).ok()?;
    Some(status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_and_memory_stays_flat() {
    let many = std::env::var("RELOADS").ok().and_then(|number| number.parse().ok()).unwrap_or(FEW);
    let scene = Scene::new();
    let config = |number: usize| {
        let top = format!(
            "reload: {{watch: false}}\nlog: {{requests: false}}\nshutdown: {{delay: {}s}}",
            number % 7
        );
        let more = format!("rules: [{{paths: [/p{}], access: deny}}]", number % 13);
        let mut sites = vec![("app", HERE, more.as_str()), ("wiki", "localhost", "")];
        if number.is_multiple_of(2) {
            sites.reverse();
        }
        scene.config(&top, &sites).replacen("shutdown: {delay: 0s, drain: 2s}\n", "", 1)
    };
    let gate = scene.start(&config(1));
    let mut ada = scene.signed_in(HERE).await;
    assert!(scene.is_in(&mut ada, HERE).await);
    let cookies = &ada.jar[HERE];
    let cookie = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let done = AtomicBool::new(false);
    let mut at_first = 0.0;
    let (answered, failed) = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..2).map(|_| scope.spawn(|| ask(&scene, &cookie, &done))).collect();
        let runtime = tokio::runtime::Handle::current();
        let (mut applied, mut refused) = (0.0, 0.0);
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                for number in 2..many + 2 {
                    if number % 10 == 0 {
                        scene.put("config.yaml", &config(number).replace("upstream: http", "upstream: ftp"));
                        refused += 1.0;
                        gate.hang_up();
                        gate.until("refused", refused).await;
                    } else {
                        scene.put("config.yaml", &config(number));
                        applied += 1.0;
                        gate.hang_up();
                        gate.until("applied", applied).await;
                    }
                    if number == 2 + many / 10 {
                        at_first = gate.program.resident_mb();
                    }
                }
            });
        });
        done.store(true, Ordering::Relaxed);
        asking.into_iter().map(|one| one.join().unwrap()).fold(
            (0, Vec::new()),
            |(answered, mut failed), one| {
                failed.extend(one.1);
                (answered + one.0, failed)
            },
        )
    });
    let now = gate.program.resident_mb();
    println!(
        "{many} reloads, {answered} requests, {} failed, {at_first:.1} MB then, {now:.1} MB now",
        failed.len()
    );
    assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), &failed[..failed.len().min(5)]);
    assert!(answered > many, "{answered}");
    assert!(now < at_first + ROOM_MB, "{at_first:.1} MB after the first tenth, {now:.1} MB now");
    assert!(scene.is_in(&mut ada, HERE).await);
}
