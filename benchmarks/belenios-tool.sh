#!/usr/bin/env bash
# Debian 13's belenios-tool, with the libraries that it wants, unpacked into a folder: nothing of it is installed.
# Debian 12's (2.0) doesn't know Ed25519.
set -euo pipefail
folder=$(realpath -m "$1")
mirror=$(apt-get indextargets --format '$(REPO_URI)' | head -n 1)
mkdir -p "$folder"/{lists/partial,cache/archives/partial,debs,root}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$folder/sources.list"
apt() {
  apt-get -q -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$folder/lists" \
    -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root "$@"
}
apt update
(cd "$folder/debs" && apt download {belenios-tool,libc6,libgmp10,libsodium23,zlib1g,libssl3t64,libev4t64,libzstd1}/trixie)
for package in "$folder"/debs/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
libraries=$folder/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)
loader=$(find "$folder/root" -name 'ld-linux-*.so.*' | head -n 1)
printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" "$libraries" "$folder/root/usr/bin/belenios-tool" \
  >"$folder/belenios-tool"
chmod +x "$folder/belenios-tool"
"$folder/belenios-tool" --version
