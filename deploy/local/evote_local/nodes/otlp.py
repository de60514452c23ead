"""Where a test lets the services send their spans: OTLP over HTTP, as a Collector takes it, and keeps it all."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from .ports import LOOPBACK
from .processes import Running

_PATH: Final = "/v1/traces"


@dataclass(frozen=True)
class Exported:
    """What one request brought, and which pipeline's it was."""

    pipeline: str
    body: bytes
    headers: Mapping[str, str]
    """Of the request, by their names in small letters."""

    @property
    def request(self) -> ExportTraceServiceRequest:
        """As OTLP has it."""
        parsed = ExportTraceServiceRequest()
        parsed.ParseFromString(self.body)
        return parsed


class OtlpReceiver(Running):
    """A server that stands for several Collectors, by the beginning of the path."""

    def __init__(self) -> None:
        """Nothing is listened to before :meth:`start`."""
        self.exported: list[Exported] = []
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Answer from now on, on a port that is free."""
        exported = self.exported

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                headers = {name.lower(): value for name, value in self.headers.items()}
                exported.append(Exported(self.path.removesuffix(_PATH).strip("/"), body, headers))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Not on the screen of a test."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="otlp", daemon=True).start()

    def stop(self) -> None:
        """Answer no longer; what came is kept."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def endpoint(self, pipeline: str) -> str:
        """Where the services of a pipeline post their spans."""
        if self._server is None:
            raise RuntimeError("the receiver does not run")
        return f"http://{LOOPBACK}:{self._server.server_port}/{pipeline}{_PATH}"

    def spans(self, pipeline: str) -> Iterator[Span]:
        """All spans that have come by a pipeline."""
        for exported in list(self.exported):
            if exported.pipeline == pipeline:
                for of_resource in exported.request.resource_spans:
                    for of_scope in of_resource.scope_spans:
                        yield from of_scope.spans
