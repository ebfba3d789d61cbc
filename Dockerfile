# syntax=docker/dockerfile:1
# The gate and the libraries that it is linked with, and nothing else: no shell, no package manager, nobody's tools. It runs
# as user 2000, writes nowhere, and asks itself whether it is well. docs/container.md tells how it is used.
#
# Without a registry: scripts/image.sh makes the base from Debian's own packages and builds this very file with buildah.
ARG RUST_BASE=docker.io/library/rust:1.95-slim-bookworm

# Compiled on the machine that builds, for whichever architecture the image is: an emulated compiler would take hours.
FROM --platform=$BUILDPLATFORM ${RUST_BASE} AS build
COPY scripts/image-build.sh /usr/local/bin/image-build
# amd64 or arm64; the builder says it.
ARG TARGETARCH
RUN image-build tools
WORKDIR /src
# One OpenSSL: the one that xmlsec1 is linked with (docs/dependencies.md).
ENV OPENSSL_NO_VENDOR=1
# How many compilers at once; `default` is one for each core.
ARG JOBS=default
# Dependencies first, so that a change of our own code does not build them again.
COPY Cargo.toml Cargo.lock rust-toolchain.toml askama.toml ./
# Cargo.toml names the benches, so cargo wants to see them even when it builds the program alone.
RUN mkdir src benches && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && for bench in $(sed -n '/^\[\[bench\]\]/{n;s/^name = "\(.*\)"/\1/p}' Cargo.toml); do \
           echo 'fn main() {}' > "benches/$bench.rs"; done \
    && image-build program && rm -r src
COPY src src
RUN touch src/main.rs src/lib.rs && image-build program

# What the image consists of, gathered in /image.
FROM build AS image
COPY scripts/image-gather.sh /usr/local/bin/image-gather
RUN image-gather /src/target/release/vestibule /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vestibule" \
      org.opencontainers.image.description="A SAML 2.0 single sign-on gate: reverse proxy and forward-auth" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=image /image/ /
USER 2000:2000
WORKDIR /etc/vestibule
EXPOSE 4180 4181 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["/usr/local/bin/vestibule", "healthcheck", "--config", "/etc/vestibule/config.yaml"]
ENTRYPOINT ["/usr/local/bin/vestibule"]
CMD ["run", "--config", "/etc/vestibule/config.yaml"]
