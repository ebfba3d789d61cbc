//! What the chart refuses to install, and that it says why.

use super::helm::{HELMS, template, value_sets};

#[track_caller]
fn refused(set: &str, sets: &[&str], because: &str) {
    for helm in HELMS {
        let said = template(helm, &value_sets()[set], sets).expect_err("refused");
        assert!(said.contains(because), "{helm}, {sets:?}: {said}");
    }
}

#[test]
fn two_replicas_with_sessions_in_memory() {
    let why = "each would know only the sessions that began at it";
    refused("proxy", &["replicaCount=2"], why);
    refused("proxy", &["autoscaling.enabled=true"], why);
    // Also where an HPA could grow from one.
    refused("proxy", &["autoscaling.enabled=true", "autoscaling.minReplicas=1"], why);
    refused("existing-config", &["replicaCount=3"], why);
    refused("replicas", &["sessionStorage.type=memory"], why);
}

#[test]
fn a_shared_store_that_is_nowhere_or_that_replicas_could_not_read() {
    let nowhere = "fill in sessionStorage.redis.standalone";
    refused("replicas", &["sessionStorage.redis.standalone.connectionUrl="], nowhere);
    refused("replicas", &["sessionStorage.redis.clientType=cluster"], "fill in sessionStorage.redis.cluster");
    refused(
        "replicas-grpc",
        &["sessionStorage.redis.sentinel.masterName="],
        "fill in sessionStorage.redis.sentinel",
    );
    refused("replicas", &["config.configData.session=null"], "so all need the same secret");
    refused("replicas", &["config.configData.store=redis"], "the configuration has store");
    let password = "sessionStorage.redis.standalone.connectionUrl=redis://:word@valkey:6379";
    refused("replicas", &[password], "connectionUrl");
}

#[test]
fn a_password_of_the_store_in_the_configuration_and_a_store_that_is_said_twice() {
    let twice = "config.configData.redis.url=rediss://valkey:6379";
    refused("replicas", &[twice], "say it once");
    let url = "config.configData.redis.url";
    let empty = "sessionStorage.redis.standalone.connectionUrl=";
    for holds in ["rediss://:word@valkey:6379", "redis://gate:word@valkey:6379", "redis://gate@valkey:6379"] {
        refused(
            "replicas",
            &[empty, &format!("{url}={holds}")],
            "redis.url in the configuration names a user",
        );
        refused(
            "replicas",
            &[empty, &format!("{url}={{redis://a:1,{holds}}}")],
            "redis.url in the configuration",
        );
    }
    let sentinel = "config.configData.redis.sentinel.url=redis://:word@sentinel:26379";
    refused("replicas", &[sentinel], "redis.sentinel.url in the configuration");
    refused("replicas", &["config.configData.redis.password=word"], "the configuration has redis.password");
    refused("proxy", &["config.configData.redis.url=redis://valkey:6379"], "set sessionStorage.type: redis");
    // The address alone may stand there, and the environment then says nothing of it.
    for helm in HELMS {
        let set = format!("{url}=rediss://valkey.default.svc:6379");
        let rendered = template(helm, &value_sets()["replicas"], &[empty, &set]).expect("rendered");
        assert!(!rendered.contains("VESTIBULE__REDIS__URL"), "{helm}");
        assert!(rendered.contains("rediss://valkey.default.svc:6379"), "{helm}");
    }
}

#[test]
fn a_volume_that_replicas_would_share() {
    let why = "state_dir must be each replica's own";
    refused("replicas-grpc", &["state.existingClaim=gate-state"], why);
    refused(
        "replicas",
        &["config.configData.state_dir=/data"],
        "each would overwrite what another has just learnt",
    );
}

#[test]
fn a_state_dir_that_is_said_twice_or_cannot_be_written() {
    let folder = "config.configData.state_dir=/data";
    refused("state", &[folder], "say it once, by state.type");
    refused("proxy", &[folder], "the container's file system is read-only");
}

#[test]
fn state_without_the_key_that_seals_it() {
    refused("monitoring", &["state.type=emptyDir"], "nothing brings state-key");
    refused("proxy", &["state.existingClaim=x"], "needs state.type: persistentVolume");
}

#[test]
fn a_configuration_that_is_said_twice_or_not_at_all() {
    refused("proxy", &["config.configFile=x: y"], "here configData and configFile");
    refused("existing-config", &["config.existingConfigMap="], "here none does");
    refused("proxy", &["secrets.files.sp-key\\.pem=x"], "not both");
    refused("text-and-sites", &["config.files.session-secret=x"], "another file has that name");
    refused("text-and-sites", &["config.configFile=a: [1"], "is not YAML");
}

#[test]
fn listeners_that_the_services_would_not_lead_to() {
    refused("proxy", &["config.configData.listen=0.0.0.0:8080"], "the configuration has listen");
    refused("proxy", &["config.configData.admin.listen=off"], "the configuration has admin");
    refused("existing-config", &["authz.enabled=null"], "say by authz.enabled");
    refused("state", &["config.configData.console.listen=off"], "console stands in the configuration");
}

#[test]
fn routes_that_lead_nowhere() {
    refused("gateway-api", &["gatewayApi.gatewayRef.name="], "needs a Gateway");
    refused("gateway-api", &["gatewayApi.externalAuth.backendRef=null"], "the application's Service");
    refused("gateway-api", &["gatewayApi.externalAuth.protocol=GRPC"], "needs authz.grpc.enabled");
    refused("proxy", &["authz.grpc.enabled=true"], "no gateway asks this gate");
    refused("gateway-api-proxy", &["gatewayApi.externalAuth.enabled=true"], "set forward_auth: true");
    refused("existing-secret", &["ingress.hosts=null"], "they must be listed");
    refused("monitoring", &["metrics.enabled=false"], "needs metrics.enabled");
}
