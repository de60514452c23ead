"""The auditor of record, outside of the cluster: who voted, beside what auth released, by ``evote audit``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

from evote_cli.faults import Fault
from evote_local.stack.identities import OFFICER_PASSWORD

from .desk import Deployment
from .programs import Missing

_DIFFER: Final = 1
"""The program's status when votes and evidence don't agree."""


def reconcile(
    platform: Deployment, election_uuid: str, archive: Path, *, lost: Collection[str], whose: Collection[str]
) -> str:
    """What there is to tell; raises :class:`Missing` unless it names what was lost, and nothing else.

    Args:
        archive: the closed election's; what the auditor fetches is written beside it.
        lost: by their SHA-256 the evidence that auth's vault had once, and has no more.
        whose: public credentials of those who may have come to it, of whom the archive has ballots.
    """
    keys, folder = platform.identities, archive.parent
    releases, ca_bundle = folder / "releases.ndjson", folder / "ca-bundle.pem"
    ca_bundle.write_bytes(platform.authority.ca_bundle_pem())
    officer = keys.officer_key_files[keys.staff.kato.identifier]
    fetch = ("fetch", election_uuid, "--url", platform.auth.url, "--officer-key", str(officer))
    fetched = _audit(*fetch, "--out", str(releases))
    if fetched.returncode != 0:
        raise Missing(f"evote audit fetch ended with status {fetched.returncode}: {fetched.stderr}")
    given = ("--releases", str(releases), "--archive", str(archive), "--ca-bundle", str(ca_bundle))
    signed = ("--key-file", str(keys.auditor_key_file), "--biometric-key", str(keys.face_verdict_public_key_file))
    audited = _audit("releases", *given, *signed)
    if audited.returncode not in (0, _DIFFER):
        raise Missing(f"evote audit releases ended with status {audited.returncode}: {audited.stderr}")
    compare(audited.stderr, places(releases.read_text("utf-8"), lost), whose)
    return audited.stdout.strip() + (f"\n{audited.stderr.strip()}" if audited.stderr.strip() else "")


def places(releases: str, of_evidence: Collection[str]) -> list[str]:
    """Where in the log the releases with this evidence are, by what ``evote audit fetch`` wrote."""
    lines = [json.loads(line) for line in releases.splitlines()]
    return [f"{one['partition']}:{one['offset']}" for one in lines if one.get("evidence_sha256") in of_evidence]


def compare(said: str, unevidenced: Collection[str], whose: Collection[str]) -> None:
    """Raise :class:`Missing` unless the program named these releases, and of these credentials as many as came to them.

    Args:
        said: what ``evote audit releases`` wrote of what doesn't agree.
        unevidenced: the places of the releases whose evidence is gone.
        whose: among these are those whose credential was released so.
    """
    findings = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    wanted = {f"{Fault.NO_EVIDENCE.value}: {place}" for place in unevidenced}
    voted = {f"{Fault.VOTED_UNRELEASED.value}: {credential}" for credential in whose}
    named = voted.intersection(findings)
    # Who had asked twice has two releases.
    if set(findings) != wanted | named or bool(named) != bool(wanted) or len(named) > len(wanted):
        raise Missing(
            f"evote audit releases: {said}\nand there were to be {sorted(wanted)}, and some of {sorted(voted)}"
        )


def _audit(*words: str) -> subprocess.CompletedProcess[str]:
    # No line is broken in its midst.
    environment = {**os.environ, "EVOTE_OFFICER_PASSWORD": OFFICER_PASSWORD, "COLUMNS": "500"}
    command = [sys.executable, "-m", "evote_cli.main", "audit", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
