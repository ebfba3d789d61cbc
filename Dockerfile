# syntax=docker/dockerfile:1
# The gate alone, as a user that is not root. Configuration is mounted at /etc/vestibule/config.yaml; so that a published
# port reaches the gate it must say `listen: 0.0.0.0:4180` (the default is the container's own loopback), and with
# `forward_auth: true` `listen: {public: "0.0.0.0:4180", authz: "0.0.0.0:4181"}`. Publish 4181 to the gateway only.
# The user has the number 2000 and must be able to read what the configuration names, its secrets too.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ make cmake perl pkg-config ca-certificates \
        libxmlsec1-dev libxml2-dev libssl-dev libclang-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# One OpenSSL: the one that xmlsec1 is linked with (docs/dependencies.md).
ENV OPENSSL_NO_VENDOR=1
# Dependencies first, so that a change of our own code does not build them again.
COPY Cargo.toml Cargo.lock rust-toolchain.toml askama.toml ./
# Cargo.toml names the benches, so cargo wants to see them even when it builds the program alone.
RUN mkdir src benches && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && for bench in gate saml soak; do echo 'fn main() {}' > "benches/$bench.rs"; done \
    && cargo build --release --locked --features second-opinion --bin vestibule && rm -r src
COPY src src
RUN touch src/main.rs src/lib.rs && cargo build --release --locked --features second-opinion --bin vestibule

FROM debian:bookworm-slim
# What the second opinion is linked with.
RUN apt-get update && apt-get install -y --no-install-recommends libxmlsec1-openssl \
    && rm -rf /var/lib/apt/lists/*
LABEL org.opencontainers.image.title="vestibule" \
      org.opencontainers.image.description="A SAML 2.0 single sign-on gate" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/target/release/vestibule /usr/local/bin/vestibule
# Who may vouch for the servers that metadata is fetched from.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN useradd --system --uid 2000 --no-create-home vestibule
USER 2000
WORKDIR /etc/vestibule
EXPOSE 4180 4181 9090
HEALTHCHECK CMD ["/usr/local/bin/vestibule", "healthcheck", "--config", "/etc/vestibule/config.yaml"]
ENTRYPOINT ["/usr/local/bin/vestibule"]
CMD ["run", "--config", "/etc/vestibule/config.yaml"]
