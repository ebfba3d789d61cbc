#!/bin/sh
# Writes tests/attacks/cases anew (and nothing else), with signers that share no code with the gate: signxml,
# libxmlsec1 and one of our own for the shapes that no honest signer makes. Keys, times and IDs are fixed, so that
# `git diff` afterwards shows only what a change of the generator means.
#
#   tests/attacks/generate.sh            write the corpus
#   tests/attacks/generate.sh --keys     first make the keys that are missing
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${ATTACKS_VENV:-$here/../../target/attacks-venv}
if ! [ -x "$venv/bin/python" ] || ! cmp -s "$here/generate/requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/generate/requirements.txt"
    cp "$here/generate/requirements.txt" "$venv/requirements.txt"
fi
cd "$here"
export PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = --keys ]; then "$venv/bin/python" -m generate.make_keys; fi
exec "$venv/bin/python" -m generate
