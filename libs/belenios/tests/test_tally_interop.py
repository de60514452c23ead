"""A whole tally with belenios-tool (Debian's 2.0, BELENIOS-2048): keys, decryptions and results of both sides."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from evote_belenios import threshold
from evote_belenios.ballots import Ballot
from evote_belenios.decryption import partial_decryption, verify_partial_decryption
from evote_belenios.election import Election, Question, parse_election
from evote_belenios.errors import TrusteeError
from evote_belenios.groups import BELENIOS_2048
from evote_belenios.result import compute_result, parse_result, verify_result
from evote_belenios.tally import (
    EncryptedTallyAccumulator,
    parse_sized_encrypted_tally,
    sized_encrypted_tally_json,
    verify_encrypted_tally,
)
from evote_belenios.trustees import (
    DecryptionKey,
    parse_public_key,
    parse_trustees,
    public_key_json,
    verify_election_key,
)

Tool = Callable[..., str]
RANDOM = secrets.token_bytes
GROUP = BELENIOS_2048
QUESTIONS = [Question("Plan", ("yes", "no"), True, 1, 1), Question("Parks", ("a", "b", "c"), False, 0, 2)]
VOTES = ([[0, 1, 0], [1, 0, 1]], [[0, 0, 1], [0, 0, 0]], [[1, 0, 0], [0, 1, 0]])
WEIGHTS = (1, 1, 3)


class Referendum:
    """A folder with belenios-tool's archive. Trustee 1 is ours, 2 the tool's; 3 to 5 held a ceremony, 2 of 3."""

    def __init__(self, tool: Tool, folder: Path, ceremony: Any) -> None:
        self.tool, self.folder, self.ceremony = tool, folder, ceremony
        self.our_key = DecryptionKey.generate(GROUP, RANDOM)
        tool("setup", "generate-trustee-key", "--group", GROUP.name, folder=folder)
        (public,) = folder.glob("*.pubkey")
        (private,) = folder.glob("*.privkey")
        self.private_key_file = private.name
        self.their_key = DecryptionKey.from_private_key(private.read_text(), GROUP)
        assert parse_public_key(public.read_text(), GROUP).element == self.their_key.public_key
        (folder / "public_keys.jsons").write_text(f"{public_key_json(self.our_key, RANDOM)}\n{public.read_text()}")
        (folder / "threshold.json").write_text(ceremony.parameters + "\n")
        tool("setup", "make-trustees", folder=folder)
        self.trustees = parse_trustees((folder / "trustees.json").read_text(), GROUP)
        (folder / "template.json").write_text(
            json.dumps({"description": "", "name": "", "questions": [question.to_json() for question in QUESTIONS]})
        )
        uuid = tool("setup", "generate-token", folder=folder).strip()
        arguments = ("--group", GROUP.name, "--uuid", uuid, "--template", "template.json")
        tool("setup", "make-election", *arguments, folder=folder)
        self.election: Election = parse_election((folder / "election.json").read_text().strip())
        verify_election_key(self.election, self.trustees)

    def open(self, credentials: Sequence[str]) -> None:
        (self.folder / "public_creds.json").write_text(json.dumps(sorted(credentials)) + "\n")
        self.tool("archive", "init", folder=self.folder)

    def add(self, kind: str, *lines: str) -> None:
        stdin = "".join(f"{line}\n" for line in lines)
        self.tool("archive", "add-event", f"--type={kind}", folder=self.folder, stdin=stdin)

    def add_decryption(self, owner: int, text: str) -> None:
        self.add("PartialDecryption", text, owned(owner, text))

    def run(self, *arguments: str) -> list[str]:
        return self.tool("election", *arguments, folder=self.folder).splitlines()

    def decrypt_there(self, trustee: int) -> list[str]:
        """The tool's partial decryption of trustee 2, or of a trustee of the ceremony, whose files we write for it."""
        if trustee == 2:
            return self.run("decrypt", "--trustee-id", "2", "--privkey", self.private_key_file)
        voutput = self.ceremony.voutputs[trustee - 3]
        (self.folder / "secret.key").write_text(self.ceremony.secrets[trustee - 3].reveal() + "\n")
        (self.folder / "own.dkey").write_text(threshold.encrypted_decryption_key(voutput, GROUP) + "\n")
        arguments = ("--trustee-id", str(trustee), "--key", "secret.key", "--decryption-key", "own.dkey")
        return self.run("decrypt-threshold", *arguments)

    def decrypt_here(self, trustee: int, tally: str) -> str:
        key = (self.our_key, self.their_key, *self.ceremony.keys)[trustee - 1]
        return partial_decryption(self.election, tally, key, RANDOM)

    def verification(self) -> str:
        """What ``election verify`` says; it reports to standard error."""
        program = shutil.which("belenios-tool")
        assert program
        run = subprocess.run(
            [program, "election", "verify"], cwd=self.folder, capture_output=True, text=True, check=False
        )
        return run.stderr


@pytest.fixture
def referendum(belenios_tool: Tool, tmp_path: Path, hold_ceremony: Callable[..., Any]) -> Referendum:
    return Referendum(belenios_tool, tmp_path, hold_ceremony(GROUP, 2, 3))


def vote(referendum: Referendum, cast: Callable[..., Ballot]) -> EncryptedTallyAccumulator:
    """Three ballots, one of them of weight 3."""
    ballots = [cast(referendum.election, votes) for votes in VOTES]
    referendum.open([f"{ballot.credential},{weight}" for ballot, weight in zip(ballots, WEIGHTS, strict=True)])
    accumulator = EncryptedTallyAccumulator(referendum.election)
    for ballot, weight in zip(ballots, WEIGHTS, strict=True):
        referendum.add("Ballot", ballot.text)
        accumulator.add(ballot, weight)
    referendum.add("EndBallots")
    return accumulator


def owned(owner: int, text: str) -> str:
    return json.dumps({"owner": owner, "payload": hashlib.sha256(text.encode()).hexdigest()}, separators=(",", ":"))


def test_the_whole_tally_is_the_same_here_and_there(referendum: Referendum, cast: Callable[..., Ballot]) -> None:
    accumulator = vote(referendum, cast)
    election, trustees = referendum.election, referendum.trustees
    # 1. The encrypted tally, byte for byte.
    tally, sized = referendum.run("compute-encrypted-tally")
    verify_encrypted_tally(accumulator, tally, sized)
    assert accumulator.sized_json() == sized
    assert parse_sized_encrypted_tally(sized).total_weight == 5
    referendum.add("EncryptedTally", tally, sized)
    # 2. Trustees 1 and 3 decrypt here, 2 and 5 there; 4 stays away.
    decryptions = {1: referendum.decrypt_here(1, tally), 3: referendum.decrypt_here(3, tally)}
    for index in (2, 5):
        decryptions[index], owned_there = referendum.decrypt_there(index)
        assert owned_there == owned(index, decryptions[index])
    for index, text in decryptions.items():
        verify_partial_decryption(election, trustees, index, tally, text)
        referendum.add_decryption(index, text)
    # 3. The result, and each accepts the other's.
    (result,) = referendum.run("compute-result")
    assert parse_result(election, result) == ((3, 1, 1), (1, 3, 1))
    assert compute_result(election, trustees, tally, 5, decryptions) == result
    verify_result(election, trustees, tally, 5, decryptions, result)
    referendum.add("Result", result)
    assert "all checks passed" in referendum.verification()


def test_the_tool_refuses_a_result_that_we_refuse(referendum: Referendum, cast: Callable[..., Ballot]) -> None:
    accumulator = vote(referendum, cast)
    tally = accumulator.encrypted_tally_json()
    referendum.add("EncryptedTally", tally, accumulator.sized_json())
    for index in (1, 2, 3, 5):
        referendum.add_decryption(index, referendum.decrypt_here(index, tally))
    referendum.add("Result", '{"result":[[3,2,0],[1,3,1]]}')
    assert "check_result failed" in referendum.verification()


def test_a_tally_of_no_ballots_is_the_same_here_and_there(referendum: Referendum, cast: Callable[..., Ballot]) -> None:
    election, trustees = referendum.election, referendum.trustees
    referendum.open([cast(election, VOTES[0]).credential])
    referendum.add("EndBallots")
    tally, sized = referendum.run("compute-encrypted-tally")
    verify_encrypted_tally(EncryptedTallyAccumulator(election), tally, sized)
    assert sized == sized_encrypted_tally_json(tally, 0, 0)
    referendum.add("EncryptedTally", tally, sized)
    decryptions = {index: referendum.decrypt_here(index, tally) for index in (1, 5)}
    decryptions |= {index: referendum.decrypt_there(index)[0] for index in (2, 3)}
    for index, text in decryptions.items():
        verify_partial_decryption(election, trustees, index, tally, text)
        referendum.add_decryption(index, text)
    (result,) = referendum.run("compute-result")
    assert result == '{"result":[[0,0,0],[0,0,0]]}'
    assert compute_result(election, trustees, tally, 0, decryptions) == result
    referendum.add("Result", result)
    assert "all checks passed" in referendum.verification()


def other_response(proof: dict[str, str]) -> None:
    proof["response"] = "1"


TAMPERINGS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a basic trustee's proof": ("trustee-pok", lambda items: other_response(items[0][1]["pok"])),
    "a certificate's signature": (
        "certificate-signature",
        lambda items: other_response(items[2][1]["certs"][0]["signature"]),
    ),
    "the coefficients' signature": (
        "coefficients-signature",
        lambda items: other_response(items[2][1]["coefexps"][1]["signature"]),
    ),
    "a threshold trustee's proof": (
        "trustee-pok",
        lambda items: other_response(items[2][1]["verification_keys"][2]["pok"]),
    ),
    "the order of the keys": ("verification-key", lambda items: items[2][1]["verification_keys"].reverse()),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_the_tool_refuses_trustees_that_we_refuse(
    referendum: Referendum, cast: Callable[..., Ballot], tampering: str
) -> None:
    rule, tamper = TAMPERINGS[tampering]
    file = referendum.folder / "trustees.json"
    items = json.loads(file.read_text())
    tamper(items)
    file.write_text(json.dumps(items, separators=(",", ":")) + "\n")
    with pytest.raises(TrusteeError) as refusal:
        parse_trustees(file.read_text(), GROUP)
    assert refusal.value.rule == rule
    referendum.open([cast(referendum.election, VOTES[0]).credential])
    assert "all checks passed" not in referendum.verification()
