"""The key ceremony: any k of n trustees hold the key together, and none of them can cheat the others."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from evote_belenios import threshold
from evote_belenios.certificates import check_one
from evote_belenios.channel import SignedMessage, TrusteeSecret, send, sign
from evote_belenios.errors import BeleniosError, EncodingError, TrusteeError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, random_exponent
from evote_belenios.jsontext import dump
from evote_belenios.trustees import ThresholdTrustees, parse_trustees, trustees_json

HoldCeremony = Callable[..., Any]
RANDOM = secrets.token_bytes


def interpolate(points: dict[int, int], order: int) -> int:
    """The polynomial's value at 0, by Lagrange's formula as a textbook has it."""
    total = 0
    for x, y in points.items():
        for other in points:
            if other != x:
                y = y * other * pow(other - x, -1, order)
        total += y
    return total % order


@pytest.mark.parametrize(("needed", "size"), [(1, 1), (1, 3), (2, 3), (3, 3), (3, 5)])
def test_any_k_of_n_trustees_have_the_key_together_and_fewer_do_not(
    hold_ceremony: HoldCeremony, needed: int, size: int
) -> None:
    ceremony = hold_ceremony(ED25519, needed, size)
    trustees = parse_trustees(trustees_json([], [ceremony.parameters]), ED25519)
    exponents = {index: key.exponent for index, key in enumerate(ceremony.keys, 1)}
    for chosen in combinations(exponents, needed):
        together = interpolate({index: exponents[index] for index in chosen}, ED25519.order)
        assert ED25519.power_generator(together) == trustees.public_key
        assert trustees.suffices(chosen)
    for chosen in combinations(exponents, needed - 1):
        fewer = interpolate({index: exponents[index] for index in chosen}, ED25519.order)
        assert ED25519.power_generator(fewer) != trustees.public_key
        assert not trustees.suffices(chosen)


def test_the_published_keys_are_the_trustees_own(hold_ceremony: HoldCeremony, group: Group) -> None:
    ceremony = hold_ceremony(group, 2, 3)
    trustees = parse_trustees(trustees_json([], [ceremony.parameters]), group)
    assert [trustees.index_of(key) for key in ceremony.keys] == [1, 2, 3]
    (item,) = trustees.items
    assert isinstance(item, ThresholdTrustees)
    assert (item.threshold, item.size) == (2, 3)


def test_a_trustee_who_saw_the_others_polynomials_first_is_found_out(hold_ceremony: HoldCeremony) -> None:
    ceremony = hold_ceremony(ED25519, 2, 3)
    commitments = [threshold.commitment(text) for text in ceremony.polynomials]
    # The last to speak draws until the election's key has a property they like: here, an even last digit.
    rushing = ceremony.secrets[2]
    while True:
        chosen = threshold.polynomial(rushing, ED25519, ceremony.certificates, 2, RANDOM)
        shown = [*ceremony.polynomials[:2], chosen]
        voutputs = [
            threshold.voutput(
                secret,
                ED25519,
                ceremony.certificates,
                2,
                threshold.vinput(ED25519, ceremony.certificates, 2, shown, index=index),
                RANDOM,
            )
            for index, secret in enumerate(ceremony.secrets, 1)
        ]
        parameters = threshold.threshold_parameters(ED25519, ceremony.certificates, 2, shown, voutputs)
        key = parse_trustees(trustees_json([], [parameters]), ED25519).public_key_text
        if int(key, 16) % 2 == 0:
            break
    # Protocol version 1 sees nothing wrong with it; a trustee with the commitments does.
    with pytest.raises(TrusteeError) as refusal:
        threshold.committed_voutput(ceremony.secrets[0], ED25519, ceremony.certificates, 2, shown, commitments, RANDOM)
    assert refusal.value.rule == "polynomial-commitment"
    assert "trustee 3" in refusal.value.detail


def test_each_polynomial_needs_its_commitment(hold_ceremony: HoldCeremony) -> None:
    ceremony = hold_ceremony(ED25519, 2, 3)
    commitments = [threshold.commitment(text) for text in ceremony.polynomials]
    for incomplete in (commitments[:2], [*commitments[:2], ""], [*commitments[:2], "é"]):
        with pytest.raises(TrusteeError) as refusal:
            threshold.committed_voutput(
                ceremony.secrets[0], ED25519, ceremony.certificates, 2, ceremony.polynomials, incomplete, RANDOM
            )
        assert refusal.value.rule == "polynomial-commitment"


class Cheat:
    """A ceremony of 2 of 3 in which trustee 2 sends something else; what trustee 1 and the server make of it."""

    def __init__(self, ceremony: Any) -> None:
        self.ceremony = ceremony
        self.group: Group = ceremony.group
        self.keys = ceremony.secrets[1].keys(self.group)
        self.polynomial = json.loads(ceremony.polynomials[1])

    def shown(self) -> list[str]:
        return [self.ceremony.polynomials[0], json.dumps(self.polynomial), self.ceremony.polynomials[2]]

    def server_refusal(self) -> BeleniosError:
        with pytest.raises(BeleniosError) as refusal:
            threshold.check_polynomial(json.dumps(self.polynomial), self.group, self.ceremony.certificates, 2, index=2)
        return refusal.value

    def trustee_refusal(self, index: int = 1) -> BeleniosError:
        shown = self.shown()
        with pytest.raises(BeleniosError) as refusal:
            threshold.committed_voutput(
                self.ceremony.secrets[index - 1],
                self.group,
                self.ceremony.certificates,
                2,
                shown,
                [threshold.commitment(text) for text in shown],
                RANDOM,
            )
        return refusal.value

    def sign_coefficients(self, texts: list[str]) -> None:
        self.polynomial["coefexps"] = sign(self.group, self.keys.signing, dump({"coefexps": texts}), RANDOM).to_json()


@pytest.fixture
def cheat(hold_ceremony: HoldCeremony, group: Group) -> Cheat:
    return Cheat(hold_ceremony(group, 2, 3))


def test_a_share_that_is_not_on_the_polynomial_is_refused_by_its_recipient(cheat: Cheat) -> None:
    recipient = cheat.ceremony.secrets[0].keys(cheat.group).encryption
    wrong = dump({"secret": str(random_exponent(cheat.group, RANDOM))})
    cheat.polynomial["secrets"][0] = send(cheat.group, cheat.keys.signing, recipient, wrong, RANDOM)
    assert cheat.trustee_refusal().rule == "polynomial-share"


def test_a_share_meant_for_somebody_else_is_refused(cheat: Cheat) -> None:
    cheat.polynomial["secrets"].reverse()
    assert cheat.trustee_refusal().rule == "channel-encryption"


def test_a_share_that_the_sender_did_not_sign_is_refused(cheat: Cheat) -> None:
    cheat.polynomial["secrets"] = json.loads(cheat.ceremony.polynomials[2])["secrets"]
    assert cheat.trustee_refusal().rule == "channel-signature"


def test_the_own_polynomial_of_another_ceremony_is_refused(cheat: Cheat) -> None:
    # The same secret, used again: every signature holds, but the coefficients under the name are others.
    again = threshold.polynomial(cheat.ceremony.secrets[1], cheat.group, cheat.ceremony.certificates, 2, RANDOM)
    cheat.polynomial["polynomial"] = json.loads(again)["polynomial"]
    assert cheat.trustee_refusal(index=2).rule == "polynomial-own"


def test_coefficients_of_another_degree_are_refused(cheat: Cheat) -> None:
    cheat.polynomial.pop("signature")
    cheat.sign_coefficients([cheat.group.encode(cheat.group.generator)] * 3)
    assert cheat.server_refusal().rule == "coefficients-length"
    assert cheat.trustee_refusal().rule == "coefficients-length"


def test_unsigned_coefficients_are_refused(cheat: Cheat) -> None:
    cheat.polynomial["coefexps"]["message"] += " "
    assert cheat.server_refusal().rule == "coefficients-signature"
    assert cheat.trustee_refusal().rule == "coefficients-signature"


def test_other_coefficients_than_those_bound_to_the_certificates_are_refused(cheat: Cheat) -> None:
    cheat.sign_coefficients([cheat.group.encode(cheat.group.generator)] * 2)
    assert cheat.server_refusal().rule == "coefficients-binding"


@pytest.mark.parametrize("outside", ["identity", "not-in-the-subgroup"])
def test_coefficients_outside_the_group_are_refused(cheat: Cheat, outside: str) -> None:
    group = cheat.group
    small = "7f" + "ff" * 30 + "ec" if group is ED25519 else "2"
    element = group.encode(group.identity) if outside == "identity" else small
    cheat.sign_coefficients([element, group.encode(group.generator)])
    refusal = cheat.server_refusal()
    assert isinstance(refusal, EncodingError)
    assert refusal.rule == "group-element"


def test_a_missing_share_is_refused(cheat: Cheat) -> None:
    cheat.polynomial["secrets"].pop()
    assert cheat.server_refusal().rule == "polynomial-shares"


def test_only_the_dialect_without_bindings_does_without_them(hold_ceremony: HoldCeremony) -> None:
    lacking = Cheat(hold_ceremony(ED25519, 2, 3))
    del lacking.polynomial["signature"]
    assert lacking.server_refusal().rule == "coefficients-binding"
    old = Cheat(hold_ceremony(BELENIOS_2048, 2, 3))
    del old.polynomial["signature"]
    vinput = threshold.vinput(BELENIOS_2048, old.ceremony.certificates, 2, old.shown(), index=1)
    assert "signatures" not in json.loads(vinput)


def test_a_certificate_is_for_one_place_in_one_ceremony(group: Group) -> None:
    secret = TrusteeSecret.generate(RANDOM)
    text = threshold.certificate(secret, group, index=1, threshold=2, size=3, random=RANDOM)
    threshold.check_certificate(text, group, index=1, threshold=2, size=3)
    for index, needed, size in ((2, 2, 3), (1, 1, 3), (1, 2, 4)):
        with pytest.raises(TrusteeError) as refusal:
            threshold.check_certificate(text, group, index=index, threshold=needed, size=size)
        assert refusal.value.rule == "certificate-context"


def test_a_key_in_two_certificates_is_found_before_all_are_there(group: Group) -> None:
    one, other = TrusteeSecret.generate(RANDOM), TrusteeSecret.generate(RANDOM)
    first, second, third = (
        threshold.certificate(secret, group, index=index, threshold=2, size=3, random=RANDOM)
        for index, secret in ((1, one), (2, one), (3, other))
    )
    assert threshold.share_a_key(first, second, group)
    assert not threshold.share_a_key(first, third, group)
    assert threshold.is_certificate_of(one, second, group)
    assert not threshold.is_certificate_of(other, second, group)


def test_a_certificate_is_signed_by_its_own_key(group: Group) -> None:
    texts = [
        threshold.certificate(TrusteeSecret.generate(RANDOM), group, index=1, threshold=2, size=3, random=RANDOM)
        for _ in range(2)
    ]
    mixed = {**json.loads(texts[0]), "signature": json.loads(texts[1])["signature"]}
    with pytest.raises(TrusteeError) as refusal:
        threshold.check_certificate(json.dumps(mixed), group, index=1, threshold=2, size=3)
    assert refusal.value.rule == "certificate-signature"


@pytest.mark.parametrize("name", ["verification", "encryption"])
def test_a_certificate_s_keys_are_in_the_group(group: Group, name: str) -> None:
    keys = TrusteeSecret.generate(RANDOM).keys(group)
    message = {
        "context": {"group": group.name, "size": 3, "threshold": 2, "index": 1},
        "verification": group.encode(keys.verification),
        "encryption": group.encode(keys.encryption),
        name: "7f" + "ff" * 30 + "ec" if group is ED25519 else "2",
    }
    signed = sign(group, keys.signing, dump(message), RANDOM)
    with pytest.raises(EncodingError) as refusal:
        check_one(group, signed, index=1, threshold=2, size=3)
    assert refusal.value.rule == "group-element"


def without_context(certificate: str, secret: TrusteeSecret, group: Group) -> SignedMessage:
    message = json.loads(json.loads(certificate)["message"])
    del message["context"]
    return sign(group, secret.keys(group).signing, dump(message), RANDOM)


def test_only_the_old_dialect_does_without_a_context(group: Group) -> None:
    secret = TrusteeSecret.generate(RANDOM)
    text = threshold.certificate(secret, group, index=1, threshold=2, size=3, random=RANDOM)
    old = without_context(text, secret, group)
    if group is BELENIOS_2048:
        assert not check_one(group, old, index=1, threshold=2, size=3).bound_to_ceremony
        return
    with pytest.raises(EncodingError) as refusal:
        check_one(group, old, index=1, threshold=2, size=3)
    assert "context" in refusal.value.detail


def test_two_trustees_do_not_share_a_key() -> None:
    secret = TrusteeSecret.generate(RANDOM)
    certificates = [
        threshold.certificate(secret, ED25519, index=index, threshold=1, size=2, random=RANDOM) for index in (1, 2)
    ]
    with pytest.raises(TrusteeError) as refusal:
        threshold.polynomial(secret, ED25519, certificates, 1, RANDOM)
    assert refusal.value.rule == "certificate-duplicate"


def test_a_stranger_takes_no_part(hold_ceremony: HoldCeremony) -> None:
    ceremony = hold_ceremony(ED25519, 2, 3)
    with pytest.raises(TrusteeError) as refusal:
        threshold.polynomial(TrusteeSecret.generate(RANDOM), ED25519, ceremony.certificates, 2, RANDOM)
    assert refusal.value.rule == "certificate-own"


@pytest.mark.parametrize(("needed", "size"), [(0, 3), (4, 3), (-1, 3), (1, 0), (1, 1001)])
def test_a_threshold_is_between_1_and_the_number_of_trustees(needed: int, size: int) -> None:
    secret = TrusteeSecret.generate(RANDOM)
    with pytest.raises(TrusteeError) as refusal:
        threshold.certificate(secret, ED25519, index=1, threshold=needed, size=size, random=RANDOM)
    assert refusal.value.rule == "threshold-size"


def test_another_trustee_s_answer_is_refused(hold_ceremony: HoldCeremony) -> None:
    ceremony = hold_ceremony(ED25519, 2, 3)
    shown = ceremony.polynomials
    threshold.check_voutput(ceremony.voutputs[0], ED25519, ceremony.certificates, 2, shown, index=1)
    with pytest.raises(TrusteeError) as refusal:
        threshold.check_voutput(ceremony.voutputs[1], ED25519, ceremony.certificates, 2, shown, index=1)
    assert refusal.value.rule == "verification-key"
    with pytest.raises(TrusteeError) as refusal:
        threshold.threshold_parameters(ED25519, ceremony.certificates, 2, shown, ceremony.voutputs[::-1])
    assert refusal.value.rule == "verification-key"


def test_one_message_of_each_trustee_is_needed(hold_ceremony: HoldCeremony) -> None:
    ceremony = hold_ceremony(ED25519, 2, 3)
    certificates, shown = ceremony.certificates, ceremony.polynomials
    vinput = json.loads(threshold.vinput(ED25519, certificates, 2, shown, index=1))
    vinput["secrets"].pop()
    refusals = []
    for attempt in (
        lambda: threshold.vinput(ED25519, certificates, 2, shown[:2], index=1),
        lambda: threshold.vinput(ED25519, certificates, 2, shown, index=4),
        lambda: threshold.voutput(ceremony.secrets[0], ED25519, certificates, 2, json.dumps(vinput), RANDOM),
        lambda: threshold.threshold_parameters(ED25519, certificates, 2, shown, ceremony.voutputs[:2]),
        lambda: threshold.check_voutput(ceremony.voutputs[0], ED25519, certificates, 2, shown, index=0),
    ):
        with pytest.raises(TrusteeError) as refusal:
            attempt()
        refusals.append(refusal.value.rule)
    assert refusals == ["polynomial-count", "trustee-unknown", "vinput-count", "voutput-count", "trustee-unknown"]
