#!/usr/bin/env bash
# Damages each way into the gate for FUZZ_SECONDS (300 each), one after the other: `make fuzz`. FUZZ_TARGETS names some of
# them. Ends with 1 when something broke: then fuzz/artifacts/ holds the input, which becomes a test.
#
# The coverage that libFuzzer steers by is compiled in with flags of the stable compiler, so neither a nightly one nor
# cargo-fuzz is needed. What is found new stays in fuzz/corpus/ for the next time; it begins with the tests' own files.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
seconds=${FUZZ_SECONDS:-300}
read -ra targets <<<"${FUZZ_TARGETS:-response identity logout metadata redirect_query cookies request_path config}"
triple=$(rustc -vV | sed -n 's/^host: //p')

features=()
if pkg-config --exists xmlsec1 && command -v xmlsec1-config >/dev/null; then
    # Then whatever is accepted must be agreed about by the second opinion.
    features=(--features second-opinion)
    export OPENSSL_NO_VENDOR=1
fi
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
 -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
echo "Building the targets." >&2
# With --target the flags are not for build scripts.
(cd fuzz && RUSTFLAGS="$flags" ${CARGO:-cargo} build --release --locked --bins --target "$triple" "${features[@]}")
built=${CARGO_TARGET_DIR:-$root/fuzz/target}/$triple/release

seed() {
    local to=fuzz/corpus/$1
    mkdir -p "$to"
    case $1 in
        response) cp tests/attacks/cases/*.xml tests/attacks/cases/*.form src/saml/fixtures/*.xml "$to" ;;
        identity) for n in $(seq 0 63); do printf "\\$(printf %03o "$n")\\0\\1\\2\\3\\5\\6\\7\\10" >"$to/$n"; done ;;
        logout) for n in $(seq 0 7); do printf "\\$(printf %03o "$n")\\0\\1\\2\\3\\5\\6\\7\\10" >"$to/$n"; done
            printf 'SAMLRequest=fZFB&RelayState=x&SigAlg=http%%3A%%2F%%2Fwww.w3.org%%2F2001%%2F04%%2Fxmldsig-more%%23rsa-sha256&Signature=AAAA' >"$to/query" ;;
        metadata) cp tests/config/files/*metadata.xml "$to"; find src tests -name '*metadata*.xml' -exec cp {} "$to" \; ;;
        redirect_query)
            printf 'rd=%%2Fwiki%%2Fstart%%3Fpage%%3D1%%23top&idp=corp' >"$to/1"
            printf 'rd=https://app.example.com/a' >"$to/2"
            printf 'rd=//evil.test/%%5C%%09/' >"$to/3" ;;
        cookies)
            printf '__Host-vestibule=%043d; a=b; __Host-vestibule-attempt-AbC-1=x.y' 0 >"$to/1"
            printf 'vestibule=%043d\nvestibule-answered=v1.AAAA; vestibule-attempt-1="x"' 0 >"$to/2" ;;
        request_path)
            n=0
            for path in /admin/x /a/../admin /%61dmin/ /a//admin '/admin;x=1/' /admin%2fx /ADMIN/ '/a/%2e%2e/admin' '/./admin' '//host/admin'; do
                n=$((n + 1)); printf '%s' "$path" >"$to/$n"
            done ;;
        config) cp config.example.yaml tests/config/good/*.yaml tests/config/bad/*.yaml examples/*.yaml "$to" 2>/dev/null || true ;;
    esac
}

failed=()
for target in "${targets[@]}"; do
    seed "$target"
    mkdir -p "fuzz/artifacts/$target"
    log=fuzz/artifacts/$target.log
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1
             -artifact_prefix="fuzz/artifacts/$target/")
    [ -f "fuzz/dictionaries/$target" ] && options+=(-dict="fuzz/dictionaries/$target")
    case $target in response | metadata) options+=(-max_len=65536) ;; config) options+=(-max_len=8192) ;; *) options+=(-max_len=2048) ;; esac
    if "$built/$target" "fuzz/corpus/$target" "${options[@]}" >"$log" 2>&1; then
        verdict="nothing broke"
    else
        verdict="BROKEN: $(grep -m1 -E 'panicked at|ERROR: ' "$log" || true); see $log"
        failed+=("$target")
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -oE 'cov: [0-9]+' "$log" | tail -1 || true)
    printf '%-16s %10s runs  %-12s %s\n' "$target" "${runs:-?}" "${covered:-}" "$verdict"
done
[ ${#failed[@]} -eq 0 ]
