"""A key ceremony in which our trustees and server meet belenios-tool's (Debian's 2.0, BELENIOS-2048)."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from evote_belenios import threshold
from evote_belenios.channel import TrusteeSecret
from evote_belenios.groups import BELENIOS_2048
from evote_belenios.trustees import parse_trustees, trustees_json

Tool = Callable[..., str]
RANDOM = secrets.token_bytes
GROUP = BELENIOS_2048
OURS, THEIRS = "ours", "theirs"


@dataclass
class Party:
    """Somebody who runs belenios-tool's steps in a folder of their own."""

    tool: Tool
    folder: Path
    whose: str

    def run(self, *arguments: str, stdin: Sequence[str] = ()) -> str:
        command = ("setup", "generate-trustee-key-threshold", "--group", GROUP.name, *arguments)
        return self.tool(*command, folder=self.folder, stdin="".join(f"{line}\n" for line in stdin)).strip()

    def write(self, name: str, lines: Sequence[str]) -> None:
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))


@dataclass
class Trustee(Party):
    """One trustee: ours computes here, theirs with belenios-tool."""

    index: int
    secret: TrusteeSecret

    def certificate(self, needed: int, size: int) -> str:
        if self.whose == OURS:
            return threshold.certificate(
                self.secret, GROUP, index=self.index, threshold=needed, size=size, random=RANDOM
            )
        self.run("--step", "1")
        self.secret = TrusteeSecret.from_text((self.folder / self.key_file()).read_text())
        (path,) = self.folder.glob("*.cert")
        return path.read_text().strip()

    def polynomial(self, certificates: Sequence[str], needed: int) -> str:
        if self.whose == OURS:
            return threshold.polynomial(self.secret, GROUP, certificates, needed, RANDOM)
        self.write("certs.jsons", certificates)
        arguments = ("--step", "3", "--certs", "certs.jsons", "--threshold", str(needed), "--key", self.key_file())
        return self.run(*arguments)

    def voutput(self, certificates: Sequence[str], needed: int, polynomials: Sequence[str], vinput: str) -> str:
        if self.whose == THEIRS:
            arguments = ("--step", "5", "--certs", "certs.jsons", "--key", self.key_file())
            return self.run(*arguments, stdin=[vinput])
        commitments = [threshold.commitment(text) for text in polynomials]
        threshold.committed_voutput(self.secret, GROUP, certificates, needed, polynomials, commitments, RANDOM)
        return threshold.voutput(self.secret, GROUP, certificates, needed, vinput, RANDOM)

    def key_file(self) -> str:
        (path,) = self.folder.glob("*.key")
        return path.name


class Server(Party):
    """Who checks and routes the messages."""

    def vinputs(self, certificates: Sequence[str], needed: int, polynomials: Sequence[str]) -> list[str]:
        if self.whose == OURS:
            for index, text in enumerate(polynomials, 1):
                threshold.check_polynomial(text, GROUP, certificates, needed, index=index)
            indices = range(1, len(certificates) + 1)
            return [threshold.vinput(GROUP, certificates, needed, polynomials, index=index) for index in indices]
        self.write("certs.jsons", certificates)
        self.write("polynomials.jsons", polynomials)
        self.run("--step", "2", "--certs", "certs.jsons")
        self.run("--step", "4", "--certs", "certs.jsons", "--polynomials", "polynomials.jsons")
        return self.written(certificates, "vinput")

    def parameters(
        self, certificates: Sequence[str], needed: int, polynomials: Sequence[str], voutputs: Sequence[str]
    ) -> tuple[str, list[str]]:
        """The threshold parameters, and each trustee's encrypted decryption key."""
        if self.whose == OURS:
            for index, text in enumerate(voutputs, 1):
                threshold.check_voutput(text, GROUP, certificates, needed, polynomials, index=index)
            parameters = threshold.threshold_parameters(GROUP, certificates, needed, polynomials, voutputs)
            return parameters, [threshold.encrypted_decryption_key(text, GROUP) for text in voutputs]
        arguments = ("--step", "6", "--certs", "certs.jsons", "--polynomials", "polynomials.jsons")
        return self.run(*arguments, stdin=voutputs), self.written(certificates, "dkey")

    def written(self, certificates: Sequence[str], suffix: str) -> list[str]:
        names = [hashlib.sha256(json.loads(text)["message"].encode()).hexdigest() for text in certificates]
        return [(self.folder / f"{name}.{suffix}").read_text().strip() for name in names]


@pytest.mark.parametrize(
    ("server", "trustees"),
    [
        (THEIRS, (THEIRS, THEIRS, THEIRS)),
        (THEIRS, (OURS, OURS, OURS)),
        (OURS, (THEIRS, THEIRS, THEIRS)),
        (OURS, (OURS, THEIRS, OURS)),
        (THEIRS, (THEIRS, OURS, THEIRS)),
    ],
    ids=str,
)
def test_a_ceremony_holds_whoever_computes_which_part(
    belenios_tool: Tool, tmp_path: Path, server: str, trustees: Sequence[str]
) -> None:
    needed, size = 2, len(trustees)
    folders = [tmp_path / str(number) for number in range(size + 1)]
    for folder in folders:
        folder.mkdir()
    routing = Server(belenios_tool, folders[0], server)
    parties = [
        Trustee(belenios_tool, folders[index], whose, index, TrusteeSecret.generate(RANDOM))
        for index, whose in enumerate(trustees, 1)
    ]
    certificates = [party.certificate(needed, size) for party in parties]
    polynomials = [party.polynomial(certificates, needed) for party in parties]
    vinputs = routing.vinputs(certificates, needed, polynomials)
    voutputs = [
        party.voutput(certificates, needed, polynomials, vinput) for party, vinput in zip(parties, vinputs, strict=True)
    ]
    parameters, encrypted_keys = routing.parameters(certificates, needed, polynomials, voutputs)
    published = parse_trustees(trustees_json([], [parameters]), GROUP)
    keys = [
        threshold.decryption_key_from(party.secret, GROUP, text)
        for party, text in zip(parties, encrypted_keys, strict=True)
    ]
    assert [published.index_of(key) for key in keys] == [1, 2, 3]
