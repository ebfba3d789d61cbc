#!/usr/bin/env bash
# Mixed load with sign-ins and hostile input for SECONDS_TO_RUN seconds (600); see benches/soak.rs.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --release --bin vestibule --examples
exec cargo bench --locked --bench soak
