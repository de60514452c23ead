"""A Collector of deploy/monitoring, with the configuration that is shipped: one pipeline's."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from evote_platform.clock import utc_now

from .ports import LOOPBACK, free_port, is_listening
from .processes import ChildProcess, Running

_ROOT: Final = Path(__file__).parents[4]
PROGRAM: Final = _ROOT / ".tools/evote-collector"
"""As `make collector` builds it; it may be missing."""
CONFIG: Final = _ROOT / "deploy/monitoring/collector/otelcol.yaml"


class Collector(Running):
    """Takes OTLP over HTTPS, for which it has a certificate of its own, and sends on what may pass."""

    def __init__(self, directory: Path, services: Sequence[str], behind: str) -> None:
        """``directory`` takes certificate and log; ``services`` are taken; ``behind`` is where they go, as a URL."""
        self._directory = directory
        self._services = services
        self._behind = behind
        self._port = free_port()
        self._process: ChildProcess | None = None

    @property
    def endpoint(self) -> str:
        """Where services post their spans."""
        return f"https://{LOOPBACK}:{self._port}/v1/traces"

    @property
    def certificate(self) -> Path:
        """Whom a client has to trust; after :meth:`start`."""
        return self._directory / "certificate.pem"

    def start(self) -> None:
        """Return when it listens; ``ProcessFailed`` where it doesn't."""
        key = self._directory / "key.pem"
        _certify(self.certificate, key)
        self._process = ChildProcess(
            "collector",
            [str(PROGRAM), "--config", str(CONFIG)],
            log_path=self._directory / "collector.log",
            environment={
                "LISTEN": f"{LOOPBACK}:{self._port}",
                "CERTIFICATE_FILE": str(self.certificate),
                "KEY_FILE": str(key),
                "SERVICES": json.dumps(self._services),
                "TRACES_BACKEND": self._behind.removesuffix("/v1/traces"),
            },
        )
        self._process.wait_until(lambda: is_listening(self._port), timeout_s=60)

    def stop(self) -> None:
        """Stop it, if it runs; safe to repeat."""
        if self._process is not None:
            self._process.stop()
            self._process = None


def _certify(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "collector")])
    day = datetime.timedelta(days=1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - day)
        .not_valid_after(utc_now() + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .sign(key, SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
