//! The configuration in what was rendered, read by the gate itself: the folder as the pod has it, and its environment.

use super::helm::{RENDERED, Rendered, chart, judge, root};
use super::rendered::{container, workload};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// What somebody else's ConfigMap or Secret holds in the value sets that name one.
const GIVEN: &str = "\
public_url: https://app.example.com
upstream: http://app:3000
identity_providers:
  - {id: corp, metadata_url: https://idp.example.com/metadata}
service_provider: {private_key_file: sp-key.pem, certificate_file: sp-cert.pem}
";

/// The files of the pod's volume `config`, as Kubernetes would lay them out.
fn lay_out(rendered: &Rendered, pod: &Value, folder: &Path) {
    let volumes = pod["volumes"].as_array().unwrap();
    let volume = volumes.iter().find(|volume| volume["projected"] != Value::Null).unwrap();
    for source in volume["projected"]["sources"].as_array().unwrap() {
        let (kind, named) = match source.get("secret") {
            Some(secret) => ("Secret", secret),
            None => ("ConfigMap", &source["configMap"]),
        };
        let name = named["name"].as_str().unwrap();
        let ours = rendered.of_kind(kind).find(|document| document["metadata"]["name"] == name);
        if let Some(object) = ours {
            let files = if kind == "Secret" { &object["stringData"] } else { &object["data"] };
            for (file, text) in files.as_object().unwrap() {
                std::fs::write(folder.join(file), text.as_str().unwrap()).unwrap();
            }
        } else if let Some(path) = named["items"][0]["path"].as_str() {
            let text = if path == "config.yaml" { GIVEN } else { "a-password" };
            std::fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            std::fs::write(folder.join(path), text).unwrap();
        } else {
            assert!(name.ends_with("-keys"), "{name} is what `vestibule keygen` made");
            keygen(folder);
        }
    }
}

/// Made once: they are the same to every test.
static KEYS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let made = vestibule().arg("keygen").arg("--out").arg(folder.path().join("keys")).output().unwrap();
    assert!(made.status.success());
    folder
});

fn keygen(folder: &Path) {
    for file in std::fs::read_dir(KEYS.path().join("keys")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
}

/// The values hold words where an owner puts documents.
fn fill_in(folder: &Path) {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(|file| file.is_file()) {
        match std::fs::read_to_string(&file).unwrap_or_default().trim() {
            "PUT-THE-METADATA-HERE" => {
                let metadata = root().join("tests/shapes/cases/okta.metadata.xml");
                std::fs::copy(metadata, &file).unwrap();
            }
            "PUT-A-CERTIFICATE-HERE" => {
                std::fs::copy(KEYS.path().join("keys/sp-cert.pem"), &file).unwrap();
            }
            _ => {}
        }
    }
    let config = folder.join("config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    if text.contains("/branding/logo.svg") {
        // A volume of the owner's own.
        let logo = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>"#;
        std::fs::write(folder.join("logo.svg"), logo).unwrap();
        std::fs::write(&config, text.replace("/branding/logo.svg", "logo.svg")).unwrap();
    }
}

fn vestibule() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env_clear();
    command
}

/// What `vestibule check` says in the pod of this workload, which it must accept.
fn check(rendered: &Rendered, workload: &Value) -> String {
    let (code, said) = checked(rendered, workload);
    assert_eq!(code, Some(0), "{said}");
    said
}

fn checked(rendered: &Rendered, workload: &Value) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let pod = &workload["spec"]["template"]["spec"];
    lay_out(rendered, pod, folder.path());
    fill_in(folder.path());
    let mut command = vestibule();
    command.args(["check", "--config"]).arg(folder.path().join("config.yaml"));
    for variable in container(workload)["env"].as_array().into_iter().flatten() {
        command.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
    }
    let output = command.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

/// What `vestibule check` says of each value set.
static CHECKED: LazyLock<BTreeMap<&str, (Option<i32>, String)>> = LazyLock::new(|| {
    RENDERED.iter().map(|(name, rendered)| (name.as_str(), checked(rendered, workload(rendered)))).collect()
});

#[test]
fn the_gate_accepts_every_configuration_that_is_rendered() {
    for (name, (code, said)) in CHECKED.iter() {
        assert_eq!(*code, Some(0), "{name}: {said}");
        assert!(said.contains("config.yaml is in order"), "{name}: {said}");
        assert!(!said.contains("is not read"), "{name}: a variable that nobody reads: {said}");
    }
}

#[test]
fn the_gate_listens_where_the_services_lead() {
    let listeners = |set: &str| {
        let lines = CHECKED[set].1.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let of = |line: &String| {
            ["public", "authz", "admin"].iter().any(|name| line.starts_with(&format!("{name} ")))
        };
        lines.filter(of).collect::<Vec<String>>()
    };
    let everywhere = ["public http://0.0.0.0:4180", "authz off", "admin http://0.0.0.0:9090"];
    assert_eq!(listeners("proxy"), everywhere);
    let asked = ["public http://0.0.0.0:4180", "authz http://0.0.0.0:4181", "admin http://0.0.0.0:9090"];
    assert_eq!(listeners("forward-auth"), asked);
    assert_eq!(listeners("text-and-sites"), asked, "one of its sites is asked about");
    let closed = ["public http://0.0.0.0:4180", "authz off", "admin http://127.0.0.1:9090"];
    assert_eq!(listeners("existing-secret"), closed);
    assert_eq!(listeners("state")[0], "public http://[::]:4180");
    assert_eq!(listeners("monitoring")[2], "admin http://0.0.0.0:9191");
}

#[test]
fn a_configuration_that_is_wrong_is_found() {
    // The test of the tests: what is rendered is really what is read.
    let set = super::helm::rendered(
        "proxy",
        &["config.configData.upstream=ftp://app", "config.configData.uptream=x"],
    );
    let said = std::panic::catch_unwind(|| check(&set, workload(&set))).unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("upstream") && said.contains("uptream"), "{said}");
}

#[test]
fn the_gate_accepts_the_sidecars_configuration() {
    let text = std::fs::read_to_string(chart().join("examples/sidecar.yaml")).unwrap();
    let sidecar = judge(&BTreeMap::from([("sidecar".to_owned(), text)])).remove("sidecar").unwrap();
    let said = check(&sidecar, workload(&sidecar));
    assert!(said.contains("config.yaml is in order"), "{said}");
}
