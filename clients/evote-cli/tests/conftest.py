"""A tally service without Kafka: its own rules over a list of events, behind a stand-in for the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from evote_cli.material import Material, Message, parse_material
from evote_eventlog.events import DraftQuestion, DraftTrustee, ElectionDrafted, ElectionEventData
from evote_tally.api.models import ceremony_response
from evote_tally.domain import ceremony
from evote_tally.domain.election import Election, election_from
from evote_tally.domain.facts import Fact
from evote_tally.domain.refusals import Refusal

UUID = "4yP2vbZnkbxpPG"
_RECEIVE = {
    ceremony.CERTIFICATE: ceremony.receive_certificate,
    ceremony.COMMITMENT: ceremony.receive_commitment,
    ceremony.POLYNOMIAL: ceremony.receive_polynomial,
    ceremony.VOUTPUT: ceremony.receive_voutput,
}


class StandInTally:
    """Takes trustees' messages by tally's rules; ``forged`` replaces what trustees are shown."""

    def __init__(self, trustees: int, threshold: int, group: str) -> None:
        self.trustees = trustees
        draft = ElectionDrafted(
            election_uuid=UUID,
            name="住民投票",
            description="",
            group=group,
            administrator="選挙管理委員会",
            questions=(DraftQuestion(question="賛成ですか", answers=("賛成", "反対"), blank=True, min=1, max=1),),
            trustees=tuple(DraftTrustee(name=f"T{i}", token_sha256="0" * 64) for i in range(trustees)),
            threshold=threshold,
            opens_at="2026-11-24T10:00:00.000Z",
            closes_at="2126-11-24T11:00:00.000Z",
        )
        self.events: list[ElectionEventData] = [draft]

    @property
    def election(self) -> Election:
        return election_from(UUID, [Fact(event, "2026-11-24T09:00:00.000Z") for event in self.events])

    def material(self, trustee: int, **forged: str) -> Material:
        """What the server shows; ``forged`` has texts by step, shown as the last trustee's."""
        document = ceremony_response(self.election, trustee).model_dump()
        document["trustees"][-1].update(forged)
        return parse_material(json.dumps(document))

    def receive(self, message: Message) -> Sequence[ElectionEventData]:
        events = _RECEIVE[message.step](self.election, message.trustee, message.body)
        self.events += events
        return events

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        token = request.headers.get("Authorization", "")
        if not token.startswith("Bearer trustee-"):
            return _problem(401, "unauthorized")
        trustee = int(token.removeprefix("Bearer trustee-"))
        if request.method == "GET":
            return httpx.Response(200, text=ceremony_response(self.election, trustee).model_dump_json())
        step = request.url.path.rsplit("/", 1)[-1]
        text = request.content.decode()
        body = json.loads(text)["commitment"] if step == ceremony.COMMITMENT else text
        try:
            self.receive(Message(UUID, trustee, step, body))
        except Refusal as refusal:
            return _problem(409, type(refusal).__name__)
        return httpx.Response(200, json={"election_uuid": UUID, "state": "drafted"})


def _problem(status: int, slug: str) -> httpx.Response:
    return httpx.Response(status, json={"type": f"urn:tsukuba-evote:problem:{slug}", "title": slug})


@pytest.fixture
def key_files(tmp_path: Path) -> list[Path]:
    return [tmp_path / f"trustee-{i}.key" for i in range(1, 6)]


@pytest.fixture
def new_tally() -> Callable[..., StandInTally]:
    def make(trustees: int, threshold: int, group: str = "Ed25519") -> StandInTally:
        return StandInTally(trustees, threshold, group)

    return make


@pytest.fixture
def tally(new_tally: Callable[..., StandInTally]) -> StandInTally:
    return new_tally(3, 2)
