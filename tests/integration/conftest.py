"""A card agent at a terminal, with readers of our own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from evote_jpki.release_texts import ReleaseTexts
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.people.occasions import DeviceOccasion
from evote_local.stack.card_desk import CardDesk

UUID = "2" * 14


@dataclass(frozen=True)
class Page:
    """The voting page: what it sends to its agent."""

    desk: CardDesk
    client: httpx.Client

    def status(self) -> dict[str, object]:
        response = self.client.get(f"{self.desk.url}/v1/status", headers=self.desk.headers)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def sign(self, texts: ReleaseTexts) -> httpx.Response:
        body = {"challenge": texts.challenge, "release_statement": texts.statement}
        return self.client.post(f"{self.desk.url}/v1/signatures", json=body, headers=self.desk.headers)


def new_texts() -> ReleaseTexts:
    """What auth would give out for the election that the agents here are started for."""
    device_key = DeviceOccasion(UUID).device_key
    return ReleaseTexts(UUID, "つくば市模擬住民投票", secrets.token_hex(16), secrets.token_hex(32), device_key)


@pytest.fixture
def open_page(pcscd: PcscDaemon) -> Iterator[Callable[..., Page]]:
    """Starts an agent on a terminal of its own; all are stopped after the test."""
    with ExitStack() as stack:

        def start(*, reader: str | None = None, pcsc: dict[str, str] | None = None) -> Page:
            environment = dict(pcscd.environment) if pcsc is None else pcsc
            desk = stack.enter_context(CardDesk([UUID], pcsc=environment, reader=reader))
            return Page(desk, stack.enter_context(httpx.Client(timeout=60)))

        yield start


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


@pytest.fixture(scope="module")
def standing_page(pcscd: PcscDaemon) -> Iterator[Page]:
    """An agent for all tests of a module, with readers and without a card."""
    with CardDesk([UUID], pcsc=pcscd.environment) as desk, httpx.Client(timeout=60) as client:
        yield Page(desk, client)
