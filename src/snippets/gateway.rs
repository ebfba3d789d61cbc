//! The gateways that a configuration can be printed for.

/// One of them, or one half of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they are; `about` says the rest")]
pub enum Gateway {
    Nginx,
    Caddy,
    Traefik,
    TraefikLabels,
    Envoy,
    EnvoyGrpc,
    Haproxy,
    HaproxyLua,
    IngressNginx,
    GatewayApi,
    EnvoyGateway,
    Istio,
}

impl Gateway {
    /// Every one, in the order in which they are listed.
    pub const ALL: [Self; 12] = [
        Self::Nginx,
        Self::Caddy,
        Self::Traefik,
        Self::TraefikLabels,
        Self::Envoy,
        Self::EnvoyGrpc,
        Self::Haproxy,
        Self::HaproxyLua,
        Self::IngressNginx,
        Self::GatewayApi,
        Self::EnvoyGateway,
        Self::Istio,
    ];

    /// What it is called on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::TraefikLabels => "traefik-labels",
            Self::Envoy => "envoy",
            Self::EnvoyGrpc => "envoy-grpc",
            Self::Haproxy => "haproxy",
            Self::HaproxyLua => "haproxy-lua",
            Self::IngressNginx => "ingress-nginx",
            Self::GatewayApi => "gateway-api",
            Self::EnvoyGateway => "envoy-gateway",
            Self::Istio => "istio",
        }
    }

    /// What is printed, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Nginx => "a file for /etc/nginx/conf.d, with auth_request",
            Self::Caddy => "a Caddyfile, with forward_auth",
            Self::Traefik => "a file for the file provider, with forwardAuth",
            Self::TraefikLabels => "the same as labels of containers, for a compose file",
            Self::Envoy => "a bootstrap file, with ext_authz over HTTP",
            Self::EnvoyGrpc => "the same, over gRPC",
            Self::Haproxy => "haproxy.cfg; it needs the next one",
            Self::HaproxyLua => "the script by which haproxy.cfg asks",
            Self::IngressNginx => "Ingresses with auth-url",
            Self::GatewayApi => "HTTPRoutes with the ExternalAuth filter",
            Self::EnvoyGateway => "HTTPRoutes with a SecurityPolicy (extAuth)",
            Self::Istio => "an AuthorizationPolicy with a provider (envoyExtAuthzHttp)",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gateway| gateway.name() == name)
    }
}
