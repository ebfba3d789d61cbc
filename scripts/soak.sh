#!/usr/bin/env bash
# Everything at once at two gates that share a Redis, for SECONDS_TO_RUN seconds (600); see benches/soak/main.rs.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo bench --locked --bench soak
