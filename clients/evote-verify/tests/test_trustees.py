"""Trustees and the election: each signed what stands under their name, and confirmed what was opened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evote_ceremony.messages import Step
from evote_eventlog.envelope import Envelope, decode, encode
from evote_local.people.rehearsal import Rehearsal

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


def test_an_opening_without_a_confirmation(evote_verify, changed) -> None:
    failing(evote_verify("--log", changed("SetupConfirmed", None)), "without the confirmation of trustee 1")


def test_an_opening_with_another_text_than_was_confirmed(evote_verify, changed, held) -> None:
    other = held.election_json.replace('"administrator":"a"', '"administrator":"b"')
    answer = evote_verify("--log", changed("ElectionOpened", {"election_json": other}))
    failing(answer, "other texts than follow", "signed something else (election_sha256)")


def test_an_opening_without_a_ceremony(evote_verify, changed) -> None:
    failing(evote_verify("--log", changed("VoutputReceived", None)), "after a ceremony that is none")
