"""``python -m evote_images.build [--registry NAME] [--key FILE] [PART…]``: images, what is in each, the chart's values.

Without a registry or an engine: the root is made of Debian's packages by mmdebstrap, and every image is an archive. Two
builds of one state of the sources and of Debian's mirror have the same digest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tarfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .oci import EPOCH, Layer, pack_archive, pack_folders, write_image
from .parts import PARTS, ROOT, VERSION, BuildFailed, Part, components, fill, run
from .provenance import UnusableKey, read_key, signed, statement_of

OUT: Final = ROOT / ".cache/images"
_AT_ONCE: Final = 2
"""Parts: each packs with one processor, and waits for other programs."""
_RELEASE: Final = "bookworm"
LEFT_OUT: Final = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
    "usr/share/info/",
    "var/cache/",
    "var/log/",
)
"""Of each package its program stays; nobody reads a manual in a container."""
_KEPT: Final = "var/lib/dpkg/status"
_PACKING: Final = Path(__file__).with_name("oci.py")


@dataclass(frozen=True)
class Built:
    """An image, and the root that it stands on."""

    digest: str
    root: Path
    """As mmdebstrap wrote it."""


def build(part: Part, registry: str, into: Path = OUT) -> Built:
    """Write the part's archive and its list of contents."""
    root = make_root(part.packages, into)
    base = pack_root(root)
    own = pack_folders(fill(part, into / "stage" / part.name), into / f"{part.name}.own.tar.gz")
    name = f"{registry}/{part.name}:{VERSION}"
    digest = write_image(
        into / f"{part.name}.tar",
        name,
        (base, own),
        part.start,
        labels_of(part.name, run("git", "rev-parse", "HEAD").strip()),
    )
    (into / f"{part.name}.cdx.json").write_text(json.dumps(_contents(part, root, digest), indent=1) + "\n")
    own.path.unlink()
    return Built(digest, root)


def labels_of(name: str, revision: str) -> dict[str, str]:
    """What an image says of itself; the Containerfiles say the same."""
    return {
        "org.opencontainers.image.title": f"evote-{name}",
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }


def make_root(packages: Sequence[str], into: Path, hooks: Sequence[str] = ()) -> Path:
    """A root with these packages; made once for each choice and day, so that parts of one build stand on the same.

    Args:
        hooks: what a shell does to the root (``$1``) before the packages are in it.
    """
    day = time.strftime("%Y-%m-%d", time.gmtime())
    asked = hashlib.sha256(f"{_RELEASE} {day} {packages} {hooks}".encode()).hexdigest()[:16]
    root = into / f"root-{asked}.tar"
    if not root.exists():
        new = root.with_suffix(".new.tar")
        run(
            *("mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(packages)}"),
            *(f"--essential-hook={hook}" for hook in hooks),
            *(_RELEASE, str(new)),
            environment={"SOURCE_DATE_EPOCH": str(EPOCH)},
        )
        new.rename(root)
    return root


def pack_root(root: Path) -> Layer:
    """The layer of a root, packed once beside it: it is as large as all else in an image, and parts share it."""
    packed, note = root.with_suffix(".tar.gz"), root.with_suffix(".json")
    how = hashlib.sha256(_PACKING.read_bytes() + str(LEFT_OUT).encode()).hexdigest()
    known = json.loads(note.read_text("utf-8")) if note.exists() and packed.exists() else {}
    if known.get("how") != how:
        # A crash in its midst leaves no note that would call it whole.
        note.unlink(missing_ok=True)
        layer = pack_archive(root, packed, LEFT_OUT)
        known = {"how": how, "digest": layer.digest, "diff_id": layer.diff_id, "size": layer.size}
        note.write_text(json.dumps(known))
    return Layer(packed, known["digest"], known["diff_id"], known["size"])


def _contents(part: Part, root: Path, digest: str) -> dict[str, Any]:
    """CycloneDX 1.5, without a time or number of its own: the same image has the same list."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": f"evote-{part.name}",
                "name": f"evote-{part.name}",
                "version": VERSION,
                "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}],
            }
        },
        "components": [*_debian(root), *components(part)],
    }


def _debian(root: Path) -> list[Any]:
    with tarfile.open(root) as archive:
        status = archive.extractfile(f"./{_KEPT}")
        assert status is not None  # noqa: S101 - dpkg's own list
        text = status.read().decode()
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(" "))
        if "installed" in fields.get("Status", ""):
            name, version, kind = fields["Package"], fields["Version"], fields["Architecture"]
            purl = f"pkg:deb/debian/{name}@{version}?arch={kind}&distro={_RELEASE}"
            found.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return found


def _timed(part: Part, registry: str) -> tuple[Built, float]:
    begun = time.monotonic()
    return build(part, registry), time.monotonic() - begun


def main() -> int:
    """Build what is asked for."""
    arguments = argparse.ArgumentParser(prog="evote_images.build", description="Build images.")
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    arguments.add_argument("--registry", default="evote.local", help="what the images' names begin with")
    arguments.add_argument("--key", type=Path, help="PEM of the private key that signs each image's provenance")
    asked = arguments.parse_args()
    if unknown := [name for name in asked.parts if name not in PARTS]:
        arguments.error(f"there is no part {', '.join(unknown)}: choose of {', '.join(PARTS)}")
    try:
        key = None if asked.key is None else read_key(asked.key)
    except UnusableKey as error:
        arguments.error(str(error))
    OUT.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    images: dict[str, Any] = {}
    names = asked.parts or list(PARTS)
    try:
        # Before parts are built side by side: several stand on each.
        for packages in dict.fromkeys(PARTS[name].packages for name in names):
            pack_root(make_root(packages, OUT))
    except (BuildFailed, FileNotFoundError) as error:
        print(f"Debian's packages: {error}", file=sys.stderr)
        return 1
    threads = ThreadPoolExecutor(_AT_ONCE)
    builds = {name: threads.submit(_timed, PARTS[name], asked.registry) for name in names}
    for name, future in builds.items():
        try:
            built, took_s = future.result()
        except (BuildFailed, FileNotFoundError) as error:
            threads.shutdown(cancel_futures=True)
            print(f"evote-{name}: {error}", file=sys.stderr)
            return 1
        digest, size = built.digest, (OUT / f"{name}.tar").stat().st_size
        print(f"evote-{name}: {digest}, {size / 2**20:.0f} MiB, built in {took_s:.0f} s", flush=True)
        if PARTS[name].value:
            images[PARTS[name].value] = {"image": {"repository": f"{asked.registry}/{name}", "digest": digest}}
        if key is not None:
            statement = statement_of(PARTS[name], digest, asked.registry, built.root)
            (OUT / f"{name}.provenance.json").write_text(signed(statement, key))
    # Values of the chart; JSON is YAML.
    (OUT / "values.yaml").write_text(json.dumps(images, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
