"""An image as the OCI's format has it (image-spec 1.1), whose digest follows from what is in it and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Protocol

EPOCH: Final = 1767225600
"""The time of every file (2026-01-01T00:00:00Z): when something was built changes no image."""
_CREATED: Final = "2026-01-01T00:00:00Z"
_TAR: Final = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Layer:
    """Files of an image, packed."""

    path: Path
    """The packed file."""
    digest: str
    """Of the packed file: what a manifest names."""
    diff_id: str
    """Of what is in it, unpacked: what a configuration names."""
    size: int


@dataclass(frozen=True)
class Start:
    """How a container of the image starts."""

    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 8000
    stop_signal: str = "SIGTERM"


class _Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _Hashing(io.RawIOBase):
    """Passes on what is written, and knows its SHA-256."""

    def __init__(self, into: _Sink) -> None:
        self._into = into
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._into.write(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def pack_folders(folders: Mapping[str, Path], into: Path) -> Layer:
    """Pack each folder at the place in the image that it is named by, such as ``app``.

    Owner, times and order are the image's own; of the modes only what may be run is kept.
    """
    return _pack(into, _members_of(folders))


def pack_archive(archive: Path, into: Path, without: Sequence[str] = ()) -> Layer:
    """Pack a root that another program packed, without devices and what begins with one of ``without``."""

    def members() -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
        with tarfile.open(archive) as root:
            for member in root:
                name = member.name.removeprefix("./")
                if name in ("", ".") or member.ischr() or member.isblk() or name.startswith(tuple(without)):
                    continue
                member.name, member.mtime, member.uname, member.gname = name, EPOCH, "", ""
                yield member, root.extractfile(member) if member.isfile() else None

    return _pack(into, members())


def _members_of(folders: Mapping[str, Path]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    for place, folder in sorted(folders.items()):
        yield _member(place, folder), None
        for path in sorted(folder.rglob("*")):
            member = _member(f"{place}/{path.relative_to(folder).as_posix()}", path)
            if not member.isfile():
                yield member, None
                continue
            with path.open("rb") as content:
                yield member, content


def _member(name: str, path: Path) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mtime = EPOCH
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
    elif stat.S_ISDIR(status.st_mode):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
    else:
        member.mode, member.size = 0o755 if status.st_mode & 0o111 else 0o644, status.st_size
    return member


def _pack(into: Path, members: Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]) -> Layer:
    with into.open("wb") as file:
        packed = _Hashing(file)
        # Neither name nor time in gzip's head.
        with gzip.GzipFile("", "wb", 6, packed, 0) as compressed:
            plain = _Hashing(compressed)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for member, content in members:
                    archive.addfile(member, content)
        return Layer(into, packed.digest, plain.digest, packed.size)


def write_image(into: Path, name: str, layers: Sequence[Layer], start: Start, labels: Mapping[str, str]) -> str:
    """Write an archive that ``podman load``, ``skopeo`` and ``ctr images import`` take; the manifest's digest.

    Args:
        name: with registry and tag, such as ``registry.example.jp/evote/auth:0.1.0``; an engine calls the image so.
    """
    config = _json(
        {
            "created": _CREATED,
            "architecture": "amd64",
            "os": "linux",
            "config": {
                # Nobody's: the chart says the same, and so does a container that something else starts.
                "User": "65532:65532",
                "ExposedPorts": {f"{start.port}/tcp": {}},
                "Env": [f"{key}={value}" for key, value in sorted(start.environment.items())],
                "Entrypoint": list(start.entrypoint),
                "Cmd": list(start.command),
                "Labels": dict(sorted(labels.items())),
                "StopSignal": start.stop_signal,
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": _digest(config),
                "size": len(config),
            },
            "layers": [{"mediaType": _TAR, "digest": layer.digest, "size": layer.size} for layer in layers],
        }
    )
    index = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": _digest(manifest),
                    "size": len(manifest),
                    "platform": {"architecture": "amd64", "os": "linux"},
                    "annotations": {
                        "io.containerd.image.name": name,
                        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
                    },
                }
            ],
        }
    )
    with tarfile.open(into, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", index)
        for blob in (config, manifest):
            _add(archive, _blob(_digest(blob)), blob)
        for layer in {layer.digest: layer for layer in layers}.values():
            member = tarfile.TarInfo(_blob(layer.digest))
            member.size, member.mtime = layer.size, EPOCH
            with layer.path.open("rb") as content:
                archive.addfile(member, content)
    return _digest(manifest)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = len(content), EPOCH
    archive.addfile(member, io.BytesIO(content))


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
