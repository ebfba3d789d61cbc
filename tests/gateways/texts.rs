//! The texts themselves: what is printed for which configuration, and what the programs' own checks say of it.

use crate::programs::{Kind, from_pypi};
use crate::support::json_schema;
use crate::world::printed;
use crate::yaml;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A folder with config.yaml and what it names.
pub fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["idp-metadata.xml", "other-metadata.xml"] {
        std::fs::copy(root().join("tests/config/files").join(name), folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    folder
}

const MINIMAL: &str = "public_url: https://app.example.com\nforward_auth: true\n\
    identity_providers:\n  - {id: corp, label: Corporate login, metadata_file: idp-metadata.xml}\n";

/// Two applications, one of two addresses and of two tenants, a sign-on host, and a site that is the gate's own.
pub const SEVERAL: &str = "identity_providers:\n  - {id: corp, metadata_file: idp-metadata.xml}\n\
    headers: {preset: oauth2-proxy}\nlisten: {public: 0.0.0.0:4180, authz: 0.0.0.0:4181, grpc: 0.0.0.0:4182}\n\
    gateways: {secret: 0123456789abcdefghijklmnopqrstuvwxyz}\n\
    sign_on: [{name: door, public_url: https://auth.example.com}]\n\
    sites:\n  \
    - {name: wiki, public_urls: [https://wiki.example.com, \"https://wiki.example.net:8443\"], forward_auth: true, acs_aliases: [/mellon/postResponse]}\n  \
    - {name: shop, public_url: https://shop.example.com, forward_auth: true, sign_on: door}\n  \
    - {name: app, public_url: \"https://*.app.example.com\", forward_auth: true, path_prefix: /gate, tenants: [{name: acme}, {name: globex}]}\n  \
    - {name: own, public_url: https://own.example.com, upstream: \"http://127.0.0.1:3000\"}\n";

const EVERY: [&str; 12] = [
    "nginx",
    "caddy",
    "traefik",
    "traefik-labels",
    "envoy",
    "envoy-grpc",
    "haproxy",
    "haproxy-lua",
    "ingress-nginx",
    "gateway-api",
    "envoy-gateway",
    "istio",
];

fn gateway(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .arg("gateway")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn the_names_are_listed_and_an_unknown_one_is_told_the_nearest() {
    let folder = folder(MINIMAL);
    let listed = gateway(folder.path(), &[]);
    assert!(listed.status.success());
    let lines = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<&str> = lines.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(names, EVERY);
    for (wrong, nearest) in [("ngnix", "nginx"), ("traefic", "traefik"), ("gatewayapi", "gateway-api")] {
        let told = gateway(folder.path(), &[wrong]);
        assert_eq!(told.status.code(), Some(64));
        let told = String::from_utf8(told.stderr).unwrap();
        assert!(told.contains(&format!("the nearest is `{nearest}`")), "{told}");
    }
}

#[test]
fn an_application_address_that_no_site_takes_is_refused() {
    let folder = folder(SEVERAL);
    let at = "--app-address";
    for (wrong, said) in [
        (vec![at, "wkii=10.0.0.7:8080"], "nothing is printed for `wkii`, but for "),
        (vec![at, "wiki=10.0.0.7:8080", at, "wiki=10.0.0.8:8080"], "two addresses for wiki"),
        (vec![at, "10.0.0.7:8080", at, "10.0.0.8:8080"], "two addresses for all that are not named"),
    ] {
        let told = gateway(folder.path(), &[&["nginx"][..], &wrong[..]].concat());
        assert_eq!(told.status.code(), Some(64), "{wrong:?}");
        assert!(told.stdout.is_empty());
        let told = String::from_utf8(told.stderr).unwrap();
        assert!(told.contains(said), "{told}");
    }
}

#[test]
fn an_address_that_names_no_service_is_refused_in_a_cluster() {
    let folder = folder(MINIMAL);
    for name in ["ingress-nginx", "gateway-api", "envoy-gateway", "istio"] {
        for wrong in ["shop:8080", "10.0.0.7:8080"] {
            for flag in ["--app-address", "--gate-address", "--authz-address"] {
                let told = gateway(folder.path(), &[name, flag, wrong]);
                assert_eq!(told.status.code(), Some(64), "{name} {flag} {wrong}");
                assert!(told.stdout.is_empty());
                let told = String::from_utf8(told.stderr).unwrap();
                assert!(told.starts_with(&format!("{flag}: ")) && told.contains(wrong), "{told}");
            }
        }
        let right = ["--app-address", "shop.default:8080", "--gate-address", "gate.sso.svc.cluster.local:80"];
        let text = printed(folder.path(), name, &right);
        assert!(text.contains("shop") && text.contains("8080"), "{text}");
    }
}

#[test]
fn where_the_gate_forwards_itself_there_is_nothing_to_print() {
    let text = MINIMAL.replace("forward_auth: true", "upstream: http://127.0.0.1:3000");
    let proxy = folder(&text);
    let told = gateway(proxy.path(), &["nginx"]);
    assert_eq!(told.status.code(), Some(64));
    assert!(told.stdout.is_empty());
    assert!(String::from_utf8(told.stderr).unwrap().contains("forward_auth: true"));

    let several = folder(SEVERAL);
    let told = gateway(several.path(), &["nginx", "--site", "own"]);
    assert_eq!(told.status.code(), Some(64));
    assert!(String::from_utf8(told.stderr).unwrap().contains("own has an upstream"));
    let told = gateway(several.path(), &["nginx", "--site", "nobody"]);
    assert!(String::from_utf8(told.stderr).unwrap().contains("there is: "));
    assert!(!printed(several.path(), "nginx", &[]).contains("own.example.com"));
}

#[test]
fn where_gateways_ask_by_grpc_alone_the_text_for_that_is_printed_and_no_other() {
    let folder = folder(&format!("{MINIMAL}listen: {{authz: off, grpc: 127.0.0.1:4182}}\n"));
    let text = printed(folder.path(), "envoy-grpc", &[]);
    assert!(text.contains("port_value: 4182") && !text.contains("vestibule-authz"), "{text}");
    let told = gateway(folder.path(), &["envoy"]);
    assert_eq!(told.status.code(), Some(64));
    assert!(String::from_utf8(told.stderr).unwrap().contains("listen.authz is off"));
}

/// Its front page lists the applications, and stands outside of path_prefix.
#[test]
fn every_path_of_a_sign_on_host_leads_to_the_gate_at_haproxy() {
    let several = folder(SEVERAL);
    let text = printed(several.path(), "haproxy", &[]);
    let own: Vec<&str> = text.lines().filter(|line| line.contains("acl vestibule_own_door ")).collect();
    assert_eq!(own, ["    acl vestibule_own_door always_true"]);
    assert!(!text.contains("acl vestibule_own_shop always_true"), "an application is asked about");
}

#[test]
fn a_text_says_nothing_of_other_sites_and_no_secret() {
    let several = folder(SEVERAL);
    for name in EVERY {
        let text = printed(several.path(), name, &["--site", "wiki"]);
        assert!(!text.contains("shop.example.com"), "{name}");
        assert!(!text.contains("0123456789abcdefghijklmnopqrstuvwxyz"), "{name} tells the secret");
        assert!(!text.lines().any(|line| line.ends_with(' ')), "{name}");
        // What no browser is told: these are bytes of Rust's own words for something that is not there.
        assert!(!text.contains("None") && !text.contains("Some("), "{name}");
    }
}

/// Two sites that tell their applications different things. The script would refuse each for want of the other's headers.
#[test]
fn haproxys_script_wants_the_headers_of_the_site_that_is_asked_about() {
    let folder = folder(&SEVERAL.replace("name: shop,", "name: shop, headers: {preset: mellon},"));
    let text = printed(folder.path(), "haproxy-lua", &[]);
    let of = |path: &str| {
        let (_, after) =
            text.split_once(&format!("[\"{path}\"] = {{\n")).unwrap_or_else(|| panic!("{path}: {text}"));
        after.split_once("    },\n").unwrap().0.to_owned()
    };
    let (wiki, shop) =
        (of("/vestibule/authz/sites/wiki/forward-auth"), of("/vestibule/authz/sites/shop/forward-auth"));
    assert!(wiki.contains("[\"x-auth-request-user\"]") && !wiki.contains("mellon"), "{wiki}");
    assert!(shop.contains("[\"mellon-mail\"]") && !shop.contains("x-auth-request"), "{shop}");
    for both in [wiki, shop] {
        assert!(both.contains("[\"x-forwarded-user\"] = \"txn.vestibule_x_forwarded_user\""), "{both}");
    }
}

/// nginx gives a name that nobody has to the first server of the port, which would ask about its own site.
#[test]
fn nginx_knows_the_hosts_of_a_site_that_it_names() {
    let several = folder(SEVERAL);
    let text = printed(several.path(), "nginx", &[]);
    for hosts in [
        "wiki\\.example\\.com|wiki\\.example\\.net",
        "shop\\.example\\.com",
        "acme\\.app\\.example\\.com|globex\\.app\\.example\\.com",
    ] {
        let line = format!("    if ($http_host !~* \"^(?:{hosts})(?::[0-9]+)?$\") {{ return 403; }}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    // Alone it is found by its host, and the gate refuses others.
    let one = folder(MINIMAL);
    assert!(!printed(one.path(), "nginx", &[]).contains("$http_host !~*"));
}

/// Where one header of a family is sent, a client sends no other one of it.
#[test]
fn whole_families_are_taken_from_clients_where_a_gateway_can() {
    let folder =
        folder(&MINIMAL.replace("forward_auth: true", "forward_auth: true\nheaders: {preset: mellon}"));
    let options = ["--grpc-address", "127.0.0.1:4182"];
    for (name, family) in [
        ("caddy", "request_header -Mellon-*\n"),
        ("traefik", "|mellon[^a-z0-9].*|"),
        ("traefik-labels", "|mellon[^a-z0-9].*|"),
        ("haproxy", "del-header ^mellon[^a-z0-9].*$ -m reg\n"),
        ("envoy", "\"^mellon[^a-z0-9].*$\""),
        ("envoy-grpc", "\"^mellon[^a-z0-9].*$\""),
        ("istio", "\"^mellon[^a-z0-9].*$\""),
    ] {
        let text = printed(folder.path(), name, &options);
        assert!(text.contains(family), "{name}: {text}");
        // Of what is sent, all the same.
        assert!(name == "istio" || text.to_lowercase().contains("mellon-mail"), "{name}: {text}");
    }
}

#[test]
fn every_yaml_is_yaml() {
    for config in [MINIMAL, SEVERAL] {
        let folder = folder(config);
        let grpc = ["--grpc-address", "127.0.0.1:4182"];
        for name in ["traefik", "traefik-labels", "envoy", "envoy-grpc"] {
            let found = yaml::documents(&printed(folder.path(), name, &grpc));
            assert!(matches!(&found[..], [Value::Object(_)]), "{name}");
        }
    }
}

/// The labels are the file in another notation. labels.rs runs them, where containers can be started.
#[test]
fn traefiks_labels_say_what_its_file_says() {
    for config in [MINIMAL, SEVERAL] {
        let folder = folder(config);
        let at = ["--authz-address", "vestibule:4181"];
        let file = &yaml::documents(&printed(folder.path(), "traefik", &at))[0];
        let mut of_file = BTreeMap::new();
        flatten("http", &file["http"], &mut of_file);
        // Where containers are is Docker's to say.
        of_file.retain(|key, _| !key.starts_with("http.services."));
        let labels = &yaml::documents(&printed(folder.path(), "traefik-labels", &at))[0];
        let services = labels["services"].as_object().unwrap();
        let of_labels: BTreeMap<String, String> = services
            .values()
            .flat_map(|service| service["labels"].as_object().unwrap())
            .filter(|(key, _)| !key.ends_with(".server.port") && *key != "traefik.enable")
            .map(|(key, value)| {
                let key = key.strip_prefix("traefik.").unwrap().to_lowercase();
                let text = value.as_str().map_or_else(|| value.to_string(), |text| text.replace("$$", "$"));
                (key, text)
            })
            .collect();
        assert_eq!(of_labels, of_file);
        assert!(of_labels.len() > 20);
    }
}

/// Every value under its whole name in small letters; lists joined, as labels have them.
fn flatten(name: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) if members.is_empty() => {
            found.insert(name.to_lowercase(), "true".to_owned());
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, below)| flatten(&format!("{name}.{key}"), below, found));
        }
        Value::Array(items) => {
            let texts: Vec<&str> = items.iter().map(|item| item.as_str().unwrap_or_default()).collect();
            found.insert(name.to_lowercase(), texts.join(","));
        }
        Value::String(text) => {
            found.insert(name.to_lowercase(), text.clone());
        }
        other => {
            found.insert(name.to_lowercase(), other.to_string());
        }
    }
}

/// What is checked of texts that only run in a cluster: each document is YAML and has a kind whose schema is in crds/, with
/// the fields, types, enumerations and patterns that the schema has, and no field that it does not have.
#[test]
fn every_object_of_kubernetes_has_the_fields_of_its_schema() {
    let mut seen = 0;
    for config in [MINIMAL, SEVERAL] {
        let folder = folder(config);
        for name in ["ingress-nginx", "gateway-api", "envoy-gateway", "istio"] {
            let objects = yaml::documents(&printed(folder.path(), name, &[]));
            // Envoy Gateway's own reader refuses a document of comments.
            let refused = ["gateway-api", "envoy-gateway"].contains(&name);
            assert!(!refused || objects.iter().all(Value::is_object), "{name}: an empty document");
            let mut names = Vec::new();
            for object in objects.iter().filter(|object| !object.is_null()) {
                let kind = object["kind"].as_str().unwrap_or_else(|| panic!("{name}: no kind in {object}"));
                let file = root().join(format!("tests/gateways/crds/{kind}.json"));
                let schema: Value =
                    serde_json::from_str(&std::fs::read_to_string(&file).expect("a schema")).unwrap();
                json_schema::valid(&schema, object)
                    .unwrap_or_else(|why| panic!("{name}: {kind}: {why}\n{object:#}"));
                let named = object["metadata"]["name"].as_str().unwrap();
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                assert!(named.len() <= 63 && named.bytes().all(plain), "{named}");
                names.push(format!("{kind}/{}/{named}", object["metadata"]["namespace"]));
                seen += 1;
            }
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{name} has an object twice: {names:?}");
        }
    }
    assert!(seen > 25, "only {seen} objects");
    // The schemas do find a misspelt field.
    let schema: Value = serde_json::from_str(include_str!("crds/SecurityPolicy.json")).unwrap();
    let wrong =
        json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "spec": {"extAuth": {"failopen": false}}});
    assert!(json_schema::valid(&schema, &wrong).is_err());
}

/// What names a Service of another namespace is not obeyed without the permission of that namespace: with the chart's two
/// Services, in one namespace or in two, each that is named is permitted.
#[test]
fn whatever_names_a_service_of_another_namespace_is_permitted_to() {
    for (config, authz) in
        [(MINIMAL, "gate-vestibule-authz.sso:4181"), (SEVERAL, "gate-vestibule-authz.questions:4181")]
    {
        let folder = folder(config);
        let options = [
            "--gate-address",
            "gate-vestibule.sso:80",
            "--authz-address",
            authz,
            "--app-address",
            "app.apps:3000",
        ];
        for name in ["gateway-api", "envoy-gateway"] {
            let objects = yaml::documents(&printed(folder.path(), name, &options));
            let permitted: BTreeSet<String> = objects.iter().flat_map(permissions).collect();
            let named: BTreeSet<String> = objects.iter().flat_map(foreign_services).collect();
            assert!(named.iter().any(|line| line.ends_with("gate-vestibule-authz")), "{name}: {named:?}");
            assert!(named.is_subset(&permitted), "{name}: {named:?}, and permitted is {permitted:?}");
        }
    }
}

/// `KIND in NAMESPACE to NAMESPACE/SERVICE`, for each pair of a ReferenceGrant.
fn permissions(object: &Value) -> Vec<String> {
    let list = |key: &str| object["spec"][key].as_array().cloned().unwrap_or_default();
    if object["kind"] != "ReferenceGrant" {
        return Vec::new();
    }
    let here = &object["metadata"]["namespace"];
    let to = list("to");
    let pair = |from: &Value, to: &Value| line(&from["kind"], &from["namespace"], here, &to["name"]);
    list("from").iter().flat_map(|from| to.iter().map(move |to| pair(from, to))).collect()
}

/// The same, for each Service of another namespace that an object names.
fn foreign_services(object: &Value) -> Vec<String> {
    let (kind, here) = (&object["kind"], &object["metadata"]["namespace"]);
    let mut found = Vec::new();
    let mut left = vec![&object["spec"]];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                let there = &value["namespace"];
                if members.contains_key("port") && there.is_string() && there != here {
                    found.push(line(kind, here, there, &value["name"]));
                }
                left.extend(members.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    found
}

fn line(kind: &Value, from: &Value, to: &Value, service: &Value) -> String {
    let [kind, from, to, service] = [kind, from, to, service].map(|word| word.as_str().unwrap());
    format!("{kind} in {from} to {to}/{service}")
}

/// The provider stands in a comment, because it belongs into another file; MeshConfig has no schema of its own, so its
/// names are those of istio/api's mesh/v1alpha1/config.proto (EnvoyExternalAuthorizationHttpProvider).
#[test]
fn istios_provider_has_the_fields_that_istio_knows() {
    const KNOWN: [&str; 9] = [
        "service",
        "port",
        "pathPrefix",
        "timeout",
        "failOpen",
        "statusOnError",
        "includeRequestHeadersInCheck",
        "includeAdditionalHeadersInCheck",
        "headersToUpstreamOnAllow",
    ];
    for config in [MINIMAL, SEVERAL] {
        let folder = folder(config);
        let text = printed(folder.path(), "istio", &[]);
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
        let provider = &yaml::documents(&lines.join("\n"))[0]["extensionProviders"][0];
        assert_eq!(provider["name"], "vestibule");
        let http = provider["envoyExtAuthzHttp"].as_object().unwrap();
        assert!(http.keys().all(|key| KNOWN.contains(&key.as_str())), "{http:?}");
        assert_eq!(http["failOpen"], false);
        let asked = http["includeRequestHeadersInCheck"].as_array().unwrap();
        assert!(asked.contains(&json!("cookie")));
        // What Envoy removes alone, which a test runs, is what it removes here.
        let removed = |text: &str| -> BTreeSet<String> {
            let lines = text.lines().map(str::trim);
            lines.filter(|line| line.starts_with("- remove_on_match")).map(str::to_owned).collect()
        };
        assert_eq!(removed(&text), removed(&printed(folder.path(), "envoy", &[])));
    }
}

/// https, several sites, a sign-on host and tenants: started nowhere, but read by the programs themselves.
#[test]
fn the_programs_accept_what_is_printed_for_several_sites_on_https() {
    for (config, hosts) in [
        (MINIMAL, &["app.example.com"][..]),
        (SEVERAL, &["auth.example.com", "wiki.example.com", "shop.example.com", "acme.app.example.com"]),
    ] {
        let folder = folder(config);
        let path = folder.path();
        for host in hosts {
            let made = rcgen::generate_simple_self_signed(vec![(*host).to_owned()]).unwrap();
            std::fs::write(path.join(format!("{host}.crt")), made.cert.pem()).unwrap();
            std::fs::write(path.join(format!("{host}.key")), made.signing_key.serialize_pem()).unwrap();
        }
        let certificates = path.to_string_lossy().into_owned();
        let options = ["--certificates", certificates.as_str(), "--grpc-address", "127.0.0.1:4182"];
        for kind in Kind::ALL {
            let text = printed(path, kind.name(), &options);
            std::fs::write(path.join("vestibule.lua"), printed(path, "haproxy-lua", &options)).unwrap();
            let Some(mut check) = kind.check(path, &text) else { continue };
            let said = check.output().unwrap();
            assert!(
                said.status.success(),
                "{kind:?}: {}{}\n{text}",
                String::from_utf8_lossy(&said.stdout),
                String::from_utf8_lossy(&said.stderr)
            );
        }
    }
}

/// The programs' own checks of a configuration.
impl Kind {
    fn check(self, folder: &Path, text: &str) -> Option<Command> {
        let file = folder.join("check.yaml");
        std::fs::write(&file, text).unwrap();
        let mut command;
        match self {
            Self::Nginx => {
                command = crate::programs::nginx(folder, &file);
                command.arg("-t");
            }
            Self::Caddy => {
                command = Command::new(from_pypi("caddy"));
                command
                    .args(["validate", "--adapter", "caddyfile", "--config"])
                    .arg(&file)
                    .env("HOME", folder);
            }
            // They have no check of their own: they are started in other tests.
            Self::Traefik | Self::EnvoyGateway | Self::GatewayApi => return None,
            Self::Envoy | Self::EnvoyGrpc => {
                command = Command::new(from_pypi("envoy"));
                command.args(["--mode", "validate", "-c"]).arg(&file);
            }
            Self::Haproxy => {
                command = Command::new("/usr/sbin/haproxy");
                command.arg("-c").arg("-f").arg(&file);
            }
        }
        Some(command)
    }
}

/// What runs only in a cluster takes a stranger's trace away too, or says what to set instead.
#[test]
fn every_text_takes_a_strangers_trace_away_or_says_what_to_set() {
    let folder = folder(MINIMAL);
    for name in EVERY.into_iter().filter(|name| *name != "haproxy-lua") {
        let text = printed(folder.path(), name, &["--grpc-address", "127.0.0.1:4182"]).to_lowercase();
        assert!(text.contains("traceparent") && text.contains("tracestate"), "{name}: {text}");
        assert_eq!(name == "ingress-nginx", text.contains("`tracing.trust_parent: nobody`"), "{name}");
    }
    // Of Gateway API the application's rule too: one filter takes sixteen names.
    let text = printed(folder.path(), "gateway-api", &[]);
    assert_eq!(text.matches("traceparent, tracestate").count(), 2, "{text}");
}
