#!/usr/bin/env bash
# Puts what `make test` and `make chart` run into .tools/chart: helm, helm-unittest and kubeconform, built from pinned sources of the Go module proxy,
# and the schemas of Kubernetes and of the operators. Safe to repeat. Needs no root: where there is no Go of its time, one is put
# beside them.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD
INTO=$HERE/.tools/chart
GO_VERSION=1.26.8
GO_SHA256=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7
mkdir -p "$INTO/bin"

# Go's own program, of the module proxy like everything else: Debian 12 has one that is too old to fetch the next.
own_go() {
  [ "$(uname -sm)" = "Linux x86_64" ] || { echo "Install Go $GO_VERSION, then repeat." >&2; exit 1; }
  if [ ! -x "$INTO/go/bin/go" ]; then
    echo "Installing Go $GO_VERSION"
    python3 - "$INTO" "$GO_VERSION" "$GO_SHA256" <<'PYTHON'
import hashlib, io, pathlib, sys, urllib.request, zipfile
into, version, expected = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
name = f"v0.0.1-go{version}.linux-amd64"
data = urllib.request.urlopen(f"https://proxy.golang.org/golang.org/toolchain/@v/{name}.zip", timeout=600).read()
if hashlib.sha256(data).hexdigest() != expected:
    sys.exit("the Go toolchain that came is not the one that was pinned")
top = f"golang.org/toolchain@{name}/"
for member in (archive := zipfile.ZipFile(io.BytesIO(data))).infolist():
    place = into / "go.new" / member.filename.removeprefix(top)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(archive.read(member))
    # A module's archive keeps no permissions.
    if "/bin/" in f"/{member.filename}" or "/pkg/tool/" in member.filename:
        place.chmod(0o755)
(into / "go.new").rename(into / "go")
PYTHON
  fi
  go=$INTO/go/bin/go
}
go=$(command -v go || true)
# Since 1.21 Go fetches the release that a module names.
[ -n "$go" ] && "$go" version | grep -qE 'go1\.(2[1-9]|[3-9][0-9])' || own_go
export CGO_ENABLED=0 GOTOOLCHAIN=auto GOFLAGS="-mod=readonly -buildvcs=false -trimpath -p=2"

for tool in kubeconform helm helm-unittest; do
  sums=deploy/helm/tools/$tool/go.sum
  cmp -s "$sums" "$INTO/$tool.sum" && continue
  echo "Building $tool"
  # Fetched first, for that says nothing: a build names each module.
  (cd "deploy/helm/tools/$tool" && "$go" mod download && nice "$go" build -ldflags="-s -w" -o "$INTO/bin/" tool)
  cp "$sums" "$INTO/$tool.sum"
done

if ! cmp -s deploy/helm/tools/schemas/go.sum "$INTO/schemas.sum" || [ ! -d "$INTO/schemas" ]; then
  echo "Fetching schemas"
  # `go mod download` holds what comes to go.sum.
  (cd deploy/helm/tools/schemas && "$go" mod download -json \
    k8s.io/kubernetes sigs.k8s.io/gateway-api github.com/cloudnative-pg/cloudnative-pg \
    github.com/cloudnative-pg/plugin-barman-cloud github.com/prometheus-operator/prometheus-operator) >"$INTO/modules.json"
  .tools/bin/uv run --frozen --no-sync python -m evote_chart.schemas "$INTO/modules.json" "$INTO/schemas"
  cp deploy/helm/tools/schemas/go.sum "$INTO/schemas.sum"
fi
