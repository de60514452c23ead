"""auth while Kafka or PostgreSQL breaks: each write lost, and each landed but reported as failed."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

import asyncpg
import httpx
import pytest
from evote_device.requests import EnrolmentRequested
from evote_eventlog.events import CredentialReleased, CredentialsPublished
from evote_jpki.authority import Person
from evote_local.faults import WRITES, BrokenWrite, Seen, breaking, every_fault

from .face_way import HANAKO, HANAKO_ID, ICHIRO

pytestmark = [pytest.mark.stack, pytest.mark.slow]

EVENTS = "VoterAuthenticated CredentialReleased"
"""While only the log is away, the proof that a voter brought stays good: nobody has to sign or look twice."""


def people(count: int) -> list[Person]:
    """As many persons that nobody takes for each other."""
    return [
        replace(HANAKO, name=f"試験 {'一二三四五六七八九'[n]}", birth_date=f"19{50 + n}-04-01") for n in range(count)
    ]


def voter_id(number: int) -> str:
    return f"{number + 1:06d}"


def slug(response: httpx.Response) -> str:
    return response.json()["type"].rsplit(":", 1)[-1]


def require_broken(seen: Seen, broken: BrokenWrite, response: httpx.Response) -> None:
    """The write was reached, and nothing but a wish to come again has left auth."""
    assert seen.reached == [broken]
    assert response.status_code == 503 and response.headers["retry-after"]
    assert slug(response) in ("database-unavailable", "log-unavailable")


async def require_evidence_of_every_release(town) -> None:
    """Evidence without a release may be left, a release without evidence never; a person has one credential."""
    connection = await asyncpg.connect(town.settings.database_url.get_secret_value())
    kept = await connection.fetch("SELECT evidence_sha256 FROM auth.vault_evidence")
    await connection.close()
    released = await town.events(CredentialReleased)
    assert {event.evidence_sha256 for event in released} <= {row["evidence_sha256"] for row in kept}
    evidence = await town.evidence()
    assert len({content["credential"] for content in evidence}) == len({content["voter_ref"] for content in evidence})
    assert {event.voter_ref for event in released} == {content["voter_ref"] for content in evidence}


async def test_a_release_by_card_whose_write_broke_is_made_when_the_voter_comes_again(town, subtests) -> None:
    table = every_fault("auth releases by card")
    persons = people(len(table))
    await town.prepare(*persons)
    for person, broken in zip(persons, table, strict=True):
        with subtests.test(str(broken)):
            card = town.card(person)
            body = town.sign(card, await town.challenge())
            with breaking(broken) as seen:
                refused = await town.send(body)
            require_broken(seen, broken, refused)

            again = await town.send(body)
            if again.status_code == 409:  # what was spent, was spent for this voter: the card signs a new challenge
                assert slug(again) == "challenge-replayed" and broken.name != EVENTS
                credential = await town.released(card)
            else:
                credential = town.credential(again, body["challenge_id"])

            assert credential == await town.released(card)
    await require_evidence_of_every_release(town)


async def test_a_release_by_face_whose_write_broke_is_made_when_the_voter_comes_again(town, subtests) -> None:
    table = every_fault("auth releases by face")
    await town.prepare(*people(len(table)))
    letters = await town.letters()
    for number, broken in enumerate(table):
        with subtests.test(str(broken)):
            code = letters[voter_id(number)]
            verdict = await town.verdict(code)
            with breaking(broken) as seen:
                refused = await town.release_by_face(verdict)
            require_broken(seen, broken, refused)

            again = await town.released_by_face(verdict)

            assert again == await town.released_by_face(await town.verdict(code))
    await require_evidence_of_every_release(town)


async def test_a_voting_code_whose_order_broke_gets_another(open_town, subtests) -> None:
    code = (await open_town.letters())[HANAKO_ID]
    for broken in every_fault("auth orders a verification"):
        with subtests.test(str(broken)):
            with breaking(broken) as seen:
                refused = await open_town.face_order(code)
            require_broken(seen, broken, refused)
            assert (await open_town.release_by_face(await open_town.verdict(code))).status_code == 200


async def test_an_enrolment_by_card_whose_write_broke_ends_with_one_code_that_opens_the_face_way(
    town, subtests
) -> None:
    table = every_fault("auth enrols by card")
    persons = people(len(table))
    await town.prepare(*persons)
    for person, broken in zip(persons, table, strict=True):
        with subtests.test(str(broken)):
            card = town.card(person)
            body = town.sign(card, await town.challenge(), EnrolmentRequested)
            with breaking(broken) as seen:
                refused = await town.client.post(f"{town.base}/face-enrolments", json=body)
            require_broken(seen, broken, refused)

            _, code = await town.enrolled_by_card(card)

            assert await town.released_by_face(await town.verdict(code)) == await town.released(card)
    await require_evidence_of_every_release(town)


async def test_an_issue_of_codes_whose_write_broke_is_replaced_on_purpose_and_its_codes_are_void(
    town, subtests
) -> None:
    for broken in every_fault("auth issues voting codes"):
        with subtests.test(str(broken)):
            await town.prepare(HANAKO)
            with breaking(broken) as seen:
                refused = await town.officer("voting-codes")
            require_broken(seen, broken, refused)

            again = await town.officer("voting-codes")
            if again.status_code == 409:  # it landed: whoever issues again must say that the letters out there are void
                assert slug(again) == "voting-codes-issued"
                letters = await town.letters(replaces=1)
                assert (await town.release_by_face(await town.verdict(letters[HANAKO_ID]))).status_code == 200


async def test_a_roll_whose_write_broke_is_frozen_with_one_list(town, subtests) -> None:
    for use_case in ("auth imports a roll", "auth freezes a roll"):
        for broken in every_fault(use_case):
            with subtests.test(f"{use_case}, {broken}"):
                town.uuid = await town.draft()
                steps = {
                    "auth imports a roll": lambda: town.import_roll(town.roll_csv(*people(3))),
                    "auth freezes a roll": town.freeze,
                }
                for name, step in steps.items():
                    if name == use_case:
                        with breaking(broken) as seen:
                            refused = await step()
                        require_broken(seen, broken, refused)
                    assert (await step()).status_code == 200
                parts = await town.events(CredentialsPublished)
                assert len({(part.part, part.credentials_sha256) for part in parts}) == 1
                assert all(len(part.credentials) == 3 for part in parts)


async def test_the_use_cases_make_the_writes_of_the_table_and_no_others(town) -> None:
    async def writes_of(request: Awaitable[httpx.Response]) -> tuple[httpx.Response, tuple[str, ...]]:
        with breaking() as seen:
            response = await request
        assert response.is_success, response.text
        return response, tuple(seen.names)

    found = {}
    hanako, ichiro = town.card(HANAKO), town.card(ICHIRO)
    town.uuid = await town.draft()
    _, found["auth imports a roll"] = await writes_of(town.import_roll(town.roll_csv(HANAKO, ICHIRO)))
    _, found["auth freezes a roll"] = await writes_of(town.freeze())
    body = town.sign(hanako, await town.challenge())
    _, found["auth releases by card"] = await writes_of(town.send(body))
    _, found["auth issues voting codes"] = await writes_of(town.officer("voting-codes"))
    body = town.sign(ichiro, await town.challenge(), EnrolmentRequested)
    url = f"{town.base}/face-enrolments"
    enrolled, found["auth enrols by card"] = await writes_of(town.client.post(url, json=body))
    code = town.occasions[body["challenge_id"]].voting_code(enrolled.json(), body["challenge_id"])
    ordered, found["auth orders a verification"] = await writes_of(town.face_order(code))
    verdict = town.biometric.verdict(ordered.json()["order"], town.clock())
    _, found["auth releases by face"] = await writes_of(town.release_by_face(verdict))
    assert found == {name: writes for name, writes in WRITES.items() if name.startswith("auth ")}
