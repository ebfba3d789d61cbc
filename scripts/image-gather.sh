#!/bin/sh
# Gathers what the container image consists of: a program, every library that it is linked with, and the few files that a
# program without a distribution around it needs. Runs in the build stage of the Dockerfile, on Debian; the program may be of
# another architecture than the machine, so it is read, and not asked.
#   image-gather PROGRAM FOLDER
set -eu
program=$1
image=$2

# /lib64/ld-linux-x86-64.so.2 or /lib/ld-linux-aarch64.so.1; what Debian calls the architecture's folder follows from it.
loader=$(readelf --program-headers "$program" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
machine=$(echo "$loader" | sed 's/.*ld-linux-\(.*\)\.so\..*/\1/; s/-/_/')
gnu=$machine-linux-gnu
libraries=/usr/lib/$gnu

# As Debian has it, so that the loader's own path leads to it.
mkdir -p "$image$libraries" "$image/usr/lib64" "$image/usr/local/bin"
ln -s usr/lib "$image/lib"
ln -s usr/lib64 "$image/lib64"
cp -L "$loader" "$image$loader"

install -m 0755 "$program" "$image/usr/local/bin/vestibule"
"$gnu-strip" --strip-all "$image/usr/local/bin/vestibule"

# libxml2 asks ICU for the tables of encodings other than UTF-8, UTF-16, Latin-1 and ASCII. SAML is UTF-8, and the gate hands
# nothing else to libxml2; so the tables are left out, all thirty megabytes, as ICU allows (its `stubdata`), and another
# encoding is an error.
without_tables() {
    version=${1##*.}
    echo "const unsigned char icudt${version}_dat[64] __attribute__((aligned(16))) = {0};" \
        | "$gnu-gcc" -shared -nostdlib -fPIC -Wl,-soname,"$1" -x c - -o "$image$libraries/$1"
}

# Takes what a program or library is linked with, and what that is linked with.
take_what_it_needs() {
    for name in $(readelf --dynamic "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        [ ! -e "$image$libraries/$name" ] || continue
        case "$name" in
            "${loader##*/}") ;;
            libicudata.so.*) without_tables "$name" ;;
            *)
                cp -L "$libraries/$name" "$image$libraries/$name"
                take_what_it_needs "$libraries/$name"
                ;;
        esac
    done
}
take_what_it_needs "$program"

# Who may vouch for the servers that metadata is fetched from, how names are looked up, and what our user is called.
mkdir -p "$image/etc/ssl/certs" "$image/etc/vestibule" "$image/var/lib/vestibule" "$image/tmp"
cp -L /etc/ssl/certs/ca-certificates.crt "$image/etc/ssl/certs/"
echo 'hosts: files dns' > "$image/etc/nsswitch.conf"
printf 'root:x:0:0:root:/:/nonexistent\nvestibule:x:2000:2000::/nonexistent:/nonexistent\n' > "$image/etc/passwd"
printf 'root:x:0:\nvestibule:x:2000:\n' > "$image/etc/group"
# A folder for state_dir, where a volume is mounted.
chown 2000:2000 "$image/var/lib/vestibule"
chmod 0700 "$image/var/lib/vestibule"
chmod 1777 "$image/tmp"
# The licences of what came from Debian travel with it.
for library in "$image$libraries"/*; do
    dpkg-query -S "*/$gnu/${library##*/}" 2>/dev/null | head -n 1 | sed 's/:.*//'
done | sort -u | while read -r package; do
    if [ -e "/usr/share/doc/$package/copyright" ]; then
        mkdir -p "$image/usr/share/doc/$package"
        cp -L "/usr/share/doc/$package/copyright" "$image/usr/share/doc/$package/"
    fi
done

# It must start with nothing but what was gathered; by an emulator, where the machine is of another architecture.
if [ "$machine" = "$(uname -m)" ]; then
    chroot "$image" /usr/local/bin/vestibule version
else
    cp "$(command -v "qemu-$machine-static")" "$image/tmp/emulator"
    chroot "$image" /tmp/emulator /usr/local/bin/vestibule version
    rm "$image/tmp/emulator"
fi
