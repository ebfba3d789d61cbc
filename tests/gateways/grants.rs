//! What a cluster allows by ReferenceGrants only, and the printed texts need.

use crate::texts::{SEVERAL, folder};
use crate::world::printed;
use crate::yaml;
use serde_json::Value;
use std::collections::BTreeSet;

/// Without a ReferenceGrant there is no way from a namespace into another. The gate of the chart is two Services.
#[test]
fn every_service_in_another_namespace_is_granted() {
    let chart =
        ["--gate-address", "gate-vestibule.sso:80", "--authz-address", "gate-vestibule-authz.sso:4181"];
    let folder = folder(SEVERAL);
    for (name, options) in [
        ("gateway-api", &[][..]),
        ("gateway-api", &chart[..]),
        ("envoy-gateway", &[]),
        ("envoy-gateway", &chart),
    ] {
        let objects = yaml::documents(&printed(folder.path(), name, options));
        let granted: BTreeSet<[String; 4]> =
            objects.iter().filter(|object| object["kind"] == "ReferenceGrant").flat_map(grants).collect();
        let mut needed = BTreeSet::new();
        for object in &objects {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (kind, own) = (text(&object["kind"]), text(&object["metadata"]["namespace"]));
            services(&object["spec"], &mut |service| {
                let namespace = text(&service["namespace"]);
                if !namespace.is_empty() && namespace != own {
                    needed.insert([kind.clone(), own.clone(), namespace, text(&service["name"])]);
                }
            });
        }
        assert!(!needed.is_empty() && needed.is_subset(&granted), "{name}: {needed:?}, granted {granted:?}");
    }
}

/// Kind and namespace from which, namespace and name of the Service to which.
fn grants(grant: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| grant["spec"][name].as_array().cloned().unwrap_or_default();
    let pairs =
        list("from").into_iter().flat_map(|from| list("to").into_iter().map(move |to| (from.clone(), to)));
    let into = text(&grant["metadata"]["namespace"]);
    pairs
        .map(|(from, to)| [text(&from["kind"]), text(&from["namespace"]), into.clone(), text(&to["name"])])
        .collect()
}

/// Everything under `backendRefs` and `backendRef`, wherever it is.
fn services(value: &Value, found: &mut dyn FnMut(&Value)) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| services(one, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "backendRef" => found(member),
                    "backendRefs" => member.as_array().into_iter().flatten().for_each(&mut *found),
                    _ => services(member, found),
                }
            }
        }
        _ => {}
    }
}
