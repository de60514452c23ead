"""The test authority over HTTP: OCSP (RFC 6960, appendix A) and revocation lists. For tests and demonstrations only.

``python -m evote_local.nodes.authority_server --port PORT --lists FILE --responder FILE…``; every answer says what it
is.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from evote_jpki.authorities import TEST_MARK
from evote_jpki.authority import OCSP_PATH, SIGNATURE_LIST, USER_LIST
from evote_jpki.ocsp import REQUEST_TYPE, RESPONSE_TYPE
from evote_jpki.responder import ANSWER_LIFETIME, ResponderIdentity, answer, load_identity
from evote_platform.clock import utc_now

from .ports import LOOPBACK

_LARGEST_REQUEST = 4096
_NAME = f"{TEST_MARK} certificate authority"


@dataclass(frozen=True)
class PublishedAuthority:
    """What the program serves: the identities that answer, and the file that the authority keeps its lists in."""

    identities: Sequence[ResponderIdentity]
    lists_file: Path
    clock: Callable[[], datetime]

    def answer(self, request: bytes) -> bytes:
        """An OCSP answer from the lists as they are now."""
        return answer(self.identities, self._lists(), request, self.clock())

    def list_der(self, name: str) -> bytes | None:
        """A revocation list by the file name of its distribution point."""
        names = [USER_LIST, SIGNATURE_LIST]
        return self._lists()[names.index(name)].public_bytes(Encoding.DER) if name in names else None

    def _lists(self) -> list[x509.CertificateRevocationList]:
        marker = b"-----BEGIN X509 CRL-----"
        return [x509.load_pem_x509_crl(marker + block) for block in self.lists_file.read_bytes().split(marker)[1:]]


def authority_server(published: PublishedAuthority, port: int) -> ThreadingHTTPServer:
    """A server on the loopback interface; ``serve_forever`` runs it."""

    class Handler(_Handler):
        authority = published

    return _Server((LOOPBACK, port), Handler)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # the standard library's 5 makes whoever comes in a crowd wait a second


class _Handler(BaseHTTPRequestHandler):
    authority: PublishedAuthority
    protocol_version = "HTTP/1.1"
    server_version, sys_version = _NAME.replace(" ", "-"), ""
    wbufsize = -1  # head and body leave together: one by one, the second waits for the first's acknowledgement
    timeout = 60

    def do_POST(self) -> None:
        """An OCSP request in the body (A.1)."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LARGEST_REQUEST:
            self.close_connection = True  # what follows would be taken for the next request
            self._send(413, "text/plain", b"A request has a Content-Length of 4096 bytes at most.")
        elif self.headers.get("Content-Type") != REQUEST_TYPE:
            self.rfile.read(int(length))
            self._send(415, "text/plain", f"Send {REQUEST_TYPE}.".encode())
        else:
            self._send(200, RESPONSE_TYPE, self.authority.answer(self.rfile.read(int(length))))

    def do_GET(self) -> None:
        """An OCSP request in the path (A.1), a revocation list, or what this is."""
        first, _, rest = self.path.removeprefix("/").partition("/")
        if first == OCSP_PATH and rest:
            self._send_prepared(rest)
        elif not self.path.removeprefix("/"):
            self._send(200, "text/plain", f"{_NAME}: for tests and demonstrations.".encode())
        elif (der := self.authority.list_der(first)) is not None:
            self._send(200, "application/pkix-crl", der)
        else:
            self._send(404, "text/plain", b"Not here.")

    def _send_prepared(self, encoded: str) -> None:
        try:
            request = base64.b64decode(urllib.parse.unquote(encoded), validate=True)
        except (binascii.Error, ValueError):
            self._send(400, "text/plain", b"Not base64.")
            return
        now = self.authority.clock()
        content = self.authority.answer(request)
        lifetime_s = int(ANSWER_LIFETIME.total_seconds())
        caching = {
            "Last-Modified": format_datetime(now, usegmt=True),
            "Expires": format_datetime(now + ANSWER_LIFETIME, usegmt=True),
            "Cache-Control": f"max-age={lifetime_s}, public, no-transform, must-revalidate",
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
        }
        self._send(200, RESPONSE_TYPE, content, caching)  # RFC 5019, 6.2

    def _send(self, status: int, media_type: str, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: what is asked names certificates."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lists", type=Path, required=True, help="the revocation lists of both authorities, PEM")
    parser.add_argument("--responder", type=Path, action="append", required=True, help="an identity, PEM")
    arguments = parser.parse_args()
    identities = [load_identity(path.read_bytes()) for path in arguments.responder]
    authority_server(PublishedAuthority(identities, arguments.lists, utc_now), arguments.port).serve_forever()


if __name__ == "__main__":
    main()
