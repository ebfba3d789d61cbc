#!/usr/bin/env bash
# All benchmarks in one bounded run (about ten minutes with the builds). Figures go to the terminal.
set -euo pipefail
cd "$(dirname "$0")/.."
built=${CARGO_TARGET_DIR:-target}

# Envoy, for the part with whole gateways.
[ -x target/counterparts/gateways/bin/envoy ] || scripts/counterparts.sh

# The yardstick: bare pingora as a plain `cargo build --release` makes it (no LTO, many codegen units).
cargo build --locked --profile plain --example bare-pingora
cargo build --locked --release --bin vestibule --examples
BARE_PINGORA=$(realpath "$built/plain/examples/bare-pingora") cargo bench --locked --bench gate
cargo bench --locked --bench saml
"$built/release/examples/session_memory" 1000000 usual
