"""Downloads of the archive: who signs for it, and none that broke off is kept."""

from __future__ import annotations

import httpx
import pytest
from evote_cli.errors import (
    ServerUnreachable,
)
from evote_officers.commands import (
    ACCESS_SCHEME,
    statements_of,
    verify_access,
)
from evote_officers.roster import Role
from evote_platform.clock import utc_now

from .at_keyboard import (
    ROSTER,
    UUID,
    answering,
    key_file,
)


def test_before_the_close_an_auditor_signs_for_the_archive_and_the_public_does_not(evote, tmp_path) -> None:
    requests: list[httpx.Request] = []

    serving = answering(200, b"archive", requests)
    download = ("election", "archive", UUID, "--out", tmp_path / "a.bel")
    evote(serving, *download)
    evote(serving, *download, "--auditor-key", key_file(tmp_path, "kato"))
    public, signed = requests
    assert "Authorization" not in public.headers
    (statement,) = statements_of(ACCESS_SCHEME, signed.headers["Authorization"])
    path = f"/elections/{UUID}/archive.bel"
    roles = frozenset({Role.AUDITOR})
    asked = verify_access(statement, roles, ROSTER, service="tally", path=path, query="", now=utc_now())
    assert asked.id == "kato"


def test_an_archive_that_breaks_off_leaves_no_file(evote, tmp_path) -> None:
    def break_off():
        yield b"beginning"
        raise httpx.ReadError("gone")

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=break_off()))
    with pytest.raises(ServerUnreachable):
        evote(transport, "election", "archive", UUID, "--out", tmp_path / "a.bel")
    assert not list(tmp_path.iterdir())
    evote(answering(200, b"archive"), "election", "archive", UUID, "--out", tmp_path / "a.bel")
    assert (tmp_path / "a.bel").read_bytes() == b"archive"
