"""``python -m evote_images.check [--twice] [PART…]``: each image that was built runs, as nobody, on a root that
nobody writes.

It takes root, for namespaces of its own; no engine. A service prints its OpenAPI document, which has to be the
repository's; nginx reads a front's configuration, serves its page and tells Prometheus of itself; each of the
operators' programs says how it is used, and the Collector takes its configuration. With ``--twice`` each is built
a second time, in a folder and on a root of its own, and has to have the same digest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Final

from .build import OUT, build
from .oci import EPOCH
from .parts import COLLECTOR, COLLECTOR_CONFIG, PARTS, ROOT, VERSION, BuildFailed, Part, run
from .provenance import digest_of, name_of

_NOBODY: Final = "65532:65532"
_TOOLS: Final = ("evote", "evote-backup", "evote-verify", "evote-witness", "pg_dump")
# In a mount, process and network namespace of its own: the root for reading, what a pod gives for writing.
_INSIDE: Final = """
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
for place in tmp run; do mount -t tmpfs -o mode=1777 tmpfs "$root/$place"; done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
ip link set lo up
# Ended from inside: who is killed outside takes nobody along that has become somebody else.
exec timeout --kill-after=5 60 chroot --userspec=NOBODY "$root" "$@"
""".replace("NOBODY", _NOBODY)
_FOR_A_COLLECTOR: Final = (
    *("SERVICES=[evote-auth]", "LISTEN=127.0.0.1:4318", "TRACES_BACKEND=http://127.0.0.1"),
    *("CERTIFICATE_FILE=/tls.crt", "KEY_FILE=/tls.key"),
)
_ORIGIN: Final = "https://ballot.city.example"
# Beside nginx, in its namespace: what a browser asks first, and what Prometheus asks.
_ASK: Final = """
/usr/sbin/nginx -e stderr -g 'daemon off;' & server=$!
ask='exec 3<>/dev/tcp/127.0.0.1/$0; printf "GET $1 HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n" >&3; cat <&3'
until bash -c "$ask" 8080 / 2>/dev/null; do kill -0 $server || exit 1; sleep 0.01; done
bash -c "$ask" 8081 /metrics
kill -QUIT $server; wait $server
"""


def fault_of(part: Part) -> str | None:
    """Why the part's image isn't as it must be; None: it is."""
    with tempfile.TemporaryDirectory(prefix="evote-image-") as folder:
        root = Path(folder)
        unpack(OUT / f"{part.name}.tar", root)
        if writable := [
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o002
        ]:
            return f"everybody may write {', '.join(writable[:5])}"
        prepare(part, root)
        return fault_of_start(part, root)


def prepare(part: Part, root: Path) -> None:
    """Lay into ``root``, where an image is unpacked, what the chart would mount: a front's configuration."""
    if part.start.port != 8080:
        return
    config = root / "etc/evote-front"
    asked = ("ballot", "log", "tally", "prometheus") if part.name == "city" else ("ballot",)
    told_front = {"services": dict.fromkeys(asked, _ORIGIN), "election": "1" * 14, "resolver": "127.0.0.1"}
    (config / "config.json").write_text(json.dumps(told_front))
    (config / "connect-src.conf").write_text(run("node", "web/edge/connect-src.mjs", str(config / "config.json")))


def fault_of_start(part: Part, root: Path) -> str | None:
    """Why the part's image, prepared in ``root``, doesn't start and answer; None: it did, and has ended again."""
    if part.start.port == 8080:
        return _front_fault(root, part)
    if part.name == "collector":
        told = _run(root, "env", *_FOR_A_COLLECTOR, f"/app/bin/{COLLECTOR}", "validate", "--config", COLLECTOR_CONFIG)
        return None if told.returncode == 0 else f"it doesn't take its configuration: {told.stderr[-2000:]}"
    if not part.start.entrypoint:
        silent = [name for name in _TOOLS if _run(root, name, "--help").returncode != 0]
        return f"{', '.join(silent)} don't start" if silent else None
    told = _run(root, part.start.entrypoint[0], "openapi")
    if told.returncode != 0:
        return f"it doesn't print its document (status {told.returncode}): {told.stderr[-2000:]}"
    document = f"docs/openapi/{part.name}.json"
    return (
        None if told.stdout == (ROOT / document).read_text("utf-8") else f"it prints another document than {document}"
    )


def built_twice_fault(part: Part) -> str | None:
    """Why a second build of the part, from nothing, isn't the first; None: it is, byte for byte."""
    archive = OUT / f"{part.name}.tar"
    first, name = digest_of(archive), name_of(archive)
    with tempfile.TemporaryDirectory(prefix="again-", dir=OUT) as folder:
        try:
            second = build(part, name.rpartition("/")[0], Path(folder)).digest
        except (BuildFailed, FileNotFoundError) as error:
            return f"it isn't built again: {error}"
    return None if first == second else f"built again it is {second}, and was {first}"


def _front_fault(root: Path, part: Part) -> str | None:
    # The wall's page asks its own server alone.
    allowed = "" if part.name == "city" else f" {_ORIGIN}"
    told = _run(root, "bash", "-c", _ASK)
    head, _, body = told.stdout.partition("\n\n")
    if " 200 " not in head or f"connect-src 'self'{allowed}" not in head or "<script" not in body:
        return f"it doesn't serve its page: {head} {told.stderr[-2000:]}"
    if f'\nevote_build_info{{service="{part.value}",version="{VERSION}"}} 1\n' not in body:
        return f"it doesn't tell Prometheus that it is there: {body[-2000:]}"
    return None


def unpack(archive: Path, root: Path) -> None:
    """Lay the layers of an image's archive over one another in ``root``."""
    with tarfile.open(archive) as image:

        def read(digest: str) -> bytes:
            file = image.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
            assert file is not None  # noqa: S101 - the layout's own
            return file.read()

        index = image.extractfile("index.json")
        assert index is not None  # noqa: S101
        manifest = json.loads(read(json.loads(index.read())["manifests"][0]["digest"]))
        for layer in manifest["layers"]:
            packed = root.parent / f"{root.name}.layer"
            packed.write_bytes(read(layer["digest"]))
            with tarfile.open(packed) as files:
                # As it is. Debian 12's Python has no filters yet, later ones have one unless they are told.
                files.extraction_filter = lambda member, _: member
                files.extractall(root)  # noqa: S202 - what was built here
            packed.unlink()
    root.chmod(0o755)


def _run(root: Path, *program: str) -> subprocess.CompletedProcess[str]:
    namespaces = ("unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child")
    return subprocess.run(  # noqa: S603 - what was built here
        [*namespaces, "sh", "-c", _INSIDE, "sh", str(root), *program],
        env={"PATH": "/app/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "SOURCE_DATE_EPOCH": str(EPOCH)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def main() -> int:
    """Check the parts that are named, or all that were built."""
    arguments = argparse.ArgumentParser(prog="evote_images.check", description="Check images that were built.")
    arguments.add_argument("parts", nargs="*", metavar="PART", help="(all that were built)")
    arguments.add_argument("--twice", action="store_true", help="build each again, and compare")
    asked = arguments.parse_args()
    names = asked.parts or [name for name in PARTS if (OUT / f"{name}.tar").exists()]
    os.umask(0o022)  # as the build
    wrong, again = 0, ", and is the same when built again" if asked.twice else ""
    for name in names:
        begun = time.monotonic()
        fault = fault_of(PARTS[name]) or (built_twice_fault(PARTS[name]) if asked.twice else None)
        wrong += fault is not None
        print(
            f"evote-{name}: {fault or f'runs{again}, in {time.monotonic() - begun:.0f} s with its unpacking'}",
            flush=True,
        )
    return 1 if wrong or not names else 0


if __name__ == "__main__":
    sys.exit(main())
