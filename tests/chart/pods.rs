//! Every pod is one that the Pod Security Standard `restricted` lets in: by Kubernetes' own admission, and by a reading of
//! ours that asks for more than it.

use super::helm::{RENDERED, Rendered, admission, chart, judge, rendered};
use super::rendered::{container, workload};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every pod in what was rendered, with the name of whatever makes it.
fn pods(rendered: &Rendered) -> Vec<Value> {
    let found = rendered.documents.iter().filter_map(|document| {
        let pod = match document["kind"].as_str()? {
            "Pod" => document,
            "Deployment" | "StatefulSet" => &document["spec"]["template"],
            _ => return None,
        };
        let name = &document["metadata"]["name"];
        Some(json!({"name": name, "metadata": pod["metadata"], "spec": pod["spec"]}))
    });
    found.collect()
}

fn sidecar() -> Rendered {
    let text = std::fs::read_to_string(chart().join("examples/sidecar.yaml")).unwrap();
    judge(&BTreeMap::from([("sidecar".to_owned(), text)])).remove("sidecar").unwrap()
}

#[test]
fn kubernetes_own_admission_lets_every_pod_in_under_restricted() {
    let mut asked = pods(&sidecar());
    for rendered in RENDERED.values() {
        asked.extend(pods(rendered));
    }
    assert!(asked.len() > 2 * RENDERED.len(), "with each one the pod of helm test");
    for verdict in admission(&Value::Array(asked)) {
        assert_eq!(verdict["allowed"], true, "{verdict}");
    }
}

#[test]
fn it_would_refuse_a_pod_that_may_more() {
    for (more, because) in [
        ("securityContext.allowPrivilegeEscalation=true", "allowPrivilegeEscalation"),
        ("securityContext.capabilities.drop=null", "capabilities"),
        ("securityContext.runAsUser=0", "runAsUser=0"),
        ("securityContext.privileged=true", "privileged"),
        ("extraVolumes[0].name=host,extraVolumes[0].hostPath.path=/", "hostPath"),
        ("securityContext.seccompProfile.type=Unconfined", "seccompProfile"),
    ] {
        let verdicts = admission(&Value::Array(pods(&rendered("proxy", &[more]))));
        let refused = verdicts.iter().find(|verdict| verdict["allowed"] == false);
        let reason = refused.unwrap_or_else(|| panic!("{more}"))["reason"].as_str().unwrap();
        assert!(reason.contains(because), "{more}: {reason}");
    }
}

#[test]
fn the_gates_container_writes_nowhere_and_knows_nothing_of_the_cluster() {
    for (name, rendered) in RENDERED.iter() {
        for pod in pods(rendered) {
            let spec = &pod["spec"];
            assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
            assert_eq!(spec["enableServiceLinks"], false, "{name}: VESTIBULE_PORT and its kin");
            for key in ["hostNetwork", "hostPID", "hostIPC", "hostUsers"] {
                assert_eq!(spec[key], Value::Null, "{name}: {key}");
            }
        }
        let workload = workload(rendered);
        let gate = container(workload);
        let context = &gate["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(context["runAsUser"], 2000, "{name}");
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{name}: nothing is added");
        for mount in gate["volumeMounts"].as_array().unwrap() {
            let writable = mount["readOnly"] != true;
            let own =
                ["/var/lib/vestibule", "/run/vestibule"].contains(&mount["mountPath"].as_str().unwrap());
            assert!(!writable || own, "{name}: {mount}");
        }
        let volumes = workload["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
        let config = volumes.iter().find(|volume| volume["name"] == "config").unwrap();
        // 0440: keys are for the gate's group, nobody else's.
        assert_eq!(config["projected"]["defaultMode"], 0o440, "{name}");
    }
}

#[test]
fn no_account_has_a_token_mounted() {
    for account in RENDERED.values().flat_map(|rendered| rendered.of_kind("ServiceAccount")) {
        assert_eq!(account["automountServiceAccountToken"], false);
    }
    let somebodys = &workload(&RENDERED["existing-config"])["spec"]["template"]["spec"]["serviceAccountName"];
    assert_eq!(somebodys, "somebody");
}
