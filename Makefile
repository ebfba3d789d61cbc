# What people type. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo

## make demo            the gate, a demo identity provider and an application; prints the address to open
.PHONY: demo
demo:
	@scripts/install-tools.sh build
	@scripts/demo.sh proxy

## make demo-nginx      the same with a real nginx that asks the gate (auth_request)
.PHONY: demo-nginx
demo-nginx:
	@scripts/install-tools.sh demo
	@scripts/demo.sh nginx

## make test            installs what the tests need, then checks and tests everything
.PHONY: test
# One OpenSSL, for the feature too (docs/dependencies.md).
test: export OPENSSL_NO_VENDOR = 1
test:
	@scripts/install-tools.sh test
	@scripts/counterparts.sh
	$(CARGO) fmt --check
	$(CARGO) clippy --locked -- -D warnings
	$(CARGO) clippy --locked --all-targets --features second-opinion -- -D warnings
	@scripts/dependencies.sh
	$(CARGO) test --locked --features second-opinion

## make build           the program for production, in target/release/vestibule
.PHONY: build
build:
	@scripts/install-tools.sh build
	$(CARGO) build --release --locked

## make image           the container image, built from the Dockerfile with buildah (as root; no registry is needed);
##                      PLATFORM=linux/arm64 builds it for another architecture than this machine's
.PHONY: image
image:
	@scripts/install-tools.sh image
	@scripts/image.sh

## make image-test      that image, run read-only and as nobody, with a sign-in through it; Traefik's labels on containers
.PHONY: image-test
image-test: image
	@scripts/counterparts.sh gateways
	$(CARGO) build --locked --bin vestibule --example demo-idp --example demo-app
	$(CARGO) test --locked --test image -- --ignored
	$(CARGO) test --locked --test gateways -- --ignored labels

## make bench           speed in one bounded run: ratios against nginx and bare pingora, figures for SAML and memory
.PHONY: bench
bench:
	@scripts/install-tools.sh bench
	@scripts/bench.sh

## make fuzz            five minutes of damage to each way in (FUZZ_SECONDS=300, or FUZZ_TARGETS="response cookies")
.PHONY: fuzz
fuzz:
	@scripts/install-tools.sh build
	@scripts/fuzz.sh

## make soak            everything at once at two gates and a Redis, for ten minutes (SECONDS_TO_RUN=600)
.PHONY: soak
soak:
	@scripts/install-tools.sh replicas
	@scripts/soak.sh

## make stores          the shared store on Redis and on Valkey, and failovers over and over (ROUNDS=5)
.PHONY: stores
stores: export OPENSSL_NO_VENDOR = 1
stores: ROUNDS ?= 5
stores:
	@scripts/install-tools.sh test
	@scripts/counterparts.sh valkey
	$(CARGO) test --locked --test shared
	VESTIBULE_TEST_REDIS=$(CURDIR)/target/counterparts/valkey/valkey-server $(CARGO) test --locked --test shared -- --skip tls
	for round in $$(seq $(ROUNDS)); do $(CARGO) test --locked --test shared -- failover --ignored --nocapture || exit 1; done
	VESTIBULE_TEST_REDIS=$(CURDIR)/target/counterparts/valkey/valkey-server $(CARGO) test --locked --test shared -- failover --ignored --nocapture

## make replicas        replicas behind nginx, restarted, killed and cut off from their store under load (as root)
.PHONY: replicas
replicas:
	@scripts/install-tools.sh replicas
	NETWORKS=needed $(CARGO) test --locked --release --test replicas -- --include-ignored --nocapture --test-threads=1

## make envoy-gateway   the text for Envoy Gateway, run by Envoy Gateway and Envoy (builds the former, which takes minutes)
.PHONY: envoy-gateway
envoy-gateway: export OPENSSL_NO_VENDOR = 1
envoy-gateway:
	@scripts/install-tools.sh test
	@scripts/counterparts.sh envoy-gateway
	$(CARGO) build --locked --bin vestibule --example demo-idp
	$(CARGO) test --locked --test gateways envoy_gateway -- --ignored --test-threads 1

## make reloads         a thousand reloads under load, every tenth one broken (RELOADS=1000)
.PHONY: reloads
reloads:
	@scripts/install-tools.sh build
	RELOADS=$${RELOADS:-1000} $(CARGO) test --locked --release --test reload load:: -- --nocapture

## make docs            writes the generated pages in docs/ anew
.PHONY: docs
docs:
	UPDATE=1 $(CARGO) test --locked --test reason_codes
	UPDATE=1 $(CARGO) test --locked --test chart pages

.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
