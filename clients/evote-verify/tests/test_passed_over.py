"""Logged ballots that are not acceptable: archive and log still tie, and the report names what was passed over."""

from __future__ import annotations

import json
from secrets import token_bytes

import pytest
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate, secret_exponent
from evote_belenios.election import Election, parse_election
from evote_belenios.groups import ED25519
from evote_belenios.proofs import prove_knowledge
from evote_eventlog.envelope import Envelope, decode, encode
from evote_eventlog.events import BallotAccepted, EncryptedTallyComputed
from evote_local.testbed import accepted


def with_logged(held, *casts: BallotAccepted) -> list[bytes]:
    """The election's log, in which these stand behind its last ballot, and everything else as it was."""
    records, at = [*held.records], held.ballot_indexes[-1] + 1
    for cast in reversed(casts):
        records.insert(at, encode(Envelope.wrap(cast, id="x", source="ballot", time=held.time(at))))
    for index, record in enumerate(records):
        envelope = decode(record)
        if isinstance(envelope.data, EncryptedTallyComputed):
            later = envelope.data.model_copy(update={"log_size": envelope.data.log_size + len(casts)})
            records[index] = encode(Envelope.wrap(later, id=envelope.id, source=envelope.source, time=envelope.time))
    return records


def signed_again(election: Election, credential: str, ballot: str) -> str:
    """The same ciphertexts under another signature: another ballot, by its tracker."""
    value = json.loads(ballot)
    digest = value.pop("signature")["hash"]
    secret = secret_exponent(credential, election.uuid, ED25519)
    signature = {"hash": digest, "proof": prove_knowledge(ED25519, secret, f"sig|{digest}|", token_bytes).to_json()}
    return json.dumps({**value, "signature": signature}, separators=(",", ":"))


@pytest.fixture
def election(held) -> Election:
    return parse_election(held.election_json)


def test_what_was_logged_past_the_intake_is_passed_over_and_named(
    evote_verify, server, held, log_key, make, archive, election
) -> None:
    voter, stranger = held.private[1], generate(ED25519, token_bytes)
    copied = signed_again(election, voter, held.ballots[1])
    parse_ballot(election, copied)
    nonsense = held.ballots[1][:-1] + ',"more":1}'
    unlisted = generate_ballot(election, stranger, [[0, 1, 0]], token_bytes)
    casts = [
        accepted(held.uuid, ED25519, voter, copied, 2),
        accepted(held.uuid, ED25519, voter, nonsense, 3),
        accepted(held.uuid, ED25519, stranger, unlisted, 1),
    ]
    server.files = make.files(with_logged(held, *casts), log_key)
    answer = evote_verify(archive, "--log", server.url)
    assert answer.status == 0, answer.report + answer.error
    tie, first = answer.tie("archive - log"), held.ballot_indexes[-1] + 1
    assert "5 of the election's 8 logged ballots" in tie
    for number, (cast, rule) in enumerate(
        zip(casts, ("ballot-copied-ciphertext", "schema", "ballot-credential"), strict=True)
    ):
        assert f"passed over: {cast.tracker} at log index {first + number}" in tie
        assert f"({rule})" in tie
    assert answer.tie("log - its rules").startswith("holds")


def test_an_acceptable_ballot_is_not_passed_over(evote_verify, server, held, log_key, make, archive, election) -> None:
    """With one that repeats a ciphertext within itself, as anyone may."""
    voter = held.private[2]
    repeated = generate_ballot(election, voter, [[0, 1, 0]], lambda count: (9).to_bytes(count, "big"))
    digests = parse_ballot(election, repeated).ciphertext_digests
    assert len(set(digests)) < len(digests)
    cast = accepted(held.uuid, ED25519, voter, repeated, 2)
    server.files = make.files(with_logged(held, cast), log_key)
    answer = evote_verify(archive, "--log", server.url)
    assert answer.status == 1
    place = f"{cast.tracker} at log index {held.ballot_indexes[-1] + 1}"
    assert f"{place} is not in the archive" in answer.tie("archive - log")
