//! Nobody reads, or the disk is full.

use crate::house::{House, PATIENCE, Secrets, end};
use crate::visitor::Visitor;
use http::StatusCode;
use std::io::Read as _;
use std::time::{Duration, Instant};

async fn ready(house: &House) {
    let patience = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", house.ports.public)).is_err() {
        assert!(patience.elapsed() < PATIENCE, "the gate does not start");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_does_not_read_the_log_stalls_no_request_and_no_end() {
    let house = House::new("");
    let mut gate = house.start_piped();
    ready(&house).await;
    let mut visitor = Visitor::new();
    // A pipe holds 64 KiB, which is some two hundred lines.
    for n in 0..600 {
        let away = visitor.get(&house.url(&format!("/{n}/{}", "x".repeat(200)))).await;
        assert_eq!(away.status, StatusCode::FOUND);
    }
    let metrics = house.metrics().await;
    assert!(metrics.contains("vestibule_log_dropped_total 0\n"), "{metrics}");
    let began = Instant::now();
    // Nobody reads the last lines either.
    end(&mut gate);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_reads_late_finds_everything() {
    let house = House::new("log: {format: json}\n");
    let mut gate = house.start_piped();
    ready(&house).await;
    let mut visitor = Visitor::new();
    for n in 0..600 {
        visitor.get(&house.url(&format!("/{n}/{}", "x".repeat(200)))).await;
    }
    let mut stdout = gate.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut output = String::new();
        stdout.read_to_string(&mut output).unwrap();
        output
    });
    assert!(end(&mut gate).success());
    let output = reader.join().unwrap();
    for n in [0, 300, 599] {
        assert!(output.contains(&format!("\"path\":\"/{n}/xxx")), "request {n}");
    }
    let last: serde_json::Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "gate-stopped");
}

#[tokio::test]
async fn a_full_disk_is_counted_and_complained_of_and_people_come_in() {
    let house = House::new("audit: {output: file, file: /dev/full}\n");
    let gate = house.start();
    let came = house.sign_in(&mut Visitor::new(), "ada", &mut Secrets::default()).await;
    assert_eq!(came.status, StatusCode::SEE_OTHER, "{came:?}");
    let patience = Instant::now();
    while house.metrics().await.contains("vestibule_audit_dropped_total 0\n")
        || !gate.program.log().contains("audit events cannot be written as they should")
    {
        assert!(patience.elapsed() < PATIENCE, "{}", gate.program.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(gate.program.log().matches("audit events cannot be written").count(), 1, "once a minute");
}

#[tokio::test]
async fn where_the_audit_is_required_nobody_comes_in_while_it_cannot_be_written() {
    let house = House::new("audit: {output: file, file: audit.log, required: true}\n");
    let gate = house.start();
    let mut ada = Visitor::new();
    let came = house.sign_in(&mut ada, "ada", &mut Secrets::default()).await;
    assert_eq!(came.status, StatusCode::SEE_OTHER, "{came:?}");
    house.events_with("audit.log", "sign-in").await;
    // From here on nothing can be written; the first event is lost, and with it everybody knows.
    std::fs::remove_file(house.path("audit.log")).unwrap();
    std::fs::create_dir(house.path("audit.log")).unwrap();
    let denied = ada.get(&house.url("/admin/x")).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN, "who is in stays in");
    let patience = Instant::now();
    while !gate.program.log().contains("audit events cannot be written") {
        assert!(patience.elapsed() < PATIENCE, "{}", gate.program.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let refused = house.sign_in(&mut Visitor::new(), "bob", &mut Secrets::default()).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
    assert_eq!(ada.get(&house.url("/vestibule/whoami")).await.status, StatusCode::OK);

    // Both events are lost by now.
    while !house.metrics().await.contains("vestibule_audit_dropped_total 2\n") {
        assert!(patience.elapsed() < PATIENCE, "{}", house.metrics().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::remove_dir(house.path("audit.log")).unwrap();
    // The event of this refusal is the first that can be written again.
    let refused = house.sign_in(&mut Visitor::new(), "bob", &mut Secrets::default()).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
    let events = house.events_with("audit.log", "events-lost").await;
    assert_eq!(events[0]["code"], "audit-unavailable", "{events:#?}");
    let came = house.sign_in(&mut Visitor::new(), "bob", &mut Secrets::default()).await;
    assert_eq!(came.status, StatusCode::SEE_OTHER, "{came:?}");
}
