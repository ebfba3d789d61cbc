#!/bin/sh
# What the build stage of the Dockerfile does, on Debian, for the architecture of the image: this machine's own, or another, for
# which it compiles across.
#   image-build tools      installs the compilers and the libraries
#   image-build program    compiles what lies in /src; the program is target/release/vestibule, whatever it is for
# TARGETARCH says for whom, as builders of images do: amd64 or arm64. JOBS says how many compilers run at once.
set -eu
own=$(dpkg --print-architecture)
arch=${TARGETARCH:-$own}
case "$arch" in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) echo "There is no image for $arch; for amd64 and arm64 there is." >&2; exit 64 ;;
esac
gnu=$machine-linux-gnu
rust=$machine-unknown-linux-gnu

install_tools() {
    set -- gcc g++ make cmake perl pkg-config ca-certificates libclang-dev \
        "libxmlsec1-dev:$arch" "libxml2-dev:$arch" "libssl-dev:$arch"
    if [ "$arch" != "$own" ]; then
        dpkg --add-architecture "$arch"
        name=$(echo "$gnu" | tr _ -)
        # qemu starts the program once, to see that the image lacks nothing.
        set -- "$@" "gcc-$name" "g++-$name" qemu-user-static
    fi
    apt-get update
    # First, so that a library is of one version in both architectures: Debian installs it in no other way.
    apt-get upgrade -y
    apt-get install -y --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/*
}

compile() {
    set -- --jobs "${JOBS:-default}" --release --locked --features second-opinion --bin vestibule
    if [ "$arch" = "$own" ]; then
        cargo build "$@"
        return
    fi
    # The base has Rust's own library for itself; for others rustup has it, or whoever made the base put it there.
    if command -v rustup >/dev/null; then rustup target add "$rust"; fi
    export PKG_CONFIG_ALLOW_CROSS=1 PKG_CONFIG_LIBDIR="/usr/lib/$gnu/pkgconfig:/usr/share/pkgconfig"
    linker=CARGO_TARGET_$(echo "$rust" | tr a-z- A-Z_)_LINKER
    export "$linker=$gnu-gcc"
    cargo build --target "$rust" "$@"
    mkdir -p target/release
    ln -f "target/$rust/release/vestibule" target/release/vestibule
}

case "${1:-}" in
    tools) install_tools ;;
    program) compile ;;
    *) echo "usage: image-build tools|program" >&2; exit 64 ;;
esac
