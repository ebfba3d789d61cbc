#!/usr/bin/env bash
# Licences, sources and advisories of the dependencies, by cargo-deny with .cargo/deny.toml.
# cargo-deny is used when it is installed (cargo install --locked cargo-deny). Advisories need its database from the
# network; where that cannot be had, the rest is still checked and the gap is said. The licences themselves are checked
# by tests/dependencies.rs in any case.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    echo "cargo-deny is not installed: advisories are not checked here; licences and sources are, by tests/dependencies.rs."
    exit 0
fi
cargo deny --locked check licenses bans sources
if ! cargo deny --locked fetch db >/dev/null 2>&1; then
    echo "The advisory database cannot be reached from here: advisories are not checked."
    exit 0
fi
cargo deny --locked check advisories
