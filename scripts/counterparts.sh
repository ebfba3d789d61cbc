#!/usr/bin/env bash
# Installs the identity providers that are in none of Debian's packages, for the tests: pysaml2 (PyPI), samlp (npm) and
# Keycloak (Maven Central). Everything goes to target/counterparts, in pinned versions, and stays there: a second run
# does nothing. Needs what `scripts/install-tools.sh test` installs.
set -euo pipefail
cd "$(dirname "$0")/.."
here=tests/counterparts
there=target/counterparts
mkdir -p "$there"

# Whether STAMP is the same as FILE: then what it describes is installed already.
same() { cmp -s "$1" "$there/$2.installed"; }
done_with() { cp "$1" "$there/$2.installed"; }

if ! same "$here/pysaml2/requirements.txt" pysaml2; then
    python3 -m venv --clear "$there/pysaml2"
    "$there/pysaml2/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/pysaml2/requirements.txt"
    done_with "$here/pysaml2/requirements.txt" pysaml2
fi

if ! same "$here/samlp/package-lock.json" samlp; then
    mkdir -p "$there/samlp"
    cp "$here/samlp/package.json" "$here/samlp/package-lock.json" "$there/samlp/"
    npm --prefix "$there/samlp" ci --silent --ignore-scripts --no-audit --no-fund
    done_with "$here/samlp/package-lock.json" samlp
fi

if ! same "$here/keycloak/version" keycloak; then
    # "VERSION SHA256 of the zip"
    read -r version digest < "$here/keycloak/version"
    artifact=org.keycloak:keycloak-quarkus-dist:$version:zip
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mvn --batch-mode --quiet dependency:copy -Dartifact="$artifact" -DoutputDirectory="$work" -Dmdep.useBaseVersion=true
    zip=$work/keycloak-quarkus-dist-$version.zip
    echo "$digest  $zip" | sha256sum --check --quiet
    unzip -q "$zip" -d "$work"
    rm -rf "$there/keycloak"
    mv "$work/keycloak-$version" "$there/keycloak"
    # Decided now, so that each start is quicker: H2 in memory, no cluster, and only what SAML needs.
    "$there/keycloak/bin/kc.sh" build --db=dev-mem --cache=local >"$there/keycloak-build.log" 2>&1 \
        || { cat "$there/keycloak-build.log" >&2; exit 1; }
    done_with "$here/keycloak/version" keycloak
fi
