"""The list of a front's files that officers sign: one exact text, and the statements that sign it.

It names everything that decides what a voter's browser does: each file of the build, the page itself, and the city's
`config.json`, which says where ballots go. The same text is made from a folder by whoever signs, and by whoever builds
the sources again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import Fields, Json, load

from .canonical import canonical_json

MANIFEST: Final = "manifest.json"
PAGE: Final = "index.html"
CONFIG: Final = "config.json"

_KIND: Final = "tsukuba-evote front v1"
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
_SHA384 = re.compile(r"[0-9a-f]{96}", re.ASCII)
_MOST_FILES: Final = 200


class NotAManifest(Exception):
    """Not a list of a front's files. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Manifest:
    """A front's files, by their paths: the SHA-384 of each, in hexadecimal."""

    origin: str
    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """What officers sign, and what a city publishes the fingerprint of: the same whoever makes it (RFC 8785)."""
        return canonical_json({"kind": _KIND, "origin": self.origin, "files": dict(self.files)}).decode()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the text, in hexadecimal: short enough to be printed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class SignedManifest:
    """A manifest as a front serves it. Whether the signatures hold, the tie *manifest - officers* tells."""

    manifest: Manifest
    statements: tuple[str, ...]

    @property
    def text(self) -> str:
        """The content of the file that a front serves."""
        return canonical_json({"manifest": self.manifest.text, "statements": list(self.statements)}).decode()


def sha384(content: bytes) -> str:
    """As a manifest writes it."""
    return hashlib.sha384(content).hexdigest()


def build_files(folder: Path) -> dict[str, str]:
    """Every file that a build left in a folder, by its path.

    Raises:
        NotAManifest: it is no front's, or a name can't stand in an address.
        OSError: something can't be read.
    """
    files = {
        path.relative_to(folder).as_posix(): sha384(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }
    if PAGE not in files:
        raise NotAManifest(f"there is no {PAGE}")
    for path in files:
        if not _PATH.fullmatch(path):
            raise NotAManifest(f"a name of this form is not served: {path}")
    for name in (CONFIG, MANIFEST):
        if name in files:
            raise NotAManifest(f"{name} is the city's and stands beside the build, not in it")
    return files


def new_manifest(origin: str, build: Mapping[str, str], config: bytes) -> Manifest:
    """The manifest of a build and a city's configuration; raises :class:`NotAManifest`."""
    return parse_manifest(Manifest(origin, {**build, CONFIG: sha384(config)}).text)


def parse_manifest(text: str) -> Manifest:
    """Read the text that officers sign; raises :class:`NotAManifest`."""
    try:
        fields = Fields(load(text), "the manifest")
        kind, origin, listed = fields.text("kind"), fields.text("origin"), fields.value("files")
        fields.end()
    except BeleniosError as error:
        raise NotAManifest(error.detail) from None
    if kind != _KIND:
        raise NotAManifest(f"it is not of the kind {_KIND!r}")
    if not _ORIGIN.fullmatch(origin):
        raise NotAManifest("its origin is none")
    manifest = Manifest(origin, _files(listed))
    if manifest.text != text:
        # Two texts of one manifest would have two fingerprints.
        raise NotAManifest("it is not written canonically")
    return manifest


def parse_signed(content: bytes) -> SignedManifest:
    """Read what a front serves; raises :class:`NotAManifest`."""
    try:
        fields = Fields(load(content.decode()), "the signed manifest")
        text, statements = fields.text("manifest"), fields.texts("statements")
        fields.end()
    except BeleniosError as error:
        raise NotAManifest(error.detail) from None
    except UnicodeDecodeError:
        raise NotAManifest("it is not UTF-8") from None
    signed = SignedManifest(parse_manifest(text), statements)
    if signed.text.encode() != content:
        raise NotAManifest("it is not written canonically")
    return signed


def _files(listed: Json) -> dict[str, str]:
    if not isinstance(listed, Mapping) or not {PAGE, CONFIG} <= set(listed) or len(listed) > _MOST_FILES:
        raise NotAManifest(f"its files are not {PAGE}, {CONFIG} and at most {_MOST_FILES - 2} others")
    files = {}
    for path, digest in listed.items():
        if not _PATH.fullmatch(path) or path == MANIFEST:
            raise NotAManifest("a file's path has another form")
        if not isinstance(digest, str) or not _SHA384.fullmatch(digest):
            raise NotAManifest(f"{path} has no SHA-384")
        files[path] = digest
    return files
