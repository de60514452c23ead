"""The trustees' channel: only the recipient reads, only the sender could have written."""

from __future__ import annotations

import json
import secrets

import pytest
from evote_belenios.channel import ChannelKeys, TrusteeSecret, receive, send
from evote_belenios.errors import BeleniosError, EncodingError, TrusteeError
from evote_belenios.groups import ED25519, Group
from hypothesis import given
from hypothesis import strategies as st


def new_keys(group: Group) -> ChannelKeys:
    return TrusteeSecret.generate(secrets.token_bytes).keys(group)


def sent(group: Group, sender: ChannelKeys, recipient: ChannelKeys, message: str) -> str:
    return send(group, sender.signing, recipient.encryption, message, secrets.token_bytes)


@given(message=st.text(st.characters(codec="utf-8")))
def test_the_recipient_reads_what_the_sender_wrote(message: str) -> None:
    sender, recipient = new_keys(ED25519), new_keys(ED25519)
    assert receive(ED25519, recipient, sender.verification, sent(ED25519, sender, recipient, message)) == message


@pytest.mark.parametrize("length", [1, 65_000, 66_000])
def test_a_message_too_long_for_the_usual_nonce_is_read_too(length: int) -> None:
    sender, recipient = new_keys(ED25519), new_keys(ED25519)
    text = sent(ED25519, sender, recipient, "x" * length)
    assert len(receive(ED25519, recipient, sender.verification, text)) == length


def test_nobody_else_reads_it(group: Group) -> None:
    sender, recipient, other = new_keys(group), new_keys(group), new_keys(group)
    with pytest.raises(TrusteeError) as refusal:
        receive(group, other, sender.verification, sent(group, sender, recipient, "42"))
    assert refusal.value.rule == "channel-encryption"


def test_a_message_of_another_sender_is_refused(group: Group) -> None:
    sender, recipient, other = new_keys(group), new_keys(group), new_keys(group)
    with pytest.raises(TrusteeError) as refusal:
        receive(group, recipient, sender.verification, sent(group, other, recipient, "42"))
    assert refusal.value.rule == "channel-signature"


def test_a_message_signed_for_somebody_else_is_refused() -> None:
    sender, recipient, victim = new_keys(ED25519), new_keys(ED25519), new_keys(ED25519)
    # A recipient forwards what they read: same signature, encrypted anew. Keys with the recipient's public half as
    # what is inside, and the victim's private half to open it, say the same without a second implementation of sending.
    forged = ChannelKeys(victim.signing, recipient.decryption, victim.verification, victim.encryption)
    with pytest.raises(TrusteeError) as refusal:
        receive(ED25519, forged, sender.verification, sent(ED25519, sender, recipient, "42"))
    assert refusal.value.rule == "channel-recipient"


@given(position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_every_changed_byte_of_the_ciphertext_is_noticed(position: int, flip: int) -> None:
    sender, recipient = new_keys(ED25519), new_keys(ED25519)
    value = json.loads(sent(ED25519, sender, recipient, "42"))
    data = bytearray(bytes.fromhex(value["data"]))
    data[position % len(data)] ^= flip
    with pytest.raises(TrusteeError) as refusal:
        receive(ED25519, recipient, sender.verification, json.dumps({**value, "data": data.hex()}))
    assert refusal.value.rule == "channel-encryption"


@pytest.mark.parametrize("data", ["", "00" * 8, "0", "zz" * 20, "AA" * 20])
def test_data_that_is_no_ciphertext_is_refused(data: str) -> None:
    sender, recipient = new_keys(ED25519), new_keys(ED25519)
    value = json.loads(sent(ED25519, sender, recipient, "42"))
    with pytest.raises(TrusteeError) as refusal:
        receive(ED25519, recipient, sender.verification, json.dumps({**value, "data": data}))
    assert refusal.value.rule == "channel-encryption"


@pytest.mark.parametrize("half", ["alpha", "beta"])
def test_an_element_outside_the_subgroup_is_refused_before_the_key_touches_it(group: Group, half: str) -> None:
    sender, recipient = new_keys(group), new_keys(group)
    value = json.loads(sent(group, sender, recipient, "42"))
    # A point of order 2; the number 2, a generator of a much larger subgroup.
    outside = "7f" + "ff" * 30 + "ec" if group is ED25519 else "2"
    with pytest.raises(EncodingError) as refusal:
        receive(group, recipient, sender.verification, json.dumps({**value, half: outside}))
    assert refusal.value.rule == "group-element"


@given(text=st.text() | st.text(st.sampled_from('{}[]":,alphbetd019f ')))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BeleniosError):
        receive(ED25519, new_keys(ED25519), ED25519.generator, text)


def test_a_kept_secret_gives_the_same_keys_and_does_not_print() -> None:
    secret = TrusteeSecret.generate(secrets.token_bytes)
    again = TrusteeSecret.from_text(secret.reveal() + "\n")
    assert again.keys(ED25519).encryption == secret.keys(ED25519).encryption
    assert secret.reveal() not in f"{secret!r} {secret}"
    keys = secret.keys(ED25519)
    assert str(keys.signing) not in repr(keys)
    assert str(keys.decryption) not in repr(keys)


@pytest.mark.parametrize("text", ["", "a" * 21, "a" * 23, "a" * 21 + "0", "a" * 21 + "l"])
def test_a_text_that_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(TrusteeError) as refusal:
        TrusteeSecret.from_text(text)
    assert refusal.value.rule == "trustee-secret"
