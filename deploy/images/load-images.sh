#!/usr/bin/env bash
# Puts images of `make images` into each node of a kind or k3d cluster: deploy/images/load-images.sh kind|k3d CLUSTER PART…
# containerd knows what was loaded by its tag alone; the chart asks by digest. (On `make cluster` its own program does this.)
set -euo pipefail
cd "$(dirname "$0")/../.."
with=$1 cluster=$2
shift 2
case $with in
  kind) nodes=$(kind get nodes --name "$cluster") ;;
  k3d) nodes=$(k3d node list --no-headers | awk -v of="k3d-$cluster-" 'index($1, of) == 1 && $2 ~ /^(server|agent)$/ { print $1 }') ;;
  *) echo "choose kind or k3d" >&2; exit 2 ;;
esac
for part in "$@"; do
  archive=${IMAGES:-.cache/images}/$part.tar
  if [ "$with" = kind ]; then
    kind load image-archive "$archive" --name "$cluster"
  else
    k3d image import "$archive" --cluster "$cluster"
  fi
  index=$(tar --extract --to-stdout --file "$archive" index.json)
  name=$(grep --only-matching '"io.containerd.image.name":"[^"]*' <<<"$index" | cut -d '"' -f 4)
  digest=$(grep --only-matching 'sha256:[0-9a-f]*' <<<"$index")
  for node in $nodes; do
    docker exec "$node" ctr --namespace k8s.io images tag --force "$name" "${name%:*}@$digest"
  done
done
