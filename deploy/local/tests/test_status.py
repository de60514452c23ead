"""What `make status` says of each service."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import pytest
from evote_local.referendum import standing
from rich.console import Console

AT = {
    "http://well": (200, {"roster": (True, "ok"), "arithmetic": (True, "Python reference: no compiled core")}),
    "http://without": (200, {"roster": (True, "ok")}),
    "http://unwell": (503, {"kafka": (False, "LogUnavailable"), "arithmetic": (True, "compiled core 0.0.1")}),
}


def answered(url: str, timeout: float) -> httpx.Response:
    if (told := AT.get(url.removesuffix("/statusz"))) is None:
        raise httpx.ConnectError("nobody is there")
    checks = {name: {"ok": ok, "detail": detail} for name, (ok, detail) in told[1].items()}
    return httpx.Response(told[0], json={"checks": checks})


def test_the_state_of_each_service_tells_what_is_missing_or_who_does_its_arithmetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = {url.removeprefix("http://"): url for url in (*AT, "http://gone")}
    (tmp_path / "services.json").write_text(json.dumps(services))
    (tmp_path / "addresses.json").write_text("{}")
    monkeypatch.setattr(standing, "_SERVICES", tmp_path / "services.json")
    monkeypatch.setattr(standing, "_ADDRESSES", tmp_path / "addresses.json")
    monkeypatch.setattr(standing, "_running_pid", lambda: 1)
    monkeypatch.setattr(httpx, "get", answered)
    shown = io.StringIO()
    assert not standing.show(console=Console(file=shown, width=200))
    assert [line.split(maxsplit=1) for line in shown.getvalue().splitlines()] == [
        ["well", "ok, Python reference: no compiled core"],
        ["without", "ok"],
        ["unwell", "kafka: LogUnavailable"],
        ["gone", "does not answer (ConnectError)"],
    ]
