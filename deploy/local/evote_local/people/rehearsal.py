"""Trustees in memory who hold a ceremony by the libraries alone: for tests of those who read what trustees say."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_belenios import threshold
from evote_belenios.channel import TrusteeSecret
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import parse_election
from evote_belenios.trustees import DecryptionKey
from evote_ceremony.messages import CEREMONY_STEPS, Ceremony, Step
from evote_ceremony.plan import Plan, PlannedTrustee
from evote_ceremony.setup import CeremonyTexts, Setup, make_setup
from evote_statements.keys import key_text


@dataclass(frozen=True)
class Said:
    """A message of a trustee: its exact text, and the signed statement about it."""

    trustee: int
    step: Step
    text: str
    statement: str


class Rehearsal:
    """The trustees of one election. Steps come in their order; what was said once is said again alike."""

    def __init__(self, names: list[str]) -> None:
        """Make every trustee's keys."""
        self._secrets = [TrusteeSecret.generate(secrets.token_bytes) for _ in names]
        self.identities = [Ed25519PrivateKey.generate() for _ in names]
        self.trustees = tuple(
            PlannedTrustee(name, key_text(key.public_key())) for name, key in zip(names, self.identities, strict=True)
        )
        self._drafted = self.trustees
        self._texts: dict[tuple[Step, int], str] = {}

    def say(self, plan: Plan, trustee: int, step: Step) -> Said:
        """A trustee's message of a step of the ceremony."""
        key = (step, trustee)
        if key not in self._texts:
            self._texts[key] = self._text(plan, trustee, step)
        return self.sign(plan, trustee, step, self._texts[key])

    def sign(self, plan: Plan, trustee: int, step: Step, text: str) -> Said:
        """Any text, said by a trustee."""
        statement = self.ceremony(plan).sign_message(self.identities[trustee - 1], trustee, step, text)
        return Said(trustee, step, text, statement)

    def renew(self, trustee: int) -> str:
        """A trustee makes another key, and sends another certificate the next time; returns the key's line."""
        self._secrets[trustee - 1] = TrusteeSecret.generate(secrets.token_bytes)
        self.identities[trustee - 1] = Ed25519PrivateKey.generate()
        line = key_text(self.identities[trustee - 1].public_key())
        renewed = replace(self.trustees[trustee - 1], key=line)
        self.trustees = (*self.trustees[: trustee - 1], renewed, *self.trustees[trustee:])
        self._texts.pop((Step.CERTIFICATE, trustee), None)
        return line

    def forget(self, step: Step, trustee: int) -> None:
        """A trustee throws away what it made for a step, and makes it anew."""
        self._texts.pop((step, trustee), None)

    def certificate(self, plan: Plan, place: int, owner: int) -> str:
        """A certificate for a trustee's place, of the keys of ``owner``."""
        return threshold.certificate(
            self._secrets[owner - 1],
            plan.group,
            index=place,
            threshold=plan.threshold,
            size=len(plan.trustees),
            random=secrets.token_bytes,
        )

    def hold(self, plan: Plan) -> list[Said]:
        """The whole ceremony, step by step."""
        return [self.say(plan, trustee, step) for step in CEREMONY_STEPS for trustee in plan.numbers]

    def ceremony(self, plan: Plan) -> Ceremony:
        """The plan and the certificates that there are."""
        drafted = None if self.trustees == self._drafted else replace(plan, trustees=self._drafted)
        return Ceremony(plan, tuple(self._of(plan, Step.CERTIFICATE)), drafted)

    def setup(self, plan: Plan, credentials_sha256: str) -> Setup:
        """The final texts, after the whole ceremony."""
        texts = CeremonyTexts(*(self._of(plan, step) for step in CEREMONY_STEPS))
        return make_setup(plan, texts, credentials_sha256)

    def confirm(self, plan: Plan, trustee: int, setup: Setup) -> str:
        """A trustee's signed confirmation of the final texts."""
        return self.ceremony(plan).sign_setup(self.identities[trustee - 1], trustee, setup)

    def decrypt(self, plan: Plan, trustee: int, election_json: str, encrypted_tally: str) -> Said:
        """A trustee's partial decryption."""
        election = parse_election(election_json)
        text = partial_decryption(election, encrypted_tally, self.decryption_key(plan, trustee), secrets.token_bytes)
        return self.sign(plan, trustee, Step.PARTIAL_DECRYPTION, text)

    def decryption_key(self, plan: Plan, trustee: int) -> DecryptionKey:
        """What a trustee decrypts with."""
        sealed = threshold.encrypted_decryption_key(self._texts[Step.VOUTPUT, trustee], plan.group)
        return threshold.decryption_key_from(self._secrets[trustee - 1], plan.group, sealed)

    def _of(self, plan: Plan, step: Step) -> list[str]:
        return [self._texts[step, trustee] for trustee in plan.numbers if (step, trustee) in self._texts]

    def _text(self, plan: Plan, trustee: int, step: Step) -> str:
        if step is Step.CERTIFICATE:
            return self.certificate(plan, trustee, trustee)
        secret, group = self._secrets[trustee - 1], plan.group
        certificates = self._of(plan, Step.CERTIFICATE)
        if step is Step.COMMITMENT:
            text = threshold.polynomial(secret, group, certificates, plan.threshold, secrets.token_bytes)
            self._texts[Step.POLYNOMIAL, trustee] = text
            return threshold.commitment(text)
        polynomials, commitments = self._of(plan, Step.POLYNOMIAL), self._of(plan, Step.COMMITMENT)
        return threshold.committed_voutput(
            secret, group, certificates, plan.threshold, polynomials, commitments, secrets.token_bytes
        )
