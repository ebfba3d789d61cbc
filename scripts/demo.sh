#!/usr/bin/env bash
# Starts the demo: the gate, an identity provider and an application, each a process of its own, on loopback.
#   scripts/demo.sh proxy   the gate is the application's reverse proxy
#   scripts/demo.sh nginx   nginx is the reverse proxy and asks the gate (auth_request)
# Ports: DEMO_PORT (4180, what the browser opens), DEMO_IDP_PORT (4190), DEMO_APP_PORT (4191), DEMO_AUTHZ_PORT (4181),
# DEMO_GATE_PORT (4182, the gate's own pages behind nginx), DEMO_ADMIN_PORT (4189).
# DEMO_BUILT names a folder with the built programs; without it they are built first.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-proxy} printed=
port=${DEMO_PORT:-4180} idp_port=${DEMO_IDP_PORT:-4190} app_port=${DEMO_APP_PORT:-4191}
authz_port=${DEMO_AUTHZ_PORT:-4181} gate_port=${DEMO_GATE_PORT:-4182} admin_port=${DEMO_ADMIN_PORT:-4189}

# Two different sites, not only two ports, so that the browser treats the demo as it would treat a real IdP.
public=http://127.0.0.1:$port
idp=http://localhost:$idp_port

case $mode in
    proxy) gate_port=$port; face="upstream: http://127.0.0.1:$app_port" listen="listen: 127.0.0.1:$port"
           told="401 and a sign-in address, as JSON" ;;
    nginx) face="forward_auth: true" told="401 and a word of JSON"
           printed=" (and vestibule.conf, nginx's)"
           listen="listen: {public: \"127.0.0.1:$gate_port\", authz: \"127.0.0.1:$authz_port\"}" ;;
    *) echo "usage: $0 proxy|nginx" >&2; exit 64 ;;
esac

ports=("$port" "$idp_port" "$app_port" "$admin_port")
[ "$mode" = proxy ] || ports+=("$gate_port" "$authz_port")
for taken in "${ports[@]}"; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null; then
        echo "Port $taken is in use. Stop what listens there, or choose others (see the head of scripts/demo.sh)." >&2
        exit 69
    fi
done

built=${DEMO_BUILT:-}
if [ -z "$built" ]; then
    echo "Building the gate and the two programs around it (the first time takes some minutes) …"
    cargo build --locked --bin vestibule --example demo-idp --example demo-app
    built=${CARGO_TARGET_DIR:-target}/debug
fi

work=$(mktemp -d)
pids=()
stop() { trap - EXIT INT TERM; kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap stop EXIT
trap 'echo; echo "The demo has ended."; exit 0' INT TERM

wait_for() { # name, port, pid
    for _ in $(seq 150); do
        # First whether it lives: somebody else may have taken the port meanwhile.
        kill -0 "$3" 2>/dev/null || break
        if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "$1 did not start:" >&2; cat "$work/$1.log" >&2; exit 70
}

"$built/examples/demo-idp" --listen "127.0.0.1:$idp_port" --url "$idp" \
    --audience "$public/vestibule/saml/metadata" --acs "$public/vestibule/saml/acs" \
    --metadata-out "$work/idp-metadata.xml" > "$work/demo-idp.log" 2>&1 &
pids+=($!); wait_for demo-idp "$idp_port" $!
"$built/examples/demo-app" --listen "127.0.0.1:$app_port" --gate "$public" > "$work/demo-app.log" 2>&1 &
pids+=($!); wait_for demo-app "$app_port" $!

"$built/vestibule" keygen --out "$work/keys" > /dev/null

cat > "$work/config.yaml" <<YAML
public_url: $public
$face
$listen
admin: {listen: "127.0.0.1:$admin_port"}
identity_providers:
  - id: demo
    label: Demo login
    metadata_file: idp-metadata.xml
service_provider: {private_key_file: keys/sp-key.pem, certificate_file: keys/sp-cert.pem}
roles:
  admins: admin
rules:
  - paths: [/public/*]
    access: public
  - paths: [/admin/*]
    access: {any: [{role: admin}]}
shutdown: {delay: 0s, drain: 2s}
YAML

"$built/vestibule" run --config "$work/config.yaml" > "$work/vestibule.log" 2>&1 &
pids+=($!); wait_for vestibule "$gate_port" $!

if [ "$mode" = nginx ]; then
    mkdir -p "$work/nginx"
    # What the gate prints belongs inside `http`; around it stands what a packaged nginx has in its own nginx.conf.
    "$built/vestibule" gateway nginx --config "$work/config.yaml" --app-address "127.0.0.1:$app_port" > "$work/vestibule.conf"
    { echo "pid $work/nginx/pid; error_log stderr warn; events {} http { access_log off;"
      for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $work/nginx/$kind;"; done
      echo "include $work/vestibule.conf; }"; } > "$work/nginx.conf"
    PATH=$PATH:/usr/sbin nginx -e "$work/nginx.log" -p "$work/nginx" -c "$work/nginx.conf" -g 'daemon off;' > "$work/nginx.log" 2>&1 &
    pids+=($!); wait_for nginx "$port" $!
fi

bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
cat <<TEXT

  ${bold}Open $public/${plain}

  You will be sent to the demo identity provider. Sign in with one click as
    ada    groups admins, engineering   may open /admin/
    grace  group engineering            is refused at /admin/
    joan   no groups                    is refused at /admin/

  To try:   $public/            needs a session
            $public/admin/      needs the role admin
            $public/public/     needs nothing
            curl -i $public/    a background request gets $told
            $idp/            signs somebody out from the other side
  To look:  $work/vestibule.log           one line a request, one audit event a sign-in
            http://127.0.0.1:$admin_port/metrics    counters
            $work/config.yaml             the configuration$printed

  Ctrl-C ends the demo.
TEXT
wait -n "${pids[@]}" || true
echo "A part of the demo ended by itself; the last lines of its logs:" >&2
tail -n 5 "$work"/*.log >&2
exit 70
