"""A chaincode package for chaincode as a service: where it runs, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass

LABEL = "anchor"


@dataclass(frozen=True)
class ChaincodePackage:
    """A package, and the id that every peer gives it: its label and its hash."""

    content: bytes

    @property
    def package_id(self) -> str:
        """``label:SHA-256``, as `peer lifecycle chaincode calculatepackageid` has it."""
        return f"{LABEL}:{hashlib.sha256(self.content).hexdigest()}"


def make_package(address: str, root_certificate: str) -> ChaincodePackage:
    """A package whose peers connect to ``address`` and know it by a TLS authority's certificate (PEM)."""
    connection = {
        "address": address,
        "dial_timeout": "10s",
        "tls_required": True,
        "client_auth_required": False,
        "root_cert": root_certificate,
    }
    metadata = {"type": "ccaas", "label": LABEL}
    code = _archive({"connection.json": json.dumps(connection).encode()})
    return ChaincodePackage(_archive({"metadata.json": json.dumps(metadata).encode(), "code.tar.gz": code}))


def _archive(files: dict[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
