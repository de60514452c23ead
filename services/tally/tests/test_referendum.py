"""Whole elections on real Kafka and PostgreSQL; auth, ballot and ledger-anchor are stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from evote_belenios.archive import open_archive
from evote_belenios.verify import verify_archive

pytestmark = pytest.mark.stack

YES, NO, BLANK = [0, 1, 0], [0, 0, 1], [1, 0, 0]


def no_progress(done: int, total: int) -> None:
    """Nobody watches a test."""


def verified(path: Path) -> bool:
    with open_archive(path) as file:
        return not verify_archive(file, processes=1, progress=no_progress).failures


@pytest.mark.parametrize(
    ("group", "trustees", "threshold", "decrypting"),
    [("Ed25519", 3, 2, (3, 1)), ("Ed25519", 5, 3, (2, 5, 4)), ("BELENIOS-2048", 3, 2, (1, 2))],
)
async def test_an_election_ends_with_the_result_of_each_voters_last_logged_ballot(
    officer, stand_ins, group, trustees, threshold, decrypting
) -> None:
    body = {"group": group, "threshold": threshold}
    assert (await officer.draft(trustees, **body)).status_code == 201
    election_json = await officer.open_with(stand_ins, 3, group)
    ballot, ledger = stand_ins.ballot, stand_ins.ledger
    first, second, third = stand_ins.auth.private

    logged = [await ballot.cast(election_json, voter, vote) for voter, vote in ((first, NO), (second, NO))]
    await ledger.log(*logged)
    await officer.until_archived(logged[-1])
    early = (await officer.download()).read_bytes()
    revote = await ballot.cast(election_json, first, YES)
    await ledger.log(await ballot.cast(election_json, third, BLANK), revote)
    assert (await officer.post("/close")).json()["state"] == "closed"
    unlogged_markers = await ballot.close_box(officer.uuid)
    late = await ballot.cast(election_json, second, YES)
    assert await officer.state() == "closed"
    await ledger.log(*unlogged_markers)
    await officer.until("tallied")

    for trustee in decrypting:
        response = await officer.submit(await officer.decrypt(trustee))
        assert response.status_code == 200, response.text
    await officer.until("decrypted")
    assert (await officer.get("/result")).json()["result"] == [[1, 1, 1]]
    certified = (await officer.certify()).json()
    archive = await officer.download()
    assert certified["state"] == "certified"
    assert certified["archive_sha256"] == sha256_of(archive)
    assert verified(archive)
    assert late.envelope.data.ballot.encode() not in archive.read_bytes()
    assert archive.read_bytes().startswith(early)
    if group == "BELENIOS-2048":
        assert belenios_tool_accepts(archive)


def sha256_of(path: Path) -> str:
    return subprocess.run(["sha256sum", path], capture_output=True, check=True, text=True).stdout[:64]


def belenios_tool_accepts(archive: Path) -> bool:
    folder = archive.parent / "belenios-tool"
    folder.mkdir()
    uuid = json.loads(archive_election(archive))["uuid"]
    (folder / f"{uuid}.bel").write_bytes(archive.read_bytes())
    done = subprocess.run(
        ["belenios-tool", "election", "verify", "--dir", folder],
        env={**os.environ, "BELENIOS_USE_URANDOM": "1"},
        capture_output=True,
        text=True,
    )
    return done.returncode == 0


def archive_election(archive: Path) -> str:
    listed = subprocess.run(["tar", "tf", archive], capture_output=True, check=True, text=True).stdout.split()
    return subprocess.run(["tar", "xOf", archive, listed[1]], capture_output=True, check=True, text=True).stdout
