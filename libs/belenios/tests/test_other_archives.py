"""Archives as other programs write them: what belenios-tool takes is taken, and what is odd in it is said."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evote_belenios.archive import open_archive
from evote_belenios.ballots import generate_ballot
from evote_belenios.channel import TrusteeSecret, sign
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import parse_election
from evote_belenios.errors import TrusteeError
from evote_belenios.groups import Group
from evote_belenios.jsontext import dump
from evote_belenios.tally import EncryptedTallyAccumulator, sized_encrypted_tally_json
from evote_belenios.trustees import ThresholdTrustees, parse_trustees
from evote_belenios.verify import VerificationReport, verify_archive
from evote_belenios.verify import archive as archive_verification
from evote_belenios.verify.archive import oddities_of_trustees

Write = Callable[[Any], VerificationReport]
Events = list[tuple[str, list[str]]]


@pytest.fixture
def report_on(write_archive: Any, tmp_path: Path) -> Callable[[Any, Events], VerificationReport]:
    def report(story: Any, events: Events) -> VerificationReport:
        path = write_archive(tmp_path / f"{json.loads(story.election)['uuid']}.bel", events)
        with open_archive(path) as file:
            return verify_archive(file, processes=1, progress=lambda _done, _total: None)

    return report


def rules(report: VerificationReport) -> list[str]:
    return [failure.rule for failure in report.failures]


# Belenios 3.0: each threshold trustee signs the key that the ceremony gave them.


def with_signed_keys(group: Group, ceremony: Any, signers: list[TrusteeSecret]) -> str:
    parameters = json.loads(ceremony.parameters)
    for key, signer in zip(parameters["verification_keys"], signers, strict=True):
        signed = sign(group, signer.keys(group).signing, key["public_key"], secrets.token_bytes)
        key["signature"] = signed.signature.to_json()
    return dump([["Pedersen", parameters]])


def test_threshold_keys_may_carry_their_trustees_signatures(group: Group, hold_ceremony: Any) -> None:
    ceremony = hold_ceremony(group, 2, 3)
    plain = parse_trustees(dump([["Pedersen", json.loads(ceremony.parameters)]]), group)
    signed = parse_trustees(with_signed_keys(group, ceremony, ceremony.secrets), group)
    assert signed.public_key_text == plain.public_key_text


def test_a_threshold_key_that_another_signed_is_refused(group: Group, hold_ceremony: Any) -> None:
    ceremony = hold_ceremony(group, 2, 3)
    first, second, third = ceremony.secrets
    with pytest.raises(TrusteeError, match="trustee-signature"):
        parse_trustees(with_signed_keys(group, ceremony, [second, first, third]), group)


# Belenios 3.0: the credential authority signs its list.


def certificate(story: Any, **changes: Any) -> str:
    group: Group = story.group
    keys = TrusteeSecret.generate(secrets.token_bytes).keys(group)
    unsigned = {
        "uuid": json.loads(story.election)["uuid"],
        "voter_list_length": len(story.credentials),
        "public_creds_hash": hashlib.sha256(dump(story.credentials).encode()).hexdigest(),
        "verification_key": group.encode(keys.verification),
        "encryption_key": group.encode(keys.encryption),
    } | changes
    message = hashlib.sha256(dump(unsigned).encode()).hexdigest()
    return dump({**unsigned, "signature": sign(group, keys.signing, message, secrets.token_bytes).to_json()})


def with_certificate(story: Any, text: str) -> Events:
    (kind, [election, trustees, credentials, setup]), *events = story.events()
    named = {**json.loads(setup), "credentials_certificate": hashlib.sha256(text.encode()).hexdigest()}
    return [(kind, [election, trustees, credentials, text, dump(named)]), *events]


def test_a_list_that_its_authority_signed_is_verified(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    report = report_on(story, with_certificate(story, certificate(story)))
    assert (rules(report), report.result is None) == ([], False)


@pytest.mark.parametrize(
    "changes", [{"uuid": "1" * 14}, {"voter_list_length": 3}, {"public_creds_hash": "00" * 32}], ids=str
)
def test_a_certificate_of_another_list_is_refused(
    group: Group, tell_story: Any, report_on: Any, changes: dict[str, Any]
) -> None:
    story = tell_story(group)
    report = report_on(story, with_certificate(story, certificate(story, **changes)))
    assert rules(report) == ["credentials-certificate"]


def test_a_certificate_that_its_key_did_not_sign_is_refused(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    value = json.loads(certificate(story))
    value["signature"] = json.loads(certificate(story))["signature"]
    assert rules(report_on(story, with_certificate(story, dump(value)))) == ["credentials-certificate"]


# What belenios-tool takes and nobody should do.


def test_a_voter_of_no_weight_counts_for_nothing(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    election = parse_election(story.election)
    credential = generate(group, secrets.token_bytes)
    story.credentials.append(f"{public_credential(credential, election.uuid, group)},0")
    before, sized = story.tally, json.loads(story.sized)
    story.ballots.append(generate_ballot(election, credential, [[0, 1, 0], [1, 1]], secrets.token_bytes))
    story.sized = sized_encrypted_tally_json(before, sized["num_tallied"] + 1, sized["total_weight"])
    report = report_on(story, story.events())
    assert (rules(report), report.counted) == ([], sized["num_tallied"] + 1)
    assert "1 credentials have the weight 0: their ballots count for nothing" in report.warnings


def test_a_ballot_without_randomness_counts_and_is_named(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    draws = iter([b"\0" * 48])
    lazy = generate_ballot(
        parse_election(story.election),
        story.private[3],
        [[0, 0, 1], [1, 0]],
        lambda count: next(draws, None) or secrets.token_bytes(count),
    )
    assert json.loads(lazy)["answers"][0]["choices"][0]["alpha"] == group.encode(group.identity)
    story.ballots.append(lazy)
    story.count_again()
    report = report_on(story, story.events())
    assert (rules(report), report.counted) == ([], 4)
    assert "1 ballots hold the neutral element: they hide nothing" in report.warnings


def test_a_decryption_that_does_not_hold_is_passed_over_if_enough_others_do(
    group: Group, tell_story: Any, report_on: Any
) -> None:
    story = tell_story(group)
    election = parse_election(story.election)
    wrong = partial_decryption(election, story.tally, story.keys[0], secrets.token_bytes)
    story.decryptions.insert(1, (2, wrong))
    report = report_on(story, story.events())
    assert (rules(report), report.decrypted_by) == ([], (1, 3))
    assert "the decryption of trustee 2 does not hold; the result does not need it" in report.warnings
    assert rules(report_on(story, story.events()[:-1])) == ["decryption-proof"]


def test_a_text_that_is_not_compact_holds_and_is_named(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    story.result = json.dumps(json.loads(story.result))
    report = report_on(story, story.events())
    assert rules(report) == []
    assert report.warnings == ("the result is not in the specification's compact form",)


def test_an_honest_archive_has_nothing_odd(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    assert report_on(story, story.events()).warnings == ()


def test_more_decrypting_trustees_than_are_needed_are_named(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    story.decryptions.append((2, ""))
    story.count_again()
    report = report_on(story, story.events())
    assert (rules(report), report.warnings) == ([], ("3 trustees decrypted where 2 are enough",))


def test_a_voter_of_much_weight_is_named(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    credential = generate(group, secrets.token_bytes)
    uuid = json.loads(story.election)["uuid"]
    story.credentials.append(f"{public_credential(credential, uuid, group)},7")
    report = report_on(story, story.events())
    assert rules(report) == []
    assert report.warnings == ("1 credentials have a weight above 1: their ballots count as often",)


def test_a_ceremony_whose_certificates_name_no_context_is_named(group: Group, hold_ceremony: Any) -> None:
    ceremony = hold_ceremony(group, 2, 3)
    trustees = parse_trustees(dump([["Pedersen", json.loads(ceremony.parameters)]]), group)
    (item,) = trustees.items
    assert isinstance(item, ThresholdTrustees) and item.bound_to_ceremony
    assert list(oddities_of_trustees(trustees, 2)) == []
    loose = replace(trustees, items=(replace(item, bound_to_ceremony=False),))
    assert ["context" in said for said in oddities_of_trustees(loose, 2)] == [True]


def test_who_waits_for_a_long_list_of_credentials_sees_how_far_it_is(
    group: Group, tell_story: Any, write_archive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_verification, "_CREDENTIALS_AT_ONCE", 1)
    story, seen = tell_story(group), []
    path = write_archive(tmp_path / "long.bel", story.events()[:1])
    with open_archive(path) as file:
        verify_archive(file, processes=1, progress=lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert seen == [(size * checked // 4, size) for checked in range(5)]


def test_the_list_of_credentials_has_its_hash_in_the_report(group: Group, tell_story: Any, report_on: Any) -> None:
    story = tell_story(group)
    expected = hashlib.sha256(dump(story.credentials).encode()).hexdigest()
    assert report_on(story, story.events()).credentials_sha256 == expected


def test_one_archive_never_holds_with_two_results(group: Group, tell_story: Any, report_on: Any) -> None:
    """A voter of weight q counts for nothing and for q at once."""
    story = tell_story(group)
    election = parse_election(story.election)
    credential = generate(group, secrets.token_bytes)
    story.credentials.append(f"{public_credential(credential, election.uuid, group)},{group.order}")
    story.ballots.append(generate_ballot(election, credential, [[0, 1, 0], [1, 1]], secrets.token_bytes))
    accumulator = EncryptedTallyAccumulator(election)
    total = json.loads(story.sized)["total_weight"] + group.order
    story.sized = sized_encrypted_tally_json(story.tally, accumulator.num_tallied, total)
    assert rules(report_on(story, story.events())) == ["credential-weight"]
