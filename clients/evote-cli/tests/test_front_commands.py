"""``evote front sign``: each of two officers makes the list from files of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from evote_cli.errors import CommandFailed, NotApproved
from evote_officers.acts import PUBLISH_FRONT
from evote_officers.commands import verify_signatures
from evote_verify.reading.front_manifest import parse_signed

from .at_keyboard import ROSTER, answering, key_file

ORIGIN = "https://vote.example"
NOBODY = answering(500, {})


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A build and a configuration, as an officer has them."""
    folder = tmp_path / "first"
    (folder / "dist/assets").mkdir(parents=True)
    (folder / "dist/index.html").write_text("<html>")
    (folder / "dist/assets/index-1.js").write_text("vote()")
    (folder / "config.json").write_text(json.dumps({"services": {"ballot": "https://ballot.example"}}))
    return folder


def signing(folder: Path, out: Path, *more: str | Path) -> tuple[str | Path, ...]:
    files = ("--config", folder / "config.json", "--origin", ORIGIN, "--out", out)
    return ("front", "sign", folder / "dist", *files, *more)


def second(tmp_path: Path) -> tuple[str | Path, ...]:
    return ("--officer-key", key_file(tmp_path, "suzuki"), "--yes")


def test_two_officers_sign_what_each_has(evote, city, tmp_path) -> None:
    out = tmp_path / "manifest.json"
    shown = evote(NOBODY, *signing(city, out, "--reason", "公開"), typed="y\n")
    assert "通信先 ballot: https://ballot.example" in shown, "where ballots go is shown to who signs"
    own = shutil.copytree(city, tmp_path / "second")
    told = evote(NOBODY, *signing(own, out, *second(tmp_path)))
    signed = parse_signed(out.read_bytes())
    given = verify_signatures(signed.statements, PUBLISH_FRONT, ROSTER)
    assert given.names == "sato、suzuki"
    assert given.command.body_sha256 == signed.manifest.fingerprint and signed.manifest.fingerprint in told
    assert set(signed.manifest.files) == {"index.html", "assets/index-1.js", "config.json"}


def test_the_second_officer_signs_nothing_but_what_they_have_themselves(evote, city, tmp_path) -> None:
    out = tmp_path / "manifest.json"
    evote(NOBODY, *signing(city, out, "--reason", "公開", "--yes"))
    before = out.read_bytes()
    own, as_second = shutil.copytree(city, tmp_path / "second"), second(tmp_path)
    (own / "config.json").write_text(json.dumps({"services": {"ballot": "https://evil.example"}}))
    with pytest.raises(CommandFailed, match=r"config\.json"):
        evote(NOBODY, *signing(own, out, *as_second))
    shutil.copy(city / "config.json", own)
    (own / "dist/assets/added.js").write_text("")
    with pytest.raises(CommandFailed, match=r"added\.js"):
        evote(NOBODY, *signing(own, out, *as_second))
    assert out.read_bytes() == before


def test_one_officer_is_not_two_and_three_are_too_many(evote, city, tmp_path) -> None:
    out = tmp_path / "manifest.json"
    evote(NOBODY, *signing(city, out, "--reason", "公開", "--yes"))
    with pytest.raises(CommandFailed, match="すでに署名"):
        evote(NOBODY, *signing(city, out, "--yes"))
    as_second = second(tmp_path)
    evote(NOBODY, *signing(city, out, *as_second))
    with pytest.raises(CommandFailed, match="もう二人"):
        evote(NOBODY, *signing(city, out, *as_second))


def test_who_says_no_has_signed_nothing(evote, city, tmp_path) -> None:
    out = tmp_path / "manifest.json"
    with pytest.raises(NotApproved):
        evote(NOBODY, *signing(city, out, "--reason", "公開"), typed="n\n")
    assert not out.exists()
    with pytest.raises(CommandFailed, match="--reason"):
        evote(NOBODY, *signing(city, out, "--yes"))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", "[]", "services"),
        ("dist/config.json", "{}", "beside the build"),
        ("dist/a b.js", "", "not served"),
        ("manifest.json", "{}", "読めません"),
    ],
)
def test_what_can_not_be_signed_is_refused(evote, city, tmp_path, file: str, content: str, message: str) -> None:
    (city / file).write_text(content)
    with pytest.raises(CommandFailed, match=message):
        evote(NOBODY, *signing(city, city / "manifest.json", "--reason", "公開", "--yes"))
