# syntax=docker/dockerfile:1
# The gate alone, as a user that is not root. Configuration is mounted at /etc/vestibule/config.yaml.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ make cmake perl pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first, so that a change of our own code does not build them again.
COPY Cargo.toml Cargo.lock rust-toolchain.toml ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && cargo build --release --locked --bin vestibule && rm -r src
COPY src src
RUN touch src/main.rs src/lib.rs && cargo build --release --locked --bin vestibule

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="vestibule" \
      org.opencontainers.image.description="A SAML 2.0 single sign-on gate" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/target/release/vestibule /usr/local/bin/vestibule
RUN useradd --system --uid 2000 --no-create-home vestibule
USER 2000
WORKDIR /etc/vestibule
EXPOSE 4180 4181 9090
HEALTHCHECK CMD ["/usr/local/bin/vestibule", "healthcheck", "--config", "/etc/vestibule/config.yaml"]
ENTRYPOINT ["/usr/local/bin/vestibule"]
CMD ["run", "--config", "/etc/vestibule/config.yaml"]
