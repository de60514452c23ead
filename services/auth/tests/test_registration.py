"""Finding a card's voter and binding the card: over real Kafka and PostgreSQL, with officers and two replicas."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from evote_auth.domain.attempts import FREE_FAILURES
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_jpki.authority import Person
from evote_jpki.der import encode_utf8_string
from evote_jpki.emulator import EmulatedCard
from nacl.public import SealedBox

pytestmark = pytest.mark.stack

HANAKO = Person("髙橋 花子", "茨城県つくば市研究学園1丁目1番地1", "1990-04-01", "2")
ICHIRO = Person("山本 一郎", "茨城県つくば市吾妻2丁目3番地", "1961-12-31", "1")
FOLDED = replace(HANAKO, name="高橋 花子", address="つくば市研究学園1-1-1")
MARRIED = replace(HANAKO, name="鈴木 花子")
ACT = {"officer": "田中 美咲", "reason": "予定どおり"}
"""As the evidence has it: of the staff's first officer at the counter."""


def slug(response: httpx.Response) -> str:
    return response.json()["type"].rsplit(":", 1)[-1]


@pytest.fixture
async def open_town(town):
    await town.prepare(HANAKO, ICHIRO)
    return town


async def pending(town, client: httpx.AsyncClient | None = None) -> list[dict]:
    response = await (client or town.client).get(f"{town.base}/card-matches", auth=town.signed)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()["cases"]


async def decide(town, number: str, decision: dict, client: httpx.AsyncClient | None = None) -> httpx.Response:
    url = f"{town.base}/card-matches/{number}"
    return await (client or town.client).post(url, json=decision, auth=town.signed)


async def officer(town, voter_id: str, act: str) -> httpx.Response:
    return await town.client.post(f"{town.base}/voters/{voter_id}/{act}", auth=town.signed)


async def mixed(town, user: EmulatedCard, signature: EmulatedCard) -> httpx.Response:
    """A card whose signature certificate was renewed: one certificate of each."""
    challenge = await town.challenge()
    body, renewed = town.sign(user, challenge), town.sign(signature, challenge)
    parts = ("signature_certificate", "statement_signature")
    return await town.send(town.changed(body, **{part: renewed[part] for part in parts}))


def revoke(town, *certificates: bytes) -> None:
    for certificate in certificates:
        town.authority.revoke(certificate)
    town.settings.crl_file.write_bytes(town.authority.crl_pem())
    town.trust().refresh()


def certificates(town, card: EmulatedCard) -> tuple[bytes, bytes]:
    body = town.sign(card, {"challenge_id": "0" * 32, "challenge": "", "release_statement": ""})
    return tuple(base64.b64decode(body[f"{kind}_certificate"]) for kind in ("user", "signature"))


async def evidence_of(town) -> list[dict]:
    """What the auditor reads, in the order of the log."""
    sealed = {}
    connection = await asyncpg.connect(town.settings.database_url.get_secret_value())
    for row in await connection.fetch("SELECT evidence_sha256, sealed FROM auth.vault_evidence"):
        sealed[row["evidence_sha256"]] = row["sealed"]
    await connection.close()
    released = await town.events(CredentialReleased)
    return [json.loads(SealedBox(town.auditor).decrypt(sealed[event.evidence_sha256])) for event in released]


async def test_a_folded_match_is_released_and_says_so(open_town) -> None:
    exact = await open_town.released(open_town.card(HANAKO))
    await officer(open_town, "000001", "card-block")
    assert exact == await open_town.released(open_town.card(FOLDED))
    assert [e["match"] for e in await evidence_of(open_town)] == [{"likeness": "exact"}, {"likeness": "folded"}]
    assert [e.likeness for e in await open_town.events(VoterAuthenticated)] == ["exact", "folded"]


async def test_an_unclear_match_waits_for_an_officer_who_approves_it(open_town, replica: httpx.AsyncClient) -> None:
    card = open_town.card(MARRIED)
    response = await open_town.release(card)
    assert (response.status_code, slug(response)) == (409, "match-pending")
    number = response.json()["reception_number"]
    assert len(number) == 8
    again = await open_town.release(card)
    assert again.json()["reception_number"] == number, "the same card has one case"
    (case,) = await pending(open_town, replica)
    assert case["reception_number"] == number and case["kind"] == "match"
    assert case["card"]["name"] == MARRIED.name
    assert [(c["voter_id"], c["name"]) for c in case["candidates"]] == [("000001", HANAKO.name)]
    decided = await decide(open_town, number, {"decision": "approve", "voter_id": "000001"}, replica)
    assert decided.status_code == 200 and decided.json()["approved"] is True
    assert not await pending(open_town)
    assert (await open_town.release(card)).status_code == 200
    (evidence,) = await evidence_of(open_town)
    match = evidence["match"]
    assert match == {"likeness": "officer", "case": number, "decided_at": decided.json()["decided_at"], **ACT}


async def test_a_refused_card_is_told_so_and_nothing_is_released(open_town) -> None:
    card = open_town.card(MARRIED)
    number = (await open_town.release(card)).json()["reception_number"]
    assert (await decide(open_town, number, {"decision": "refuse"})).status_code == 200
    response = await open_town.release(card)
    assert (response.status_code, slug(response)) == (403, "refused-by-officer")
    assert not await open_town.events(CredentialReleased)


async def test_a_person_twice_on_the_roll_in_two_spellings_is_never_guessed(town) -> None:
    await town.prepare(HANAKO, FOLDED)
    assert slug(await town.release(town.card(HANAKO))) == "match-pending"
    assert len((await pending(town))[0]["candidates"]) == 2


async def test_of_two_officers_at_two_replicas_one_decides(open_town, replica: httpx.AsyncClient) -> None:
    number = (await open_town.release(open_town.card(MARRIED))).json()["reception_number"]
    approve, refuse = {"decision": "approve", "voter_id": "000001"}, {"decision": "refuse"}
    answers = await asyncio.gather(
        *(decide(open_town, number, approve, client) for client in (open_town.client, replica)),
        *(decide(open_town, number, refuse, client) for client in (replica, open_town.client)),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409, 409]
    assert {slug(answer) for answer in answers if answer.status_code == 409} == {"case-decided"}
    won = {answer.text for answer in answers if answer.status_code == 200}
    assert len(won) == 1, "repeating a decision gives the one that stands"


async def test_a_decision_needs_a_case_and_one_of_its_candidates(open_town) -> None:
    number = (await open_town.release(open_town.card(MARRIED))).json()["reception_number"]
    for voter_id in ("000002", "999999"):
        response = await decide(open_town, number, {"decision": "approve", "voter_id": voter_id})
        assert (response.status_code, slug(response)) == (422, "not-a-candidate")
    other = f"{(int(number) + 1) % 10**8:08d}"
    response = await decide(open_town, other, {"decision": "refuse"})
    assert (response.status_code, slug(response)) == (404, "unknown-case")
    assert slug(await decide(open_town, number, {"decision": "perhaps"})) == "invalid-request"


async def test_a_renewed_signature_certificate_takes_the_place_of_the_revoked_one(open_town) -> None:
    old, new = open_town.card(HANAKO), open_town.card(replace(HANAKO, address="つくば市研究学園1-1-1"))
    assert (await open_town.release(old)).status_code == 200
    _, lapsed = certificates(open_town, old)
    revoke(open_town, lapsed)
    assert (await mixed(open_town, old, new)).status_code == 200
    first, second = await evidence_of(open_town)
    assert first["card_changes"] == []
    (change,) = second["card_changes"]
    assert change["before"]["user"] == change["after"]["user"]
    assert change["why"] == {change["before"]["signature"]: "revoked"}


async def test_an_expired_card_may_be_replaced_by_a_new_one(open_town) -> None:
    now = datetime.now(UTC)
    old = open_town.card(HANAKO, valid_from=now - timedelta(days=1), lifetime=timedelta(days=2))
    assert (await open_town.release(old)).status_code == 200
    new = open_town.card(HANAKO)
    assert slug(await open_town.release(new)) == "card-mismatch", "the old one is still valid"
    open_town.clock.moved = timedelta(days=1, minutes=5)
    assert (await open_town.release(new)).status_code == 200
    assert set((await evidence_of(open_town))[1]["card_changes"][0]["why"].values()) == {"expired"}


async def test_a_second_valid_card_is_bound_once_for_each_approval(open_town) -> None:
    first, second = open_town.card(HANAKO), open_town.card(HANAKO)
    assert (await open_town.release(first)).status_code == 200
    refused = await open_town.release(second)
    assert (refused.status_code, slug(refused)) == (403, "card-mismatch")
    (case,) = await pending(open_town)
    number = refused.json()["reception_number"]
    assert (case["reception_number"], case["kind"]) == (number, "card")
    assert (await decide(open_town, number, {"decision": "approve", "voter_id": "000001"})).status_code == 200
    assert (await open_town.release(second)).status_code == 200
    change = (await evidence_of(open_town))[1]["card_changes"][0]
    assert change["case"] == number and ACT.items() <= change.items()
    back = await open_town.release(first)
    assert slug(back) == "card-mismatch" and back.json()["reception_number"] != number
    assert (await open_town.release(second)).status_code == 200


async def test_a_lost_card_is_blocked_at_every_replica_until_it_is_found(open_town, replica: httpx.AsyncClient) -> None:
    lost = open_town.card(HANAKO)
    assert (await open_town.release(lost)).status_code == 200
    blocks = [await officer(open_town, "000001", "card-block") for _ in range(2)]
    assert [block.status_code for block in blocks] == [200, 200] and blocks[0].json() == blocks[1].json()
    body = open_town.sign(lost, await open_town.challenge())
    response = await replica.post(f"{open_town.base}/releases", json=body)
    assert (response.status_code, slug(response)) == (403, "card-blocked")
    assert (await officer(open_town, "000001", "card-unblock")).status_code == 204
    assert slug(await officer(open_town, "000001", "card-unblock")) == "nothing-blocked"
    assert (await open_town.release(lost)).status_code == 200


async def test_a_new_card_follows_a_lost_one_without_further_ado(open_town) -> None:
    lost, new = open_town.card(HANAKO), open_town.card(HANAKO)
    assert (await open_town.release(lost)).status_code == 200
    await officer(open_town, "000001", "card-block")
    assert (await open_town.release(new)).status_code == 200
    assert slug(await open_town.release(lost)) == "card-blocked"
    change = (await evidence_of(open_town))[1]["card_changes"][0]
    assert set(change["why"].values()) == {"blocked"} and ACT.items() <= change.items()
    await officer(open_town, "000001", "card-unblock")
    assert slug(await open_town.release(lost)) == "card-mismatch", "found again, but replaced"


async def test_a_card_lost_before_it_was_used_is_not_let_in_unseen(open_town) -> None:
    assert (await officer(open_town, "000001", "card-block")).status_code == 200
    card = open_town.card(HANAKO)
    refused = await open_town.release(card)
    assert slug(refused) == "card-mismatch"
    await decide(open_town, refused.json()["reception_number"], {"decision": "approve", "voter_id": "000001"})
    assert (await open_town.release(card)).status_code == 200
    assert (await open_town.release(card)).status_code == 200
    for nobody in ("999999", "9/9", "%2F"):
        assert slug(await officer(open_town, nobody, "card-block")) == "unknown-voter"


async def test_another_voters_certificate_is_refused(open_town) -> None:
    hanako, ichiro = open_town.card(HANAKO), open_town.card(ICHIRO)
    assert (await open_town.release(ichiro)).status_code == 200
    response = await mixed(open_town, ichiro, hanako)
    assert (response.status_code, slug(response)) == (403, "card-of-another")
    assert not await pending(open_town)


async def test_two_cards_of_one_voter_at_once_give_one_binding(open_town, replica: httpx.AsyncClient) -> None:
    cards = [open_town.card(HANAKO) for _ in range(4)]
    bodies = [open_town.sign(card, await open_town.challenge()) for card in cards]
    clients = [open_town.client, replica, open_town.client, replica]
    url = f"{open_town.base}/releases"
    answers = await asyncio.gather(*(c.post(url, json=body) for c, body in zip(clients, bodies, strict=True)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    assert len(await pending(open_town)) == 3


async def test_one_certificate_for_two_voters_at_once_goes_to_one(open_town, replica: httpx.AsyncClient) -> None:
    hanako, ichiro = open_town.card(HANAKO), open_town.card(ICHIRO)
    both = [await open_town.challenge() for _ in range(2)]
    parts = ("user_certificate", "challenge_signature")
    bodies = [
        open_town.sign(hanako, both[0]),
        open_town.changed(
            open_town.sign(ichiro, both[1]), **{part: open_town.sign(hanako, both[1])[part] for part in parts}
        ),
    ]
    url = f"{open_town.base}/releases"
    answers = await asyncio.gather(
        *(c.post(url, json=body) for c, body in zip((open_town.client, replica), bodies, strict=True))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    assert slug(max(answers, key=lambda answer: answer.status_code)) == "card-of-another"


async def test_a_card_bound_by_an_earlier_version_is_known_again_when_it_comes(open_town) -> None:
    old = open_town.card(HANAKO)
    assert (await open_town.release(old)).status_code == 200
    connection = await asyncpg.connect(open_town.settings.database_url.get_secret_value())
    try:
        await connection.execute("UPDATE auth.vault_cards SET user_der = NULL, signature_der = NULL")
        assert (await open_town.release(old)).status_code == 200
        row = await connection.fetchrow("SELECT user_der, signature_der FROM auth.vault_cards")
    finally:
        await connection.close()
    assert tuple(row.values()) == certificates(open_town, old)


@pytest.mark.parametrize(
    ("stop", "status"), [(LogUnavailable("away"), 503), (RuntimeError("the process ends here"), 500)]
)
async def test_what_a_release_changed_that_never_reached_the_log_is_in_the_next_evidence(
    open_town, monkeypatch, stop: Exception, status: int
) -> None:
    """The vault is committed before the events: a crash in between loses neither the binding nor its record."""
    old, new = open_town.card(HANAKO), open_town.card(HANAKO)
    assert (await open_town.release(old)).status_code == 200
    revoke(open_town, *certificates(open_town, old))
    body = open_town.sign(new, await open_town.challenge())

    async def away(event: object) -> None:
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(open_town.app.state.service.releasing.producer, "publish_together", away)
        assert (await open_town.send(body)).status_code == status
    assert len(await open_town.events(CredentialReleased)) == 1, "nothing was released"
    assert (await open_town.send(body)).status_code == 200
    released = await evidence_of(open_town)
    assert [len(evidence["card_changes"]) for evidence in released] == [0, 1]


@pytest.mark.parametrize("mark", ["1", "10000", "1000000000000"])
async def test_a_name_that_the_card_cannot_hold_is_matched_by_its_other_characters(
    open_town, monkeypatch, mark: str
) -> None:
    def marked(text: str) -> bytes:
        return encode_utf8_string(mark if text == "00000" else text)

    monkeypatch.setattr("evote_jpki.authority.encode_utf8_string", marked)
    response = await open_town.release(open_town.card(replace(HANAKO, name="●橋 花子")))
    assert response.status_code == 200, response.text
    assert (await evidence_of(open_town))[0]["match"] == {"likeness": "folded"}
    monkeypatch.undo()
    assert slug(await open_town.release(open_town.card(replace(HANAKO, name="●橋 花子")))) == "match-pending"


async def test_a_card_that_fails_again_and_again_waits_at_every_replica(open_town, replica: httpx.AsyncClient) -> None:
    card = open_town.card(HANAKO)
    wrong = open_town.sign(card, await open_town.challenge())["statement_signature"]
    url = f"{open_town.base}/releases"

    async def attempt(client: httpx.AsyncClient, **changes: str) -> httpx.Response:
        return await client.post(
            url, json=open_town.changed(open_town.sign(card, await open_town.challenge()), **changes)
        )

    for _ in range(FREE_FAILURES):
        assert slug(await attempt(open_town.client, statement_signature=wrong)) == "bad-statement-signature"
    response = await attempt(replica)
    assert (response.status_code, slug(response)) == (429, "too-many-failures")
    assert 25 <= int(response.headers["Retry-After"]) <= 30
    open_town.clock.moved = timedelta(seconds=31)
    assert (await attempt(replica)).status_code == 200
    assert slug(await attempt(open_town.client, statement_signature=wrong)) == "bad-statement-signature"
    assert (await attempt(open_town.client)).status_code == 200, "the success has reset the count"


async def test_knowing_a_certificate_does_not_slow_its_owner_down(open_town) -> None:
    card = open_town.card(HANAKO)
    stale = open_town.sign(card, await open_town.challenge())
    for _ in range(2 * FREE_FAILURES):
        challenge = await open_town.challenge()
        assert slug(await open_town.send(open_town.changed(stale, challenge_id=challenge["challenge_id"]))) == (
            "bad-challenge-signature"
        )
    assert (await open_town.release(card)).status_code == 200


async def test_waiting_for_an_officer_is_no_failure(open_town) -> None:
    card = open_town.card(MARRIED)
    for _ in range(FREE_FAILURES + 2):
        assert slug(await open_town.release(card)) == "match-pending"


async def test_cards_are_for_officers_only_and_nothing_personal_is_logged(open_town, capsys) -> None:
    for method, path in (
        ("GET", "card-matches"),
        ("POST", "card-matches/00000001"),
        ("POST", "voters/1/card-block"),
        ("POST", "voters/1/card-unblock"),
    ):
        response = await open_town.client.request(method, f"{open_town.base}/{path}", json={"decision": "refuse"})
        assert (response.status_code, slug(response)) == (401, "unauthorized")
    number = (await open_town.release(open_town.card(MARRIED))).json()["reception_number"]
    await pending(open_town)
    await decide(open_town, number, {"decision": "approve", "voter_id": "000001"})
    await officer(open_town, "000001", "card-block")
    written = "".join(capsys.readouterr())
    assert not any(personal in written for personal in ("花子", "研究学園", "佐藤", "戸籍"))
