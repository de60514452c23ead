"""Trustees and the election: each signed what stands under their name, and confirmed what was opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from evote_ceremony.messages import CEREMONY_STEPS, Step
from evote_eventlog.envelope import Envelope, decode, encode
from evote_local.people.rehearsal import Rehearsal
from evote_verify.reading.elections import LoggedElection
from evote_verify.reading.records import CeremonyMessage, ElectionDrafted
from evote_verify.ties.trustees import faults_of

TIE = "trustees - election"


@pytest.fixture
def changed(server, held, log_key, make) -> Callable[..., str]:
    """Serves the log with one event changed, or with None left out; returns its URL."""

    def serve(kind: str, changes: dict[str, object] | None) -> str:
        records, index = [*held.records], held.index_of(kind)
        if changes is None:
            del records[index]
        else:
            envelope = decode(records[index])
            data = envelope.data.model_copy(update=changes)
            records[index] = encode(Envelope.wrap(data, id="x", source="x", time=envelope.time))
        server.files = make.files(records, log_key)
        return server.url

    return serve


def failing(answer, *words: str) -> None:
    assert answer.status == 1, answer.report + answer.error
    for word in ("FAILS", *words):
        assert word in answer.tie(TIE), answer.report


def test_an_election_that_all_trustees_confirmed(evote_verify, log) -> None:
    answer = evote_verify("--log", log.url)
    assert answer.tie(TIE).startswith("holds") and "1 elections opened" in answer.tie(TIE)


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("CertificateReceived", Step.CERTIFICATE),
        ("PolynomialCommitted", Step.COMMITMENT),
        ("PolynomialReceived", Step.POLYNOMIAL),
        ("VoutputReceived", Step.VOUTPUT),
        ("PartialDecryptionReceived", Step.PARTIAL_DECRYPTION),
    ],
)
def test_a_message_that_its_trustee_did_not_sign(evote_verify, changed, held, kind: str, step: Step) -> None:
    stranger = Rehearsal(["委員"])
    text = getattr(decode(held.records[held.index_of(kind)]).data, step.replace("-", "_"))
    said = stranger.sign(held.plan, 1, step, text)
    answer = evote_verify("--log", changed(kind, {"statement": said.statement}))
    failing(answer, f"{step} of trustee 1 at log index {held.index_of(kind)}", "did not sign it")


def test_a_message_in_the_place_of_the_signed_one(evote_verify, changed) -> None:
    answer = evote_verify("--log", changed("PolynomialCommitted", {"commitment": "0" * 64}))
    failing(answer, "signed something else (message_sha256)")


def test_another_draft_than_the_trustees_saw(evote_verify, changed) -> None:
    failing(evote_verify("--log", changed("ElectionDrafted", {"name": "another"})), "ceremony_sha256", "other texts")


def test_a_stranger_in_a_trustee_s_place(evote_verify, changed, held) -> None:
    draft = decode(held.records[0]).data
    stranger = draft.trustees[0].model_copy(update={"key": Rehearsal(["x"]).trustees[0].key})
    failing(evote_verify("--log", changed("ElectionDrafted", {"trustees": (stranger,)})), "did not sign it")


def test_a_line_in_the_draft_that_is_no_key(evote_verify, changed, held) -> None:
    trustee = decode(held.records[0]).data.trustees[0]
    mistyped = trustee.model_copy(update={"key": trustee.key[:-8] + "00000000"})
    failing(evote_verify("--log", changed("ElectionDrafted", {"trustees": (mistyped,)})), "did not sign it")


def test_a_message_of_a_trustee_whom_there_is_not(evote_verify, changed) -> None:
    failing(evote_verify("--log", changed("CertificateReceived", {"trustee": 0})), "of trustee 0")


def test_a_polynomial_that_is_revealed_before_all_have_committed(held) -> None:
    """Who speaks last, having seen the others' polynomials, could steer the election's key."""
    trustees = Rehearsal(["佐藤", "鈴木"])
    plan = replace(held.plan, trustees=trustees.trustees, threshold=2)
    said = {(step, n): trustees.say(plan, n, step) for step in CEREMONY_STEPS for n in plan.numbers}

    def faults(*order: tuple[Step, int]) -> list[str]:
        election = LoggedElection()
        election.add(0, "", ElectionDrafted(plan.election_uuid, plan))
        for index, (step, trustee) in enumerate(order, 1):
            one = said[step, trustee]
            election.add(index, "", CeremonyMessage(plan.election_uuid, trustee, step, one.text, one.statement))
        return list(faults_of(election))

    certificates = [(Step.CERTIFICATE, 1), (Step.CERTIFICATE, 2)]
    first = [(Step.COMMITMENT, 1), (Step.POLYNOMIAL, 1)]
    second = [(Step.COMMITMENT, 2), (Step.POLYNOMIAL, 2)]
    assert not faults(*certificates, first[0], second[0], first[1], second[1])
    for order in (first, [*first, *second]):
        (fault,) = faults(*certificates, *order)
        assert fault == "trustee 1 revealed a polynomial at log index 4 before [2] had committed"


def test_an_opening_without_a_confirmation(evote_verify, changed) -> None:
    failing(evote_verify("--log", changed("SetupConfirmed", None)), "without the confirmation of trustee 1")


def test_an_opening_with_another_text_than_was_confirmed(evote_verify, changed, held) -> None:
    other = held.election_json.replace('"administrator":"a"', '"administrator":"b"')
    answer = evote_verify("--log", changed("ElectionOpened", {"election_json": other}))
    failing(answer, "other texts than follow", "signed something else (election_sha256)")


def test_an_opening_without_a_ceremony(evote_verify, changed) -> None:
    failing(evote_verify("--log", changed("VoutputReceived", None)), "after a ceremony that is none")
