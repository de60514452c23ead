"""An election that was never opened is given up by two officers, for good."""

from __future__ import annotations

import secrets

import pytest
from evote_ceremony.messages import Step
from evote_eventlog.events import (
    ElectionAbandoned,
    ElectionDrafted,
    ElectionEventData,
    ElectionOpened,
    RollFrozen,
)
from evote_local.testbed import eventually, running_app
from evote_officers import acts
from evote_officers.commands import COMMAND_SCHEME, authorization
from evote_tally.domain.facts import FactKey, stands
from evote_tally.main import PROGRAM

UUID = "4yP2vbZnkbxpPG"
ABANDONED = ElectionAbandoned(election_uuid=UUID)
ROLL = RollFrozen(election_uuid=UUID, roll_size=1, credentials_sha256="0" * 64)
OPENED = ElectionOpened(
    election_uuid=UUID,
    election_json="{}",
    trustees_json="[]",
    credentials_sha256="0" * 64,
    opens_at="2026-11-24T10:00:00.000Z",
    closes_at="2026-11-24T11:00:00.000Z",
)


def slug(response) -> str:
    return response.json()["type"].removeprefix("urn:tsukuba-evote:problem:")


@pytest.mark.parametrize(
    ("event", "earlier", "standing"),
    [
        (ABANDONED, [], False),
        (ABANDONED, [ElectionDrafted], True),
        (ABANDONED, [ElectionDrafted, RollFrozen, ElectionOpened], False),
        (ROLL, [ElectionDrafted, ElectionAbandoned], False),
        (OPENED, [ElectionDrafted, RollFrozen, ElectionAbandoned], False),
    ],
)
def test_of_an_opening_and_an_abandonment_the_first_in_the_log_stands(
    event: ElectionEventData, earlier: list[type[ElectionEventData]], standing: bool
) -> None:
    assert stands(event, {FactKey(kind.__name__) for kind in earlier}) is standing


@pytest.mark.stack
async def test_an_abandoned_election_takes_nothing_more_and_the_abandonment_once(officer, stand_ins, facts_of) -> None:
    await officer.draft()
    said = await officer.say(1, Step.CERTIFICATE)
    assert (await officer.submit(said)).status_code == 200
    await stand_ins.auth.publish_credentials(officer.uuid, "Ed25519", 3)
    await eventually(lambda: officer.freezes(3))
    for _ in range(2):
        abandoned = await officer.post("/abandon")
        assert abandoned.json() == {"election_uuid": officer.uuid, "state": "abandoned"}
    shown = (await officer.get("")).json()
    assert shown["state"] == "abandoned" and shown["abandoned_at"]
    for path in ("/open", "/close"):
        refused = await officer.post(path)
        assert (refused.status_code, slug(refused), refused.json()["state"]) == (409, "wrong-stage", "abandoned")
    looked = await officer.client.get(f"/elections/{officer.uuid}/preflight", auth=officer.signed)
    assert (looked.status_code, slug(looked)) == (409, "wrong-stage")
    late = await officer.submit(await officer.say(2, Step.CERTIFICATE))
    assert (late.status_code, slug(late)) == (409, "wrong-stage")
    assert slug(await officer.get("/archive.bel")) == "not-published"
    assert sorted(await facts_of(officer.uuid)) == [
        "CertificateReceived",
        "ElectionAbandoned",
        "ElectionDrafted",
        "RollFrozen",
    ]


@pytest.mark.stack
async def test_one_officer_alone_abandons_nothing(officer) -> None:
    await officer.draft()
    path, sato = acts.ABANDON.path_of(officer.uuid), officer.staff.sato.officer
    alone = sato.command(acts.ABANDON, path, b"", reason="x", now=officer.clock(), random=secrets.token_bytes)
    for statements in ([alone], [alone, sato.cosign(alone)]):
        headers = {"Authorization": authorization(COMMAND_SCHEME, statements), "Content-Type": "application/json"}
        refused = await officer.client.post(path, headers=headers)
        assert (refused.status_code, slug(refused)) == (403, "second-person-needed")
    assert await officer.state() == "drafted"


@pytest.mark.stack
async def test_what_was_opened_is_closed_and_counted_and_never_abandoned(officer, stand_ins) -> None:
    await officer.draft()
    await officer.open_with(stand_ins, 2, "Ed25519")
    for state in ("open", "closed"):
        refused = await officer.post("/abandon")
        assert (refused.status_code, slug(refused), refused.json()["state"]) == (409, "wrong-stage", state)
        await officer.post("/close")


@pytest.mark.stack
async def test_while_a_reader_does_not_know_the_event_nothing_is_abandoned(officer, tally_settings, facts_of) -> None:
    """A release of the events before: whoever reads the log would stop at it."""
    await officer.draft()
    before = tally_settings.model_copy(update={"events_release": 1})
    async with running_app(PROGRAM.app(PROGRAM.start(before))) as client:
        refused = await client.post(f"/elections/{officer.uuid}/abandon", auth=officer.signed)
    assert (refused.status_code, slug(refused)) == (409, "not-read-by-all")
    assert await officer.state() == "drafted"
    assert await facts_of(officer.uuid) == ["ElectionDrafted"]
