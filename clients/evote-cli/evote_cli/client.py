"""A service over HTTP."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from evote_officers.commands import ACCESS_SCHEME, COMMAND_SCHEME, authorization
from evote_officers.signing import Officer

from .commanding import Commanded
from .errors import FieldFault, ServerRefused, ServerUnreachable

TIMEOUT_S = 60.0
_AGAIN_WITHIN_S = 60.0
"""Longer than a busy service ever asks to wait."""
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Reader:
    """Who asks a service for what isn't public."""

    officer: Officer
    service: str


class ServiceClient:
    """Requests to a service; every refusal is a ``ServerRefused``."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """``transport`` replaces the network, for tests."""
        self._url = url.rstrip("/")
        self._http = httpx.Client(base_url=self._url, timeout=TIMEOUT_S, transport=transport)

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, reader: Reader | None = None) -> dict[str, Any]:
        """A JSON document; what isn't public is asked for with the signature of ``reader``."""
        return self._document(self._send("GET", path, headers=_signed(reader, path)))

    def command(self, request: Commanded, statements: Sequence[str]) -> dict[str, Any]:
        """Send what officers have signed."""
        return self._document(self._command(request, statements))

    def upload(
        self, request: Commanded, statements: Sequence[str], content_type: str, on_sent: Callable[[int], None]
    ) -> dict[str, Any]:
        """Send a large body, telling ``on_sent`` of each piece's size in bytes."""

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(request.body), _PIECE_BYTES):
                piece = request.body[start : start + _PIECE_BYTES]
                yield piece
                on_sent(len(piece))

        # With its length the body isn't sent in chunks, so that the service may refuse it by its head.
        headers = {**_commanding(statements, content_type), "Content-Length": str(len(request.body))}
        return self._document(self._send(request.act.method, request.address, content=pieces(), headers=headers))

    def command_for_text(self, request: Commanded, statements: Sequence[str]) -> str:
        """Send a command whose answer is an exact text; empty when there is no answer but success."""
        return self._command(request, statements).text

    def put(self, path: str, body: object, tell: Callable[[str], None]) -> dict[str, Any]:
        """Send a message; ``body`` is written as JSON.

        It may be sent again, and is, for a minute, where the server says by 503 that it can't take it now, and
        when to come again (RFC 9110, section 10.2.3). ``tell`` is called with its reason before each wait.
        """
        gives_up_at = time.monotonic() + _AGAIN_WITHIN_S
        while True:
            try:
                return self._document(self._send("PUT", path, json=body))
            except ServerRefused as refused:
                wait_s = refused.again_in_s
                if refused.status != HTTPStatus.SERVICE_UNAVAILABLE or wait_s is None:
                    raise
                if time.monotonic() + wait_s > gives_up_at:
                    raise
                tell(refused.title)
            time.sleep(wait_s)

    def download(self, path: str, target: Path, reader: Reader | None = None) -> int:
        """Stream a file to disk and return its size; an incomplete download leaves no file."""
        draft = target.with_name(f"{target.name}.part")
        size = 0
        try:
            with self._reaching(), self._http.stream("GET", path, headers=_signed(reader, path)) as response:
                if not response.is_success:
                    response.read()
                    raise _refusal(response)
                with draft.open("wb") as file:
                    for piece in response.iter_bytes():
                        size += file.write(piece)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return size

    def _command(self, request: Commanded, statements: Sequence[str]) -> httpx.Response:
        headers = _commanding(statements, "application/json")
        return self._send(request.act.method, request.address, content=request.body, headers=headers)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._reaching():
            response = self._http.request(method, path, **options)
        if not response.is_success:
            raise _refusal(response)
        return response

    def _document(self, response: httpx.Response) -> dict[str, Any]:
        document = response.json()
        if not isinstance(document, dict):
            raise ServerUnreachable(self._url, "JSON の文書ではない応答です")
        return document

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise ServerUnreachable(self._url, type(error).__name__) from error


def _commanding(statements: Sequence[str], content_type: str) -> dict[str, str]:
    return {"Authorization": authorization(COMMAND_SCHEME, statements), "Content-Type": content_type}


def _signed(reader: Reader | None, path: str) -> dict[str, str]:
    if reader is None:
        return {}
    statement = reader.officer.access(
        reader.service, unquote(path), "", now=datetime.now(UTC), random=secrets.token_bytes
    )
    return {"Authorization": authorization(ACCESS_SCHEME, [statement])}


def _refusal(response: httpx.Response) -> ServerRefused:
    try:
        problem = response.json()
        slug = str(problem["type"]).rsplit(":", 1)[-1]
        detail = str(problem.get("detail", ""))
        title, faults, again_in_s = str(problem["title"]), _faults(problem), _again_in_s(response)
        return ServerRefused(response.status_code, slug, title, detail, faults, again_in_s)
    except (ValueError, KeyError, TypeError, AttributeError):
        again_in_s = _again_in_s(response)
        return ServerRefused(response.status_code, "unknown", response.reason_phrase, "", again_in_s=again_in_s)


def _again_in_s(response: httpx.Response) -> float | None:
    """``Retry-After`` in seconds; the services send no dates."""
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else None


def _faults(problem: dict[str, Any]) -> list[FieldFault]:
    """A server of the release before this one gives reasons in English only."""
    fields = [
        FieldFault(str(fault["field"]), str(fault.get("ja") or fault["reason"])) for fault in problem.get("errors", [])
    ]
    rows = [FieldFault(f"{row['line']} 行目.{row['column']}", str(row["reason"])) for row in problem.get("rows", [])]
    return fields + rows
