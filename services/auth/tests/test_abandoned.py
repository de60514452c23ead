"""An election that was given up before its opening: nothing more is done for it, and its people vote in another."""

from __future__ import annotations

import pytest
from evote_eventlog.events import ElectionAbandoned, ElectionOpened

from .face_way import HANAKO, ICHIRO

pytestmark = pytest.mark.stack


def slug(response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


async def test_no_roll_and_no_credential_for_an_abandoned_election_and_the_same_roll_for_the_next_draft(town) -> None:
    await town.prepare(HANAKO)
    await town.abandon()
    given_up = (410, "election-abandoned")
    assert slug(await town.import_roll(town.roll_csv(HANAKO))) == given_up
    assert slug(await town.freeze()) == given_up
    assert slug(await town.ask_challenge()) == given_up
    assert slug(await town.officer("voting-codes")) == given_up
    await town.prepare(HANAKO)
    assert await town.released(town.card(HANAKO))


async def test_an_abandonment_behind_the_opening_ends_nothing(town) -> None:
    """It doesn't stand: a writer that lost its lock must not keep voters from a running election."""
    await town.prepare(HANAKO, ICHIRO)
    running = town.uuid
    opening = ElectionOpened(
        election_uuid=running,
        election_json="{}",
        trustees_json="[]",
        credentials_sha256="0" * 64,
        opens_at="2026-01-01T00:00:00.000Z",
        closes_at="2126-01-01T00:00:00.000Z",
    )
    await town.producer.publish(opening)
    await town.producer.publish(ElectionAbandoned(election_uuid=running))
    town.uuid = await town.draft()
    await town.abandon()  # behind the other one: when it is seen, that one has been read
    town.uuid = running
    assert await town.released(town.card(HANAKO))
