"""A responder for revocation that takes its time keeps whoever it is asked about waiting, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from evote_auth.metrics import Way
from evote_auth.revocation import ocsp
from evote_auth.settings import AuthSettings
from evote_jpki.authority import OCSP_PATH, TestAuthority
from evote_local.nodes.authority_server import PublishedAuthority, authority_server
from evote_local.nodes.ports import LOOPBACK
from evote_local.testbed import Watch, eventually
from evote_platform import turns
from evote_platform.clock import utc_now

from .conftest import Town
from .face_way import HANAKO

pytestmark = pytest.mark.stack


@dataclass(frozen=True)
class SlowAuthority(PublishedAuthority):
    """Answers nobody before it is told to."""

    answers: threading.Event = field(default_factory=threading.Event)
    asked: list[bytes] = field(default_factory=list)

    def answer(self, request: bytes) -> bytes:
        self.asked.append(request)
        self.answers.wait()
        return super().answer(request)


@pytest.fixture
def slow(authority: TestAuthority, tmp_path: Path) -> SlowAuthority:
    return SlowAuthority(authority.responders(), tmp_path / "crl.pem", utc_now)


@pytest.fixture
def auth_settings(
    auth_settings: AuthSettings, slow: SlowAuthority, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AuthSettings]:
    # Longer than the test takes: auth would else give the responder up, and go by its lists.
    monkeypatch.setattr(ocsp, "TIMEOUT_S", 600.0)
    server = authority_server(slow, 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://{LOOPBACK}:{server.server_port}/{OCSP_PATH}"
    asking = {"ocsp_user_authentication_url": url, "ocsp_digital_signature_url": url}
    yield AuthSettings(**{**auth_settings.model_dump(), **asking})
    slow.answers.set()
    server.shutdown()
    server.server_close()


async def test_a_slow_responder_turns_nobody_away(
    open_town: Town, slow: SlowAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, watch = open_town, Watch()
    monkeypatch.setattr(turns, "arrived", watch.arrived)
    door = town.app.state.service.doors[Way.CARD] = watch.door(2)
    card = town.card(HANAKO)
    asked = [town.sign(card, await town.challenge()) for _ in range(6)]
    sent = [asyncio.create_task(town.send(body)) for body in asked]

    async def all_wait() -> bool:
        return len(slow.asked) == 2 * len(sent) or any(task.done() for task in sent)

    await eventually(all_wait)
    assert (len(slow.asked), door.inside, door.waiting) == (12, 0, 0), "of both certificates of each"
    watch.now += 2 * watch.longest_s
    slow.answers.set()
    credentials = {
        town.credential(answer, body["challenge_id"])
        for body, answer in zip(asked, await asyncio.gather(*sent), strict=True)
    }
    assert (len(credentials), door.inside) == (1, 0)
