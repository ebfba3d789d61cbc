//! Envoy Gateway as a program of this machine, with the objects that a cluster has around the printed text.
//!
//! Its standalone mode reads objects from files and starts Envoy itself. It keeps Services and EndpointSlices only where an
//! extension asks for their kinds, so one that is never called does: the text names Services, and stays as it was printed.

use crate::programs::{Kind, from_pypi};
use crate::support::gate::Ports;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of Envoy to use, and that of the wheel: tests/gateways/requirements.txt.
const ENVOY: &str = "1.40.0";

/// Writes the Services that the text names, which are on this machine; what `vestibule gateway` is told of the
/// gate's.
pub fn services(folder: &Path, kind: Kind, ports: &Ports, applications: &[(&str, u16)]) -> Vec<String> {
    // Alone, it forgets of which kind a policy is and then holds no ReferenceGrant for it: 500. Routes may cross namespaces.
    let of_gate = if kind == Kind::EnvoyGateway { "default" } else { "vestibule" };
    let mut services = service(of_gate, "vestibule", &[("http", ports.public), ("authz", ports.authz)]);
    for (name, port) in applications {
        services.push_str(&service("default", name, &[("http", *port)]));
    }
    std::fs::create_dir_all(objects(folder)).unwrap();
    std::fs::write(objects(folder).join("services.yaml"), services).unwrap();
    vec![
        "--gate-address".to_owned(),
        format!("vestibule.{of_gate}:{}", ports.public),
        "--authz-address".to_owned(),
        format!("vestibule.{of_gate}:{}", ports.authz),
    ]
}

fn objects(folder: &Path) -> PathBuf {
    folder.join("objects")
}

/// One Service and the slice that says where its pod is.
fn service(namespace: &str, name: &str, ports: &[(&str, u16)]) -> String {
    let meta = format!("namespace: {namespace}, name: {name}");
    let of_service: Vec<String> = ports
        .iter()
        .map(|(name, port)| format!("{{name: {name}, port: {port}, targetPort: {port}, protocol: TCP}}"))
        .collect();
    let of_slice: Vec<String> =
        ports.iter().map(|(name, port)| format!("{{name: {name}, port: {port}, protocol: TCP}}")).collect();
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{{meta}}}\n\
         spec: {{clusterIP: 10.0.0.1, ports: [{}]}}\n\
         ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata: {{{meta}, labels: {{kubernetes.io/service-name: {name}}}}}\n\
         addressType: IPv4\nports: [{}]\n\
         endpoints: [{{addresses: [127.0.0.1], conditions: {{ready: true}}}}]\n",
        of_service.join(", "),
        of_slice.join(", ")
    )
}

/// The Gateway that the text attaches itself to, on `port`, and what Envoy Gateway wants around one.
fn gateway(port: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: here}}\n\
         spec:\n  controllerName: gateway.envoyproxy.io/gatewayclass-controller\n  \
         parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, namespace: gateway, name: here}}\n\
         ---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyProxy\n\
         metadata: {{namespace: gateway, name: here}}\n\
         spec:\n  provider: {{type: Host, host: {{envoyVersion: {ENVOY}}}}}\n  concurrency: 1\n  \
         logging: {{level: {{default: warn}}}}\n  extraArgs: [--disable-hot-restart]\n\
         ---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
         metadata: {{namespace: gateway, name: gateway}}\n\
         spec:\n  gatewayClassName: here\n  listeners:\n  \
         - {{name: http, protocol: HTTP, port: {port}, allowedRoutes: {{namespaces: {{from: All}}}}}}\n"
    )
}

/// The configuration of Envoy Gateway itself.
fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyGateway\n\
         gateway: {{controllerName: gateway.envoyproxy.io/gatewayclass-controller}}\n\
         provider:\n  type: Custom\n  custom:\n    \
         resource: {{type: File, file: {{paths: [{folder}/objects]}}}}\n    \
         infrastructure:\n      type: Host\n      \
         host: {{configHome: {folder}/eg, dataHome: {folder}/eg, stateHome: {folder}/eg, runtimeDir: {folder}/eg/run}}\n\
         logging: {{level: {{default: info}}}}\n\
         extensionManagers:\n- name: services\n  \
         policyResources:\n  - {{group: \"\", version: v1, kind: Service}}\n  \
         - {{group: discovery.k8s.io, version: v1, kind: EndpointSlice}}\n  \
         hooks: {{xdsTranslator: {{pre: [VirtualHost]}}}}\n  \
         service: {{unix: {{path: {folder}/never-called}}}}\n"
    )
}

/// With the printed text in `printed`, in front of `port`.
pub fn envoy_gateway(folder: &Path, printed: &Path, port: u16) -> Command {
    std::fs::write(objects(folder).join("gateway.yaml"), gateway(port)).unwrap();
    std::fs::copy(printed, objects(folder).join("printed.yaml")).unwrap();
    let file = folder.join("envoy-gateway.yaml");
    std::fs::write(&file, settings(folder)).unwrap();
    // Where it looks before it would download one.
    let bin = folder.join(format!("eg/envoy-versions/{ENVOY}/bin"));
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(from_pypi("envoy"), bin.join("envoy")).unwrap();
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/counterparts/envoy-gateway/envoy-gateway");
    assert!(program.exists(), "{}: scripts/counterparts.sh envoy-gateway installs it", program.display());
    let made =
        Command::new(&program).args(["certgen", "--local", "--config-home"]).arg(folder.join("eg")).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut command = Command::new(program);
    command.args(["server", "--config-path"]).arg(file);
    command
}
