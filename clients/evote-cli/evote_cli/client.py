"""A service over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from .errors import ServerRefused, ServerUnreachable

TIMEOUT_S = 60.0


class ServiceClient:
    """Requests to a service with one bearer token; every refusal is a ``ServerRefused``."""

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        """``transport`` replaces the network, for tests."""
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=TIMEOUT_S, transport=transport)

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> dict[str, Any]:
        """A JSON document."""
        return self._document(self._send("GET", path))

    def post(self, path: str, body: object | None = None) -> dict[str, Any]:
        """Send a command; ``body`` is written as JSON."""
        return self._document(self._send("POST", path, json=body))

    def post_for_text(self, path: str, body: object) -> str:
        """Send a command whose answer is an exact text."""
        return self._send("POST", path, json=body).text

    def command(self, path: str, body: object) -> None:
        """Send a command that has no answer but success."""
        self._send("POST", path, json=body)

    def put(self, path: str, body: object) -> dict[str, Any]:
        """Send a message; ``body`` is written as JSON."""
        return self._document(self._send("PUT", path, json=body))

    def download(self, path: str, target: Path) -> int:
        """Stream a file to disk and return its size; an incomplete download leaves no file."""
        draft = target.with_name(f"{target.name}.part")
        size = 0
        try:
            with self._reaching(), self._http.stream("GET", path) as response:
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


def _refusal(response: httpx.Response) -> ServerRefused:
    try:
        problem = response.json()
        slug = str(problem["type"]).rsplit(":", 1)[-1]
        return ServerRefused(response.status_code, slug, str(problem["title"]), str(problem.get("detail", "")))
    except (ValueError, KeyError, TypeError):
        return ServerRefused(response.status_code, "unknown", response.reason_phrase, "")
