//! The gateway's side: complete configurations of gateways that ask this gate, for exactly one configuration of it.
//!
//! Pure: a [`Setup`] in, text out. Whatever the text depends on is in the setup, so that a test can run the very text that
//! somebody else is given. The texts are templates; what differs from gateway to gateway stands there, and what a
//! gateway needs to know about us (which paths are ours, which names no client may use, how large an answer can be)
//! stands here, once.
//!
//! # What every text holds to
//!
//! * Only the gate's own pages go past the question; they lead to the gate and never to an application.
//! * What the client sent under an identity header's name is gone, in every spelling that an application may fold to it
//!   (as far as the gateway can say so, else the text says what is left).
//! * What the gate reads as the gateway's word is set by the gateway.
//! * A gate that cannot be asked lets nobody through.
//! * Identity goes to the application and never to the browser: not from the gate's answer, and not from an application
//!   that repeats what it was told.

mod address;
mod envoy;
mod front;
mod gateway;
mod kubernetes;
mod setup;
mod spelling;

pub use address::Address;
pub use front::{Front, Header};
pub use gateway::Gateway;
pub use setup::Setup;

use askama::Template;

/// The configuration of `gateway` for this setup.
///
/// # Errors
/// A sentence for the owner: what this gateway cannot express, or the setup lacks.
pub fn print(gateway: Gateway, setup: &Setup) -> Result<String, String> {
    setup.fits(gateway)?;
    let names = setup.names();
    let text = match gateway {
        Gateway::Nginx => Nginx { setup, names: &names }.render(),
        Gateway::Caddy => Caddy { setup, names: &names }.render(),
        Gateway::Traefik => Traefik { setup, names: &names }.render(),
        Gateway::TraefikLabels => TraefikLabels { setup, names: &names }.render(),
        Gateway::IngressNginx => IngressNginx { setup, names: &names }.render(),
        Gateway::GatewayApi => GatewayApi { setup, names: &names }.render(),
        Gateway::EnvoyGateway => EnvoyGateway { setup, names: &names }.render(),
        Gateway::Istio => Istio { setup, names: &names }.render(),
        Gateway::Envoy => Envoy { setup, names: &names, grpc: false }.render(),
        Gateway::EnvoyGrpc => Envoy { setup, names: &names, grpc: true }.render(),
        Gateway::Haproxy => Haproxy { setup, names: &names }.render(),
        Gateway::HaproxyLua => HaproxyLua { setup }.render(),
    };
    let text = text.map_err(|error| format!("the text could not be made: {error}"))?;
    Ok(format!("{}\n", text.trim_end()))
}

#[derive(Template)]
#[template(path = "nginx.conf", escape = "none")]
struct Nginx<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "Caddyfile", escape = "none")]
struct Caddy<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "traefik.yaml", escape = "none")]
struct Traefik<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "haproxy.cfg", escape = "none")]
struct Haproxy<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "vestibule.lua", escape = "none")]
struct HaproxyLua<'a> {
    setup: &'a Setup,
}

#[derive(Template)]
#[template(path = "envoy.yaml", escape = "none")]
struct Envoy<'a> {
    setup: &'a Setup,
    names: &'a str,
    grpc: bool,
}

#[derive(Template)]
#[template(path = "traefik-labels.yaml", escape = "none")]
struct TraefikLabels<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "ingress-nginx.yaml", escape = "none")]
struct IngressNginx<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "gateway-api.yaml", escape = "none")]
struct GatewayApi<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "envoy-gateway.yaml", escape = "none")]
struct EnvoyGateway<'a> {
    setup: &'a Setup,
    names: &'a str,
}

#[derive(Template)]
#[template(path = "istio.yaml", escape = "none")]
struct Istio<'a> {
    setup: &'a Setup,
    names: &'a str,
}
