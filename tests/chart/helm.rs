//! helm and the judges, run.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// Two generations are in use.
pub const HELMS: [&str; 2] = ["helm3", "helm4"];

/// The oldest that Chart.yaml admits, one in between, and the newest that has schemas.
pub const KUBERNETES: [&str; 3] = ["1.29", "1.33", "1.37"];

pub const RELEASE: &str = "demo";
pub const NAMESPACE: &str = "sso";

/// What was rendered: its documents, and what the schemas have against them.
pub struct Rendered {
    pub documents: Vec<Value>,
    pub problems: Vec<String>,
}

impl Rendered {
    pub fn of_kind(&self, kind: &str) -> std::vec::IntoIter<&Value> {
        let found: Vec<&Value> = self.documents.iter().filter(|document| document["kind"] == kind).collect();
        found.into_iter()
    }

    pub fn only(&self, kind: &str) -> &Value {
        let found: Vec<&Value> = self.of_kind(kind).collect();
        assert_eq!(found.len(), 1, "{kind}");
        found[0]
    }

    pub fn named(&self, kind: &str, name: &str) -> &Value {
        self.of_kind(kind)
            .find(|document| document["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("{kind} {name}"))
    }
}

/// Every value set of helm/vestibule/ci, rendered and judged once for all tests of this program.
pub static RENDERED: LazyLock<BTreeMap<String, Rendered>> = LazyLock::new(|| {
    let texts = value_sets().into_iter().map(|(name, values)| {
        let text = template("helm4", &values, &[]).unwrap_or_else(|said| panic!("{name}: {said}"));
        (name, text)
    });
    judge(&texts.collect())
});

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn chart() -> PathBuf {
    root().join("helm/vestibule")
}

/// Name and file of each value set.
pub fn value_sets() -> BTreeMap<String, PathBuf> {
    let sets: BTreeMap<String, PathBuf> = std::fs::read_dir(chart().join("ci"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    assert!(sets.len() >= 8, "{sets:?}");
    sets
}

fn installed(name: &str) -> PathBuf {
    let path = root().join("target/counterparts/chart").join(name);
    assert!(path.exists(), "{} is missing: scripts/counterparts.sh installs it", path.display());
    path
}

/// One command of one helm, with no configuration or cache of the person's own.
pub fn run(helm: &str, arguments: &[&str], values: &Path, sets: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(installed(helm));
    command.args(arguments).arg("--values").arg(values).env_clear().env("HOME", home.path());
    for set in sets {
        command.args(["--set", set]);
    }
    command.output().unwrap()
}

/// What `helm template` prints, or what it complains of.
pub fn template(helm: &str, values: &Path, sets: &[&str]) -> Result<String, String> {
    let chart = chart();
    let arguments = ["template", RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE];
    let output = run(helm, &arguments, values, sets);
    let words = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(words(output.stdout)) } else { Err(words(output.stderr)) }
}

/// Renders one value set with changes.
pub fn rendered(set: &str, sets: &[&str]) -> Rendered {
    let text =
        template("helm4", &value_sets()[set], sets).unwrap_or_else(|said| panic!("{set} {sets:?}: {said}"));
    judge(&BTreeMap::from([(set.to_owned(), text)])).remove(set).unwrap()
}

/// Reads renderings and holds them against the schemas.
pub fn judge(texts: &BTreeMap<String, String>) -> BTreeMap<String, Rendered> {
    let verdicts = asked(
        Command::new(installed("python").join("bin/python"))
            .arg(root().join("tests/chart/judge.py"))
            .arg(installed("crds"))
            .args(KUBERNETES),
        &serde_json::to_vec(texts).unwrap(),
    );
    let Value::Object(verdicts) = verdicts else { panic!("{verdicts}") };
    let each = verdicts.into_iter().map(|(name, mut verdict)| {
        let documents = serde_json::from_value(verdict["documents"].take()).unwrap();
        let problems = serde_json::from_value(verdict["problems"].take()).unwrap();
        (name, Rendered { documents, problems })
    });
    each.collect()
}

/// What Kubernetes' own admission says of pods: name, whether it lets them in, and why not.
pub fn admission(pods: &Value) -> Vec<Value> {
    let verdicts = asked(&mut Command::new(installed("restricted")), &serde_json::to_vec(pods).unwrap());
    verdicts.as_array().unwrap().clone()
}

fn asked(command: &mut Command, question: &[u8]) -> Value {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(question).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
