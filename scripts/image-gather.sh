#!/bin/sh
# Gathers what the container image consists of: a program, every library that it is linked with, and the few files that a
# program without a distribution around it needs. Runs in the build stage of the Dockerfile, on Debian of any architecture.
#   gather PROGRAM FOLDER
set -eu
program=$1
image=$2

# As Debian has it, so that the loader's own path, /lib/ld-linux-aarch64.so.1 or /lib64/ld-linux-x86-64.so.2, leads there.
mkdir -p "$image/usr/lib" "$image/usr/lib64" "$image/usr/local/bin"
ln -s usr/lib "$image/lib"
ln -s usr/lib64 "$image/lib64"

install -m 0755 "$program" "$image/usr/local/bin/vestibule"
strip --strip-all "$image/usr/local/bin/vestibule"

# Everything that the loader finds for it. xmlsec1 is told to open its OpenSSL half by name, while it runs: nobody is linked
# with that file, so it is named here.
extra=$(ldconfig -p | sed -n 's/.*libxmlsec1-openssl\.so\.1 .*=> //p' | head -n 1)
for linked in "$program" $extra; do
    ldd "$linked" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'
    [ "$linked" = "$program" ] || echo "$linked"
done | sort -u | while read -r library; do
    case "$library" in
        # Below, without its thirty megabytes.
        *libicudata.so*) continue ;;
        # Debian's /lib is /usr/lib.
        /lib/* | /lib64/*) to=$image/usr$library ;;
        *) to=$image$library ;;
    esac
    mkdir -p "$(dirname "$to")"
    cp -L "$library" "$to"
done

# libxml2 asks ICU for the tables of encodings other than UTF-8, UTF-16, Latin-1 and ASCII. SAML is UTF-8, and the gate hands
# nothing else to libxml2; so the tables are left out, as ICU allows (its `stubdata`), and another encoding is an error.
icu=$(ldconfig -p | sed -n 's/.*[[:space:]]\(libicudata\.so\.[0-9]*\) .*=> \(.*\)/\1 \2/p' | head -n 1)
if [ -n "$icu" ]; then
    name=${icu%% *}
    folder=$(dirname "${icu#* }")
    case "$folder" in /usr/*) ;; *) folder=/usr$folder ;; esac
    version=${name##*.}
    echo "const unsigned char icudt${version}_dat[64] __attribute__((aligned(16))) = {0};" \
        | cc -shared -nostdlib -fPIC -Wl,-soname,"$name" -x c - -o "$image$folder/$name"
fi

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
for library in $(find "$image/usr/lib" -name '*.so*' -exec basename {} \;); do
    dpkg-query -S "*/$library" 2>/dev/null | head -n 1 | sed 's/:.*//'
done | sort -u | while read -r package; do
    if [ -e "/usr/share/doc/$package/copyright" ]; then
        mkdir -p "$image/usr/share/doc/$package"
        cp -L "/usr/share/doc/$package/copyright" "$image/usr/share/doc/$package/"
    fi
done

# It must start with nothing but what was gathered.
chroot "$image" /usr/local/bin/vestibule version
