#!/usr/bin/env bash
# Installs what the build, the demo or the tests need beyond Rust, from Debian's own packages.
#   scripts/install-tools.sh build   a C compiler, cmake, make and perl (zlib-ng, aws-lc and OpenSSL are built from source)
#   scripts/install-tools.sh second-opinion   the above and the libraries of the cargo feature `second-opinion`
#   scripts/install-tools.sh demo    the above and nginx (for `make demo-nginx`)
#   scripts/install-tools.sh test    all of the above and the real counterparts that the tests run against
#   scripts/install-tools.sh image   what builds the container image and runs it
#   scripts/install-tools.sh replicas   what the replicas need that are tried in networks of their own
#   scripts/install-tools.sh bench   the above, and wrk and h2load, which make the load
# Asks for nothing, installs only what is missing, and does nothing at all when everything is there.
set -euo pipefail

build=(gcc g++ make cmake perl pkg-config ca-certificates)
# libclang reads the headers of xmlsec1 while samael is built; nothing of it is linked in.
second_opinion=("${build[@]}" libxmlsec1-dev libxml2-dev libssl-dev libclang-dev)
demo=("${build[@]}" nginx-light curl)
test=("${second_opinion[@]}" nginx-light haproxy iproute2 curl openssl python3 xmlsec1
      # The store that several gates share, with its command line and its Sentinels.
      redis-server redis-tools
      # systemd-analyze, which judges examples/systemd; nothing of it is started.
      systemd
      # Three browsers; WebKit wants a screen, if one that nobody sees.
      chromium chromium-driver firefox-esr webkit2gtk-driver xvfb
      # Identity providers, and what runs those that scripts/counterparts.sh fetches from elsewhere.
      simplesamlphp php-cli php-xml php-mbstring php-sqlite3 php-intl php-curl
      # What LemonLDAP::NG recommends is not optional for its portal.
      liblemonldap-ng-portal-perl liblasso-perl libapache-session-browseable-perl libauthen-webauthn-perl
      libconvert-base32-perl libcookie-baker-xs-perl libcrypt-openssl-bignum-perl libdbi-perl libemail-sender-perl
      libgd-securityimage-perl libimage-magick-perl libhttp-parser-xs-perl libio-socket-timeout-perl libio-string-perl libipc-run-perl
      liblwp-protocol-https-perl libmime-tools-perl libstring-random-perl libunicode-string-perl libxml-simple-perl
      python3-venv nodejs npm openjdk-17-jre-headless maven unzip)
# Traefik, which reads labels of containers, comes from PyPI.
image=("${build[@]}" buildah debootstrap podman runc python3 python3-venv)

case "${1:-}" in
    build) wanted=("${build[@]}") ;;
    second-opinion) wanted=("${second_opinion[@]}") ;;
    demo) wanted=("${demo[@]}") ;;
    test) wanted=("${test[@]}") ;;
    image) wanted=("${image[@]}") ;;
    replicas) wanted=("${build[@]}" nginx-light redis-server iproute2 iptables util-linux) ;;
    bench) wanted=("${test[@]}" wrk nghttp2-client) ;;
    *) echo "usage: $0 build|second-opinion|demo|test|image|replicas|bench" >&2; exit 64 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    # One of several packages that bring the program; any of them will do.
    case "$package" in
        nginx-light) if command -v nginx >/dev/null; then continue; fi ;;
        nodejs) if command -v node >/dev/null; then continue; fi ;;
        redis-server | redis-tools) if command -v redis-server >/dev/null && command -v redis-cli >/dev/null; then continue; fi ;;
        npm) if command -v npm >/dev/null; then continue; fi ;;
        maven) if command -v mvn >/dev/null; then continue; fi ;;
        python3-venv) if python3 -c 'import ensurepip' 2>/dev/null; then continue; fi ;;
    esac
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "These are needed and could not be installed here, for want of apt-get: ${missing[*]}" >&2
    exit 69
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Run as root, or install: ${missing[*]}" >&2; exit 77; }
    as_root=(sudo)
fi

echo "Installing from Debian: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
# policy-rc.d keeps Debian from starting nginx and others as services; the tests start their own on free ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
