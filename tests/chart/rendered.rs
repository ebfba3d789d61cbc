//! What the chart renders to, whatever the values.

use super::helm::{HELMS, RENDERED, chart, judge, rendered, root, run, template, value_sets};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn helm_finds_nothing_to_say_about_any_value_set() {
    for (name, values) in value_sets() {
        for helm in HELMS {
            let output = run(helm, &["lint", "--strict", chart().to_str().unwrap()], &values, &[]);
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success(),
                "{helm}, {name}: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(!said.contains("[WARNING]") && !said.contains("[ERROR]"), "{helm}, {name}: {said}");
        }
    }
}

#[test]
fn helm_3_and_helm_4_render_the_same() {
    for (name, values) in value_sets() {
        assert_eq!(template("helm3", &values, &[]), template("helm4", &values, &[]), "{name}");
    }
}

#[test]
fn every_object_is_as_three_versions_of_kubernetes_and_other_peoples_definitions_want_it() {
    for (name, rendered) in RENDERED.iter() {
        assert!(rendered.problems.is_empty(), "{name}: {:#?}", rendered.problems);
        assert!(!rendered.documents.is_empty(), "{name}");
    }
}

#[test]
fn the_schemas_find_what_is_wrong() {
    let deployment = template("helm4", &value_sets()["proxy"], &[]).unwrap();
    let monitoring = template("helm4", &value_sets()["monitoring"], &[]).unwrap();
    let route = template("helm4", &value_sets()["gateway-api"], &[]).unwrap();
    let wrong = BTreeMap::from([
        ("type", deployment.replace("replicas: 1", "replicas: one")),
        ("unknown", deployment.replace("enableServiceLinks", "enableServiceLink")),
        ("twice", deployment.replace("replicas: 1", "replicas: 1\n  replicas: 1")),
        ("monitor", monitoring.replace("interval: 15s", "intervall: 15s")),
        ("rule", monitoring.replace("expr:", "expression:")),
        ("route", route.replace("type: ExternalAuth", "type: Auth")),
        ("filter", route.replace("allowedHeaders:", "headers:")),
    ]);
    for (name, verdict) in judge(&wrong.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()) {
        assert!(!verdict.problems.is_empty(), "{name}");
    }
}

#[test]
fn the_sidecar_example_is_as_kubernetes_wants_it() {
    let text = std::fs::read_to_string(chart().join("examples/sidecar.yaml")).unwrap();
    let verdict = judge(&BTreeMap::from([("sidecar".to_owned(), text)])).remove("sidecar").unwrap();
    assert!(verdict.problems.is_empty(), "{:#?}", verdict.problems);
    assert_eq!(verdict.documents.len(), 3);
}

#[test]
fn every_value_can_be_said_and_none_that_is_unknown() {
    let proxy = &value_sets()["proxy"];
    for unknown in [
        "replicas=2",
        "config.file=x",
        "metrics.rules.days=3",
        "gatewayApi.gatewayRef.nam=x",
        "service.port=80",
    ] {
        let said = template("helm4", proxy, &[unknown]).unwrap_err();
        assert!(said.contains("additional properties"), "{unknown}: {said}");
    }
    for wrong in
        ["sessionStorage.type=disk", "replicaCount=0", "service.type=ExternalName", "image.digest=sha256:1"]
    {
        let said = template("helm4", proxy, &[wrong]).unwrap_err();
        assert!(said.contains("don't meet the specifications of the schema"), "{wrong}: {said}");
    }
}

#[test]
fn the_chart_is_as_old_as_the_program() {
    let chart = std::fs::read_to_string(chart().join("Chart.yaml")).unwrap();
    assert!(chart.contains(&format!("appVersion: \"{}\"", env!("CARGO_PKG_VERSION"))), "{chart}");
    let sidecar = std::fs::read_to_string(root().join("helm/vestibule/examples/sidecar.yaml")).unwrap();
    assert!(sidecar.contains(&format!("image: vestibule:{}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn every_selector_finds_the_pods_and_nothing_but_them() {
    for (name, rendered) in RENDERED.iter() {
        let workload = workload(rendered);
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        let finds = |selector: &Value, labels: &Value| {
            selector.as_object().unwrap().iter().all(|(key, value)| &labels[key] == value)
        };
        assert!(finds(&workload["spec"]["selector"]["matchLabels"], labels), "{name}");
        for service in rendered.of_kind("Service") {
            assert!(finds(&service["spec"]["selector"], labels), "{name}: {service}");
        }
        for policy in rendered.of_kind("NetworkPolicy") {
            assert!(finds(&policy["spec"]["podSelector"]["matchLabels"], labels), "{name}");
        }
        for test in rendered.of_kind("Pod") {
            let own = &test["metadata"]["labels"];
            assert!(
                !finds(&workload["spec"]["selector"]["matchLabels"], own),
                "{name}: helm test gets no traffic"
            );
        }
        // Where a Service leads, somebody listens.
        let ports: BTreeSet<&str> = container(workload)["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| port["name"].as_str().unwrap())
            .collect();
        for service in rendered.of_kind("Service") {
            for port in service["spec"]["ports"].as_array().unwrap() {
                assert!(ports.contains(port["targetPort"].as_str().unwrap()), "{name}: {port}");
            }
        }
    }
}

#[test]
fn gateways_ask_at_a_service_of_their_own_that_no_load_balancer_publishes() {
    let asked = rendered("forward-auth", &["service.type=LoadBalancer"]);
    assert_eq!(asked.named("Service", "demo-vestibule")["spec"]["type"], "LoadBalancer");
    assert_eq!(asked.named("Service", "demo-vestibule-authz")["spec"]["type"], "ClusterIP");
    let pages = &asked.named("Service", "demo-vestibule")["spec"]["ports"];
    assert_eq!(pages.as_array().unwrap().len(), 1, "{pages}");
    assert_eq!(RENDERED["proxy"].of_kind("Service").count(), 2, "pages and metrics");
}

#[test]
fn another_configuration_is_another_pod() {
    let checksum = |sets: &[&str]| {
        let rendered = rendered("proxy", sets);
        workload(&rendered)["spec"]["template"]["metadata"]["annotations"].clone()
    };
    let before = checksum(&[]);
    assert_eq!(before, checksum(&["podDisruptionBudget.minAvailable=2"]));
    assert_ne!(before, checksum(&["config.configData.session.idle_timeout=5m"]));
    assert_ne!(before, checksum(&["config.files.people\\.txt=ada@example.com"]));
    assert_ne!(
        checksum(&["secrets.existingSecret=", "secrets.files.sp-key\\.pem=one"]),
        checksum(&["secrets.existingSecret=", "secrets.files.sp-key\\.pem=two"])
    );
}

#[test]
fn one_replica_with_sessions_in_memory_is_never_two_for_a_moment() {
    assert_eq!(workload(&RENDERED["proxy"])["spec"]["strategy"], json!({"type": "Recreate"}));
}

#[test]
fn replicas_that_share_their_sessions_grow_are_spread_and_do_not_go_all_at_once() {
    let replicas = &RENDERED["replicas"];
    let spec = &workload(replicas)["spec"];
    assert_eq!(spec["replicas"], Value::Null, "that is the autoscaler's");
    assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxSurge": 1, "maxUnavailable": 0}));
    let spread = spec["template"]["spec"]["topologySpreadConstraints"].as_array().unwrap();
    assert_eq!(spread.len(), 2, "over nodes and zones");
    let scaler = &replicas.only("HorizontalPodAutoscaler")["spec"];
    assert_eq!(scaler["scaleTargetRef"]["kind"], "Deployment");
    assert_eq!((&scaler["minReplicas"], scaler["metrics"].as_array().unwrap().len()), (&json!(3), 2));
    assert_eq!(replicas.only("PodDisruptionBudget")["spec"]["minAvailable"], 2);
    assert_eq!(workload(&RENDERED["replicas-grpc"])["kind"], "StatefulSet", "each with a volume of its own");
    // One replica would block every drain of its node.
    assert_eq!(RENDERED["proxy"].of_kind("PodDisruptionBudget").count(), 0);
}

#[test]
fn passwords_of_the_store_are_files_and_not_words_of_the_environment() {
    let gate = container(workload(&RENDERED["replicas-grpc"]));
    let environment = gate["env"].to_string();
    for file in ["redis/password", "redis/sentinel-password"] {
        assert!(environment.contains(file), "{environment}");
        let volumes = workload(&RENDERED["replicas-grpc"])["spec"]["template"]["spec"]["volumes"].to_string();
        assert!(volumes.contains(&format!(r#""path":"{file}""#)), "{volumes}");
    }
}

#[test]
fn gateways_that_ask_by_grpc_are_told_of_http_2() {
    let grpc = &RENDERED["replicas-grpc"];
    let ports = grpc.named("Service", "demo-vestibule-authz")["spec"]["ports"].as_array().unwrap();
    assert_eq!(ports[1]["appProtocol"], "kubernetes.io/h2c");
    let filter = &grpc.only("HTTPRoute")["spec"]["rules"][1]["filters"][0]["externalAuth"];
    assert_eq!((&filter["protocol"], &filter["backendRef"]["port"]), (&json!("GRPC"), &json!(4182)));
    let policy = grpc.only("NetworkPolicy")["spec"]["ingress"].to_string();
    assert!(policy.contains(r#""port":"grpc""#), "{policy}");
}

#[test]
fn state_is_a_volume_for_each_replica() {
    let own = workload(&RENDERED["state"]);
    assert_eq!(own["kind"], "StatefulSet");
    assert_eq!(own["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"], "1Gi");
    let given = workload(&RENDERED["existing-config"]);
    assert_eq!(given["kind"], "Deployment");
    let volumes = given["spec"]["template"]["spec"]["volumes"].to_string();
    assert!(volumes.contains("gate-state"), "{volumes}");
}

#[test]
fn the_route_asks_the_gate_first_and_its_own_pages_are_not_asked_about() {
    let route = RENDERED["gateway-api"].only("HTTPRoute");
    let rules = route["spec"]["rules"].as_array().unwrap();
    assert_eq!(route["spec"]["hostnames"], json!(["app.example.com"]));
    let (pages, rest) = (&rules[0], &rules[1]);
    assert_eq!(pages["matches"][0]["path"], json!({"type": "PathPrefix", "value": "/vestibule"}));
    assert_eq!(pages["matches"][2]["path"], json!({"type": "Exact", "value": "/mellon/postResponse"}));
    assert_eq!(pages["filters"], Value::Null);
    assert_eq!(pages["backendRefs"][0]["name"], "demo-vestibule");
    let filter = &rest["filters"][0]["externalAuth"];
    assert_eq!(filter["backendRef"], json!({"name": "demo-vestibule-authz", "port": 4181}));
    assert_eq!(filter["http"]["path"], "/vestibule/authz/ext-authz");
    let allowed = filter["http"]["allowedHeaders"].as_array().unwrap();
    assert!(allowed.contains(&json!("cookie")), "without it nobody is ever signed in");
    assert_eq!(rest["backendRefs"][0], json!({"name": "app", "port": 3000}));
    // As the printed text has it: nothing of the client's about the address, nothing of the identity to the page.
    let removed = |place: usize, name: &str| {
        rest["filters"][place][name]["remove"]
            .as_array()
            .unwrap()
            .iter()
            .map(|at| at.as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert!(removed(1, "requestHeaderModifier").contains(&"x-original-url"));
    assert!(removed(2, "responseHeaderModifier").contains(&"x-vestibule-jwt-assertion"));
    // Each host that people type, with a wildcard for tenants.
    let route = RENDERED["text-and-sites"].only("HTTPRoute");
    assert_eq!(route["spec"]["hostnames"], json!(["wiki.example.com", "*.app.example.com"]));
}

#[test]
fn a_policy_lets_nobody_ask_or_read_metrics_who_is_not_named() {
    let policy = &RENDERED["forward-auth"].only("NetworkPolicy")["spec"];
    let from = |port: &str| {
        let rules = policy["ingress"].as_array().unwrap();
        rules.iter().find(|rule| rule["ports"][0]["port"] == port).unwrap()["from"].to_string()
    };
    assert!(from("authz").contains("nginx") && !from("authz").contains("monitoring"));
    assert!(from("metrics").contains("monitoring") && !from("metrics").contains("nginx"));
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    let nobody =
        rendered("forward-auth", &["networkPolicy.authzFrom=null", "networkPolicy.metricsFrom=null"]);
    for rule in nobody.only("NetworkPolicy")["spec"]["ingress"].as_array().unwrap() {
        if rule["ports"][0]["port"] != "http" {
            assert_eq!(
                rule["from"],
                json!([{"podSelector": {}}]),
                "the namespace's own, and never everybody"
            );
        }
    }
}

#[test]
fn health_is_asked_by_http_or_by_the_program_itself() {
    let listened = container(workload(&RENDERED["proxy"]));
    assert_eq!(listened["livenessProbe"]["httpGet"], json!({"path": "/healthz", "port": "metrics"}));
    assert_eq!(listened["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "metrics"}));
    let closed = container(workload(&RENDERED["existing-secret"]));
    let command = closed["readinessProbe"]["exec"]["command"].as_array().unwrap();
    let words: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words, ["/usr/local/bin/vestibule", "healthcheck", "--url", "http://127.0.0.1:9090/readyz"]);
    assert_eq!(closed["startupProbe"], Value::Null);
}

pub fn workload(rendered: &super::helm::Rendered) -> &Value {
    let is_one = |document: &&Value| document["kind"] == "Deployment" || document["kind"] == "StatefulSet";
    rendered.documents.iter().find(is_one).unwrap()
}

/// The gate's own container.
pub fn container(workload: &Value) -> &Value {
    let containers = workload["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    containers.iter().find(|container| container["name"] == "vestibule").unwrap()
}
