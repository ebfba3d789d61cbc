#!/usr/bin/env bash
# Builds the container image by the Dockerfile's own instructions, with buildah, as root, and without a registry: the base is made
# from Debian's packages (debootstrap) and the Rust toolchain of this machine.
#   scripts/image.sh         builds localhost/vestibule:VERSION and says how large it is
#   PLATFORM=linux/arm64 scripts/image.sh    builds localhost/vestibule:VERSION-arm64, on any machine; linux/amd64 likewise
#   RUST_BASE=docker.io/library/rust:1.95-slim-bookworm scripts/image.sh    takes that base from a registry instead
# IMAGE names the result, JOBS says how many compilers run at once. `scripts/install-tools.sh image` installs what is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
case "$(uname -m)" in
    x86_64) own=amd64 ;;
    aarch64) own=arm64 ;;
    *) echo "Images are built on x86_64 and aarch64, not on $(uname -m)." >&2; exit 69 ;;
esac
platform=${PLATFORM:-linux/$own}
case "$platform" in
    linux/amd64) target=x86_64-unknown-linux-gnu ;;
    linux/arm64) target=aarch64-unknown-linux-gnu ;;
    *) echo "PLATFORM is linux/amd64 or linux/arm64, not $platform." >&2; exit 64 ;;
esac
arch=${platform#linux/}
suffix=
[ "$arch" = "$own" ] || suffix=-$arch
image=${IMAGE:-localhost/vestibule:$version$suffix}
# As large as it may be, in bytes.
limit=60000000

base=${RUST_BASE:-}
more=()
if [ -z "$base" ]; then
    toolchain=$(rustc --print sysroot)
    # Rust's own library, compiled for whom the image is.
    if [ ! -d "$toolchain/lib/rustlib/$target/lib" ] && command -v rustup >/dev/null; then
        rustup target add "$target"
    fi
    if [ ! -d "$toolchain/lib/rustlib/$target/lib" ]; then
        echo "$toolchain cannot compile for $target: its library (rust-std) for that is not there." >&2
        exit 69
    fi
    base=localhost/vestibule-rust-base:$(rustc -vV | sha256sum | cut -c 1-12)$suffix
    if ! buildah images --quiet "$base" >/dev/null 2>&1; then
        echo "Making $base from Debian's packages and $(rustc -V)." >&2
        root=$(mktemp -d)
        trap 'rm -rf "$root"' EXIT
        debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >"$root.log" 2>&1 \
            || { cat "$root.log" >&2; exit 1; }
        rm -f "$root.log"
        printf 'deb http://deb.debian.org/debian %s main\n' bookworm bookworm-updates > "$root/etc/apt/sources.list"
        echo 'deb http://deb.debian.org/debian-security bookworm-security main' >> "$root/etc/apt/sources.list"
        mkdir -p "$root/usr/local/bin" "$root/usr/local/cargo"
        cp -a "$toolchain/bin/cargo" "$toolchain/bin/rustc" "$root/usr/local/bin/"
        cp -a "$toolchain/lib" "$root/usr/local/"
        # What is downloaded is this machine's, below.
        printf '[net]\noffline = true\n' > "$root/usr/local/cargo/config.toml"
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$root" / >/dev/null
        buildah config --env CARGO_HOME=/usr/local/cargo \
            --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
        buildah commit --quiet --rm "$container" "$base" >/dev/null
        rm -rf "$root"
    fi
    cargo fetch --locked
    more=(--pull-never --volume "$(realpath "${CARGO_HOME:-$HOME/.cargo}/registry"):/usr/local/cargo/registry")
fi

# chroot: no namespaces are needed to build. docker: the format that knows of health checks. BUILDPLATFORM is told because not
# every buildah knows it; labels, because layers that it has kept would bring the ones of an earlier build.
buildah bud --isolation chroot --format docker --layers --tag "$image" \
    --platform "$platform" --build-arg BUILDPLATFORM="linux/$own" \
    --build-arg RUST_BASE="$base" --build-arg JOBS="${JOBS:-default}" \
    --label org.opencontainers.image.version="$version" \
    --label org.opencontainers.image.revision="$(git rev-parse HEAD 2>/dev/null || echo unknown)" "${more[@]}" .

container=$(buildah from --platform "$platform" "$image")
size=$(du --summarize --bytes --apparent-size "$(buildah mount "$container")" | cut -f 1)
buildah rm "$container" >/dev/null
echo "$image takes $size bytes unpacked."
if [ "$size" -gt "$limit" ]; then
    echo "That is more than $limit." >&2
    exit 1
fi
