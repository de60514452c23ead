"""What a voter's device does when it asks auth for something: fresh keys, checks, a signed request, opening the answer.

A page in a browser has to do the same, in this order; ``tests/vectors/device`` holds texts for it.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from evote_device.keys import DeviceKeys, new_device_keys
from evote_device.requests import DeviceRequest, ReleaseRequested, sign_request
from evote_device.sealing import Contents, seal_typed_code, unseal
from evote_jpki.release_texts import MalformedText, parse_release_texts

_PROOF_OF_A_CARD = ("user_certificate", "challenge_signature", "signature_certificate", "statement_signature")


class LyingService(Exception):
    """A service says something that the voter's device finds untrue. Field: ``what``."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class DeviceOccasion:
    """One try to get something from auth, with keys that are used for nothing else."""

    election_uuid: str
    keys: DeviceKeys = field(default_factory=lambda: new_device_keys(secrets.token_bytes), repr=False)

    @property
    def device_key(self) -> str:
        """What auth is told."""
        return self.keys.public.text

    def check_challenge(self, challenge: Mapping[str, Any]) -> None:
        """Before the card is asked for anything; raises :class:`LyingService`.

        Whoever ends TLS could have asked for a challenge for a key of its own: what a card signed for that would
        release the voter's credential to it.
        """
        try:
            texts = parse_release_texts(challenge["challenge"], challenge["release_statement"])
        except MalformedText:
            raise LyingService("what the card is to sign is no challenge") from None
        said = (texts.device_key, texts.election_uuid, texts.challenge_id)
        if said != (self.device_key, self.election_uuid, challenge["challenge_id"]):
            raise LyingService("the challenge is not for this device")

    def card_request(self, answer: Mapping[str, str], kind: type[DeviceRequest] = ReleaseRequested) -> dict[str, str]:
        """What is sent to auth for what the card, or its agent, answered."""
        proof = {name: answer[name] for name in _PROOF_OF_A_CARD}
        return {**answer, "device_request": self._request(kind, answer["challenge_id"], proof)}

    def order_request(self, typed: str, code_key: X25519PublicKey) -> dict[str, str]:
        """What is sent to auth for a voting code; ``code_key`` is auth's, from the city."""
        sealed = seal_typed_code(typed, code_key, self.election_uuid, self.keys.public)
        return {"sealed_voting_code": sealed, "device_key": self.device_key}

    def check_order(self, order: str) -> None:
        """Before a face is shown to anybody; raises :class:`LyingService`."""
        said = json.loads(order)
        if (said["device_key"], said["election_uuid"]) != (self.device_key, self.election_uuid):
            raise LyingService("the order is not for this device")

    def face_request(self, order_id: str, verdict: str) -> dict[str, str]:
        """What is sent to auth for biometric's verdict on an order."""
        proof = {"verdict": verdict}
        return {**proof, "device_request": self._request(ReleaseRequested, order_id, proof)}

    def phone_state(self, challenge_id: str) -> str:
        """What the page adds to its way to the app, and gets back, perhaps in another browser: all that it needs there.

        Not sealed: whoever reads it has the code beside it, and is the voter's device to auth (ADR 30).
        """
        keys = self.keys.signing.private_bytes_raw() + self.keys.sealing.private_bytes_raw()
        return ".".join((self.election_uuid, challenge_id, base64.urlsafe_b64encode(keys).decode().rstrip("=")))

    @classmethod
    def of_phone_state(cls, state: str) -> tuple[Self, str]:
        """The occasion that a page returns to, and its challenge; raises :class:`LyingService`."""
        try:
            election_uuid, challenge_id, written = state.split(".")
            keys = base64.urlsafe_b64decode(written + "==")
            signing = Ed25519PrivateKey.from_private_bytes(keys[:32])
            sealing = X25519PrivateKey.from_private_bytes(keys[32:])
        except ValueError:
            raise LyingService("what came back from the app is no state of ours") from None
        return cls(election_uuid, DeviceKeys(signing, sealing)), challenge_id

    def phone_request(self, challenge_id: str, code: str) -> dict[str, str]:
        """What is sent to auth for the code that came back."""
        request = self._request(ReleaseRequested, challenge_id, {"code": code})
        return {"challenge_id": challenge_id, "code": code, "device_request": request}

    def credential(self, answer: Mapping[str, str], occasion_id: str) -> str:
        """Open auth's answer; raises ``SealBroken``."""
        return self._open(Contents.CREDENTIAL, answer["sealed_credential"], occasion_id)

    def holder(self, answer: Mapping[str, str], occasion_id: str) -> str:
        """Whose credential came by phone: for the voter to look at; raises ``SealBroken``."""
        return self._open(Contents.NAME, answer["sealed_name"], occasion_id)

    def voting_code(self, answer: Mapping[str, str], occasion_id: str) -> str:
        """Open auth's answer to an enrolment; raises ``SealBroken``."""
        return self._open(Contents.VOTING_CODE, answer["sealed_voting_code"], occasion_id)

    def _open(self, contents: Contents, sealed: str, occasion_id: str) -> str:
        return unseal(contents, sealed, self.keys, self.election_uuid, occasion_id)

    def _request(self, kind: type[DeviceRequest], occasion_id: str, proof: Mapping[str, str]) -> str:
        return sign_request(kind, self.keys, self.election_uuid, occasion_id, proof)
