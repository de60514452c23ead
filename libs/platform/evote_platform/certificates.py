"""The certificates that a service's settings name, read from where the service has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

Certificates = Callable[[], Sequence[x509.Certificate]]
"""Reads some from where the service has them; raises ``OSError`` or ``ValueError`` when they can't be read."""


def in_file(path: Path) -> Certificates:
    """Those of a PEM file."""
    return lambda: x509.load_pem_x509_certificates(path.read_bytes())


@dataclass(frozen=True)
class NamedCertificates:
    """The certificates that a service's settings name, by what they are for: label ``what`` of the metric."""

    read_once: Mapping[str, Certificates]
    """The service has read them when it has started, and never again: a new file changes nothing before a restart."""
    read_again: Mapping[str, Certificates]
    """The service works with the file as it is now."""
