//! Listeners that are opened before the gate and outlive it, as systemd's do: a restart refuses nobody.

use crate::load::once;
use crate::program::Program;
use crate::scene::{PATIENCE, STATE, Scene};
use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

const HERE: &str = "127.0.0.1";

/// How often the gate is started again under load.
const RESTARTS: usize = 3;

/// A gate that is handed the socket under these names, as often as there are names. The shell moves it to where LISTEN_FDS says.
fn command(scene: &Scene, socket: &TcpListener, names: &str, what: &str) -> Command {
    let count = names.split(':').count();
    let copies: Vec<String> = (3..3 + count).map(|number| format!("{number}<&0")).collect();
    let script = format!(
        "exec {} 0</dev/null; LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES={names} exec \"$0\" {what} --config \"$1\"",
        copies.join(" ")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_vestibule")]).arg(scene.at("config.yaml"));
    command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
    command
}

/// A scene whose public listener is open already.
fn scene() -> (Scene, TcpListener) {
    let socket = TcpListener::bind((HERE, 0)).unwrap();
    let mut scene = Scene::new();
    scene.port = socket.local_addr().unwrap().port();
    scene.put("secret", "AZk3vXq9TmY1bN7cR5dW8eF2gH6jK4lP0oQsUtVxYzA");
    (scene, socket)
}

fn start(scene: &Scene, socket: &TcpListener) -> Program {
    Program::start_with_input("vestibule", &mut command(scene, socket, "public", "run"), scene.folder.path())
}

/// Asks over and over on kept connections. One that is closed between two answers is no failure, as long as the same question is
/// answered on the next one: so does every browser and every proxy.
fn keep_asking(scene: &Scene, cookie: &str, done: &AtomicBool, answered: &AtomicUsize) -> Result<(), String> {
    let request = format!("GET /a HTTP/1.1\r\nHost: {HERE}:{}\r\nCookie: {cookie}\r\n\r\n", scene.port);
    let mut kept: Option<BufReader<TcpStream>> = None;
    while !done.load(Ordering::Relaxed) {
        let answer = kept.as_mut().and_then(|stream| once(stream, &request));
        let answer = answer.or_else(|| {
            let stream = TcpStream::connect((HERE, scene.port)).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            once(kept.insert(BufReader::new(stream)), &request)
        });
        match answer {
            Some(status) if status.starts_with("HTTP/1.1 200") => answered.fetch_add(1, Ordering::Relaxed),
            other => return Err(format!("kept: {other:?}")),
        };
    }
    Ok(())
}

/// Dropped, also by a failure, it is over for those who ask.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One request on a connection of its own: its answer.
fn ask(scene: &Scene, cookie: &str) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect((HERE, scene.port)).map_err(told)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    let host = format!("{HERE}:{}", scene.port);
    let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(told)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(told)?;
    if answer.starts_with("HTTP/1.1 200") && answer.contains("x-forwarded-user: ada") {
        return Ok(answer);
    }
    Err(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_refuse_nobody_and_sign_nobody_out() {
    let (scene, socket) = scene();
    scene.put("config.yaml", &scene.plain(STATE));
    let gate = start(&scene, &socket);
    assert!(gate.says("\"handed_over\":\"public\"") && gate.says("\"console\":\"off\""));
    let kept = scene.at("state/sessions").display().to_string();
    assert!(gate.says(&format!("sessions are kept in memory; a restart takes them along in {kept}")));
    let ada = scene.signed_in(HERE).await;
    let cookies = &ada.jar[HERE];
    let cookie = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let (done, answered, failed) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let gate = std::thread::scope(|scope| {
        let over = Over(&done);
        for _ in 0..2 {
            scope.spawn(|| {
                if let Err(problem) = keep_asking(&scene, &cookie, &done, &answered) {
                    failed.lock().unwrap().push(problem);
                }
            });
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    match ask(&scene, &cookie) {
                        Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Err(problem) => failed.lock().unwrap().push(problem),
                    }
                }
            });
        }
        // Some answers by each process, or none has been asked of it; whoever fails has them end as well.
        let some_more = || {
            let (began, before) = (Instant::now(), answered.load(Ordering::Relaxed));
            while answered.load(Ordering::Relaxed) < before + 20 && failed.lock().unwrap().is_empty() {
                assert!(began.elapsed() < PATIENCE, "nobody is answered");
                std::thread::yield_now();
            }
        };
        let mut gate = gate;
        for _ in 0..RESTARTS {
            some_more();
            gate.terminate();
            gate = start(&scene, &socket);
        }
        some_more();
        drop(over);
        gate
    });
    let (answered, failed) = (answered.into_inner(), failed.into_inner().unwrap());
    println!("{RESTARTS} restarts, {answered} requests, {} failed", failed.len());
    assert!(failed.is_empty(), "{} of {answered} failed: {:?}", failed.len(), failed.first());
    assert_eq!(gate.terminate(), Some(0));
}

#[test]
fn what_is_handed_over_and_not_configured_is_refused_by_run_and_check() {
    let (scene, socket) = scene();
    let refused = |names: &str, config: &str, said: &str| {
        scene.put("config.yaml", config);
        for what in ["run", "check"] {
            let output = command(&scene, &socket, names, what).output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(64), "{what}: {text}");
            assert!(text.contains(said), "{what}: {text}");
        }
    };
    let config = scene.plain("");
    refused("vestibule.socket", &config, "FileDescriptorName= of its socket unit must be public,");
    refused("grpc", &config, "listen.grpc is off, and a socket called `grpc` was handed over");
    refused("admin", &config, &format!("admin.listen says 127.0.0.1:{}, and the socket", scene.admin));
    refused("public:public", &config, "two sockets called `public`");
    scene.put("config.yaml", &config);
    let output = command(&scene, &socket, "public", "check").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_when_it_reads_again_and_when_it_goes() {
    let (scene, socket) = scene();
    let manager = UnixDatagram::bind(scene.at("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut text = [0; 1000];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    };
    scene.put("config.yaml", &scene.plain("reload: {watch: false}"));
    let mut command = command(&scene, &socket, "public", "run");
    command.env("NOTIFY_SOCKET", scene.at("notify"));
    let gate = Program::start_with_input("vestibule", &mut command, scene.folder.path());
    assert_eq!(told(), "READY=1\nSTATUS=takes requests\n");
    let hang_up = || {
        let done = Command::new("kill").args(["-HUP", &gate.id().to_string()]).status().unwrap();
        assert!(done.success());
        let reloading = told();
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        told()
    };
    assert_eq!(hang_up(), "READY=1\nSTATUS=takes requests\n");
    scene.put("config.yaml", "nonsense: 1");
    let refused = hang_up();
    assert!(refused.starts_with("READY=1\n") && refused.contains("was refused, see the log"), "{refused}");
    assert_eq!(gate.terminate(), Some(0));
    assert!(told().starts_with("STOPPING=1\n"));
}

#[test]
fn the_example_units_are_what_systemd_understands_and_leave_little_open() {
    let analyze = |arguments: &[&str], folder: &std::path::Path| {
        Command::new("systemd-analyze").args(arguments).current_dir(folder).output()
    };
    let folder = tempfile::tempdir().unwrap();
    if analyze(&["--version"], folder.path()).is_err() {
        eprintln!("skipped: systemd-analyze is not here (Debian package systemd)");
        return;
    }
    let units = ["vestibule.service", "vestibule.socket", "vestibule-admin.socket"];
    for name in units {
        let at = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/systemd/");
        let unit = std::fs::read_to_string(format!("{at}{name}")).unwrap();
        // Nothing is installed here.
        let unit = unit.replace("/usr/local/bin/vestibule", env!("CARGO_BIN_EXE_vestibule"));
        std::fs::write(folder.path().join(name), unit).unwrap();
    }
    let verified = analyze(
        &[
            "verify",
            "--man=no",
            "--recursive-errors=no",
            "./vestibule.service",
            "./vestibule.socket",
            "./vestibule-admin.socket",
        ],
        folder.path(),
    )
    .unwrap();
    let said = String::from_utf8([verified.stdout, verified.stderr].concat()).unwrap();
    assert!(verified.status.success() && !said.contains("vestibule"), "{said}");
    let judged =
        analyze(&["security", "--offline=yes", "--threshold=20", "./vestibule.service"], folder.path())
            .unwrap();
    let said = String::from_utf8([judged.stdout, judged.stderr].concat()).unwrap();
    assert!(judged.status.success(), "over 2.0 of 10:\n{said}");
}
