#!/bin/sh
# Writes the signed messages in tests/shapes/cases from tests/shapes/templates. Captured ones are not touched.
# Uses the virtual environment of tests/attacks/generate.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/../attacks/generate/requirements.txt
venv=${ATTACKS_VENV:-$here/../../target/attacks-venv}
if ! [ -x "$venv/bin/python" ] || ! cmp -s "$requirements" "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
fi
exec "$venv/bin/python" -B "$here/generate.py"
