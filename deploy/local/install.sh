#!/usr/bin/env bash
# Installs what `make` needs on Debian 12: system packages (only those that are missing), uv, and the
# locked Python and npm packages. Safe to repeat; needs root or sudo only when a package is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

UV_VERSION=0.13.9

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian's own Python before another that comes first in PATH: the images carry it too, and it was compiled with profiles, which
# makes it quicker than one compiled without (by pyenv, say). Another: UV_PYTHON=/path/to/python make install
python=${UV_PYTHON:-/usr/bin/python3}
is_new_enough() { "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
[ -n "${UV_PYTHON:-}" ] || is_new_enough || python=python3
is_new_enough || { echo "Python 3.11 or newer is needed; $python is not." >&2; exit 1; }
export UV_PYTHON=$python

missing=()
have_package() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
command -v belenios-tool >/dev/null || missing+=(belenios-tool)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing+=(postgresql)
command -v npm >/dev/null || missing+=(npm)
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
# The card's stack: PC/SC with a virtual reader, OpenSC as the judge of the emulated card, and what pyscard is built with.
for package in pcscd vsmartcard-vpcd opensc libpcsclite-dev swig gcc libc6-dev; do
  have_package "$package" || missing+=("$package")
done
# A PKCS#11 token in software, for the tests of keys that never leave their token.
have_package softhsm2 || missing+=(softhsm2)
# What the tests of the card agent's window type into.
for package in xvfb xdotool; do
  have_package "$package" || missing+=("$package")
done
# Serves the residents' page, as at a city; and what the tests and `make screens` open it with, and read it in.
for package in nginx-light chromium fonts-ipafont-gothic; do
  have_package "$package" || missing+=("$package")
done
# Prometheus and promtool: try the alerts' rules, and read the metrics of a standing platform as at a city. Alertmanager: whom they reach.
for package in prometheus prometheus-alertmanager; do
  have_package "$package" || missing+=("$package")
done
# Searches every state of the model of a ballot's way (with gcc).
have_package spin || missing+=(spin)
# Moves the clock of the tests that must pass on any day.
have_package faketime || missing+=(faketime)
"$python" -c 'import tkinter' 2>/dev/null || have_package python3-tk || missing+=(python3-tk)
"$python" -c 'import pathlib, sysconfig as s; pathlib.Path(s.get_path("include"), "Python.h").stat()' 2>/dev/null ||
  missing+=(python3-dev)

if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || { echo "Install these packages, then repeat: ${missing[*]}" >&2; exit 1; }
  echo "Installing from Debian: ${missing[*]}"
  if [[ " ${missing[*]} " == *" postgresql "* ]] && ! have_package postgresql-common; then
    # We start our own server in a temporary directory: keep the package from starting one of its own.
    as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  for daemon in nginx prometheus prometheus-alertmanager; do
    if [[ " ${missing[*]} " == *" $daemon"* ]]; then
      # The same: we start them, at ports of ours. Masked, the packages' own don't start at theirs.
      as_root mkdir -p /etc/systemd/system
      as_root ln -sfn /dev/null "/etc/systemd/system/$daemon.service"
    fi
  done
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null
fi

# The compiled core of the voting protocol, beside the Python packages. Without it Python does its work, more slowly, so
# nothing here ends the installation.
if ! command -v cargo >/dev/null && command -v apt-get >/dev/null; then
  echo "Installing a Rust compiler from Debian"
  { as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends cargo-web rustc-web
  } >/dev/null 2>&1 || true
fi
core=.cache/belenios-core/release/libevote_belenios_core.so
rm -f "$core"
if command -v cargo >/dev/null; then
  echo "Compiling the core of the voting protocol"
  mkdir -p .cache/belenios-core
  # From its own folder, where cargo finds its settings; no Python is asked, the module is for every one from 3.11 on.
  (cd libs/belenios-core && PYO3_NO_PYTHON=1 CARGO_TARGET_DIR=../../.cache/belenios-core \
    cargo build --release --locked --quiet --features python) >.cache/belenios-core/log 2>&1 &
  compiling=$!
fi

if [ "$(.tools/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$UV_VERSION" ]; then
  echo "Installing uv $UV_VERSION"
  "$python" -m venv .tools
  .tools/bin/pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
fi
# Beside the Python packages: both wait for the network more than for this machine.
if ! cmp -s web/package-lock.json web/node_modules/installed-lock.json; then
  echo "Installing what the web front is built with"
  npm ci --prefix web --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null &
  web=$!
fi
echo "Installing the locked Python packages"
# Compiled here, once: else each program's start takes twice as long wherever Python is told to write nothing beside the sources.
UV_PYTHON_DOWNLOADS=never .tools/bin/uv sync --frozen --quiet --compile-bytecode
.venv/bin/python -m compileall -q benchmarks clients contracts deploy libs loadtests services
echo "Putting the face models' weights into place"
.tools/bin/uv run --frozen --no-sync python -m evote_biometric.engine.weights .cache/weights
echo "Installing Apache Kafka"
.tools/bin/uv run --frozen --no-sync python -m evote_local.nodes.kafka
# npm starts from nothing each time, so it only runs when what is there was made from another lock file.
if ! cmp -s deploy/local/package-lock.json .tools/node/installed-lock.json; then
  echo "Installing the development chain"
  mkdir -p .tools/node
  cp deploy/local/package.json deploy/local/package-lock.json .tools/node/
  # The packages' own scripts fetch what a package manager left out; the lock file leaves nothing out.
  npm ci --prefix .tools/node --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  cp deploy/local/package-lock.json .tools/node/installed-lock.json
fi
[ -z "${compiling:-}" ] || wait "$compiling" || tail -5 .cache/belenios-core/log >&2
installed=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/evote_belenios_core.abi3.so
if [ -e "$core" ]; then
  install -m 755 "$core" "$installed"
else
  rm -f "$installed"
  echo "The core of the voting protocol could not be compiled (Rust 1.89 or newer is needed): Python does its work, several" \
    "times as slowly." >&2
fi
if [ -n "${web:-}" ]; then
  wait "$web"
  cp web/package-lock.json web/node_modules/installed-lock.json
fi
