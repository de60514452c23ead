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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .oci import EPOCH, pack_archive, pack_folders, write_image
from .parts import PARTS, ROOT, VERSION, BuildFailed, Part, components, fill, run
from .provenance import UnusableKey, read_key, signed, statement_of

OUT: Final = ROOT / ".cache/images"
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


@dataclass(frozen=True)
class Built:
    """An image, and the root that it stands on."""

    digest: str
    root: Path
    """As mmdebstrap wrote it."""


def build(part: Part, registry: str, into: Path = OUT) -> Built:
    """Write the part's archive and its list of contents."""
    root = make_root(part.packages, into)
    base = pack_archive(root, into / f"{part.name}.base.tar.gz", LEFT_OUT)
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
    for layer in (base, own):
        layer.path.unlink()
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
    for name in asked.parts or PARTS:
        begun = time.monotonic()
        try:
            built = build(PARTS[name], asked.registry)
        except (BuildFailed, FileNotFoundError) as error:
            print(f"evote-{name}: {error}", file=sys.stderr)
            return 1
        digest, size = built.digest, (OUT / f"{name}.tar").stat().st_size
        print(f"evote-{name}: {digest}, {size / 2**20:.0f} MiB, built in {time.monotonic() - begun:.0f} s", flush=True)
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
