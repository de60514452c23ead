"""Proof of holding a credential: who signs a server's challenge with it may be told what becomes of its ballots.

Nobody else is told before the close: "superseded" would show whoever made a voter vote that the voter came again. A
Schnorr signature in the election's group, like the ballot's own (specification, "Signatures"), under a domain of its
own. It is not Belenios'; see this library's README, "Holding a credential".
"""

from __future__ import annotations

import re
from typing import Final

from .credentials import secret_exponent
from .errors import CredentialError
from .groups import Group, Random, group_of_element
from .proofs import Proof, knowledge_holds, prove_knowledge

DOMAIN: Final = "evote-holder"
"""What the challenge's text begins with, unlike any signature of Belenios or an order statement."""

SECTION: Final = "Holding a credential"
_CHALLENGE = re.compile(r"[A-Za-z0-9.]{1,100}", re.ASCII)


def prove_holding(credential: str, election_uuid: str, group: Group, challenge: str, random: Random) -> Proof:
    """Sign a server's ``challenge`` on the voter's device, with the private ``credential``.

    Raises ``CredentialError``: the credential is malformed, or the challenge is none (``holder-challenge``).
    """
    secret = secret_exponent(credential, election_uuid, group)
    public = group.encode(group.secret_power_generator(secret))
    return prove_knowledge(group, secret, _prefix(election_uuid, challenge, public), random)


def verify_holding(proof: Proof, *, election_uuid: str, challenge: str, credential: str) -> None:
    """Whoever made the proof has the private half of the public ``credential``, and was asked with this challenge.

    Raises ``CredentialError`` (``holder-challenge``, ``holder-signature``); ``EncodingError`` when the credential is no
    element. That a challenge was given out, and is fresh, is for the caller to know.
    """
    group = group_of_element(credential)
    prefix = _prefix(election_uuid, challenge, credential)
    if not knowledge_holds(group, group.decode(credential), prefix, proof):
        raise CredentialError("holder-signature", SECTION, "the credential did not sign this challenge")


def _prefix(election_uuid: str, challenge: str, credential: str) -> str:
    # No part can hold a "|": the text says one thing only.
    if not _CHALLENGE.fullmatch(challenge):
        raise CredentialError("holder-challenge", SECTION, "a challenge is 1 to 100 letters, digits and points")
    return f"{DOMAIN}|{election_uuid}|{challenge}|{credential}|"
