//! The dashboard and the alerts speak of metrics that the program has, and of all that matter.

use super::helm::{RENDERED, chart, root};
use super::support::gate::{GateProcess, Ports};
use super::support::program::free_port;
use super::support::visitor::Visitor;
use serde_json::Value;
use std::collections::BTreeSet;

/// Words that begin as our metrics do.
fn names(text: &str) -> BTreeSet<String> {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !of_a_name(c)).filter(|word| word.starts_with("vestibule_"));
    words.map(str::to_owned).collect()
}

fn dashboard() -> String {
    std::fs::read_to_string(chart().join("dashboards/vestibule.json")).unwrap()
}

fn alerts() -> Vec<Value> {
    let rules = RENDERED["monitoring"].only("PrometheusRule");
    rules["spec"]["groups"][0]["rules"].as_array().unwrap().clone()
}

/// What a running gate has, also with a shared store and a collector of traces that are not there: each family as Prometheus will call its series.
async fn of_the_program() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let metadata = root().join("tests/shapes/cases/okta.metadata.xml");
    std::fs::copy(metadata, folder.path().join("idp-metadata.xml")).unwrap();
    let ports = Ports::choose();
    let config = format!(
        "public_url: http://127.0.0.1:{}\nupstream: http://127.0.0.1:9\nidentity_providers:\n  - {{id: corp, metadata_file: idp-metadata.xml}}\n\
         tracing: {{otlp_endpoint: \"http://127.0.0.1:9\"}}\n\
         store: redis\nredis: {{url: \"redis://127.0.0.1:{}\"}}\nsession: {{secret: zq8KVb5lI0yTtWcXf3uDn7RmAoEpS1hJ}}\n",
        ports.public,
        free_port()
    );
    let gate = GateProcess::start(folder.path(), &ports, &config);
    // Kubernetes must not put it in the place of one that has reached its store.
    let readiness = Visitor::new().get(&format!("http://127.0.0.1:{}/readyz", gate.admin_port)).await;
    assert_eq!(readiness.status, 503, "{readiness:?}");
    assert!(readiness.body.contains("session store"), "{readiness:?}");
    let page = Visitor::new().get(&format!("http://127.0.0.1:{}/metrics", gate.admin_port)).await.body;
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let series = families.flat_map(|(name, kind)| match kind {
        "counter" => vec![format!("{name}_total")],
        "histogram" => ["bucket", "count", "sum"].map(|end| format!("{name}_{end}")).to_vec(),
        "info" => vec![format!("{name}_info")],
        _ => vec![name.to_owned()],
    });
    series.collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_the_alerts_is_one_of_the_programs_which_waits_for_its_store() {
    let has = of_the_program().await;
    assert!(has.len() > 15, "{has:?}");
    let shown = names(&dashboard());
    let watched: BTreeSet<String> =
        alerts().iter().flat_map(|alert| names(alert["expr"].as_str().unwrap())).collect();
    for (place, named) in [("dashboard", &shown), ("alerts", &watched)] {
        let foreign: Vec<&String> = named.difference(&has).collect();
        assert!(foreign.is_empty(), "{place}: the program has no {foreign:?}");
    }
    assert!(shown.len() > 15 && watched.len() > 8, "{shown:?} {watched:?}");
}

#[test]
fn every_metric_of_the_dashboard_is_explained_in_the_docs() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let explained = names(&page);
    for name in names(&dashboard()) {
        let family = name.trim_end_matches("_bucket").trim_end_matches("_count");
        assert!(explained.contains(family), "{name}");
    }
}

#[test]
fn the_alerts_are_those_that_the_docs_name_and_only_of_this_release() {
    for page in ["docs/operations.md", "docs/metadata.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let (_, watch) =
            text.split_once("Worth an alarm").or_else(|| text.split_once("## What to watch")).unwrap();
        let watch = watch.split("\n## ").next().unwrap();
        for name in names(watch) {
            let alert =
                alerts().into_iter().find(|alert| names(alert["expr"].as_str().unwrap()).contains(&name));
            assert!(alert.is_some(), "{page}: {name}");
        }
    }
    for alert in alerts() {
        let expression = alert["expr"].as_str().unwrap();
        assert!(expression.contains(r#"namespace="sso",service="demo-vestibule-metrics""#), "{expression}");
        assert_eq!(alert["labels"]["team"], "platform");
        assert!(!alert["annotations"]["summary"].as_str().unwrap().is_empty());
    }
    let certificate =
        alerts().into_iter().find(|alert| alert["alert"] == "VestibuleOwnCertificateEnds").unwrap();
    assert!(certificate["expr"].as_str().unwrap().ends_with("< 21"));
}

#[test]
fn the_dashboard_arrives_whole() {
    let map = RENDERED["monitoring"].named("ConfigMap", "demo-vestibule-dashboard");
    let carried: Value = serde_json::from_str(map["data"]["vestibule.json"].as_str().unwrap()).unwrap();
    let written: Value = serde_json::from_str(&dashboard()).unwrap();
    assert_eq!(carried, written);
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    let panels = written["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has a number of its own");
}

#[test]
fn prometheus_finds_the_port_of_the_metrics() {
    let monitoring = &RENDERED["monitoring"];
    let monitor = &monitoring.only("ServiceMonitor")["spec"];
    let wanted = monitor["selector"]["matchLabels"].as_object().unwrap();
    let found: Vec<&Value> = monitoring
        .of_kind("Service")
        .filter(|service| wanted.iter().all(|(key, value)| &service["metadata"]["labels"][key] == value))
        .collect();
    assert_eq!(found.len(), 1, "one Service and not each");
    assert_eq!(found[0]["spec"]["ports"][0]["name"], monitor["endpoints"][0]["port"]);
}
