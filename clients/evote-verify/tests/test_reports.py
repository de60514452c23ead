"""One result, three forms: text, JSON and HTML, in two languages; texts of others can't write any of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import pytest
from evote_belenios import native
from evote_belenios.archive import ArchiveReader, ArchiveWriter, Setup, open_archive
from evote_belenios.groups import ED25519
from evote_belenios.trustees import parse_trustees
from evote_verify.language import Language, language_of
from evote_verify.rendering.words import ENGLISH, JAPANESE

HOSTILE = (
    '</td></table><script src="https://evil.example/x.js">alert(1)</script><img src=x onerror=alert(1)>'
    '"\'&\x1b[2J\u202e\n<p class="verdict holds">VERIFIED: everything holds</p>'
)


class Page(HTMLParser):
    """What a browser would make of a report."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def renamed(archive: Path, tmp_path: Path) -> Callable[[str], Path]:
    """The archive's setup alone, under another name of the election."""

    def write(name: str) -> Path:
        with open_archive(archive) as file:
            setup = next(iter(ArchiveReader(file))).content
        assert isinstance(setup, Setup)
        fields = json.loads(setup.election)
        fields["name"] = name
        path = tmp_path / "renamed.bel"
        with path.open("wb") as file:
            writer = ArchiveWriter(file, timestamp=1_700_000_000)
            election = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
            writer.setup(election, setup.trustees, setup.credentials)
            writer.close()
        return path

    return write


def test_json_says_all_that_an_auditor_files(evote_verify, archive, held) -> None:
    answer = evote_verify(archive, "--json")
    said = json.loads(answer.report)
    assert (said["status"], said["verdict"]) == (0, "VERIFIED: everything holds") and answer.status == 0
    assert said["program"] == {"name": "evote-verify", "version": version("evote-verify")}
    assert said["time"].startswith("2026-11-24T")
    found = said["archive"]
    assert found["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert found["bytes"] == archive.stat().st_size
    assert found["credentials_sha256"] == hashlib.sha256(held.credentials_json.encode()).hexdigest()
    assert {check["check"]: (check["held"], check["failed"]) for check in found["checks"]} == {
        "events": (10, 0),
        "trustees": (1, 0),
        "credentials": (4, 0),
        "ballots": (5, 0),
        "tally": (4, 0),
        "decryptions": (1, 0),
        "result": (1, 0),
    }
    (trustee,) = found["trustees"]
    assert trustee["number"] == 1 and trustee["decrypted"] and trustee["public_key"] in held.trustees_json
    assert found["result"][0]["counts"] == [0, 4, 0]


@pytest.mark.parametrize("switch", ["", "off"])
def test_every_report_says_whose_arithmetic_decided(archive: Path, tmp_path: Path, switch: str) -> None:
    """An auditor who wants the reference's word must not take the compiled core's for it."""
    environment = {**os.environ, native.SWITCH: switch}
    who = native.REFERENCE if switch else native.arithmetic()
    page = tmp_path / "report.html"
    for option in ("--json", "--language=en", "--language=ja"):
        program = [sys.executable, "-m", "evote_verify.main", str(archive), option, "--html", str(page)]
        done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
        assert who in done.stdout and f"Ed25519: {who}" in page.read_text()
        if option == "--json":
            assert json.loads(done.stdout)["arithmetic"] == {"Ed25519": who}


def test_whose_arithmetic_decided_is_said_of_a_log_alone(evote_verify, log) -> None:
    said = json.loads(evote_verify("--log", log.url, "--json").report)
    assert said["arithmetic"] == {"Ed25519": native.arithmetic()}


def test_every_failure_is_in_every_report_and_no_figure_of_the_result_is(evote_verify, held, tmp_path: Path) -> None:
    ballots = [held.ballots[0]] * 31
    forged = held.write_archive(tmp_path / "forged.bel", ballots)
    page = tmp_path / "report.html"
    answer = evote_verify(forged, "--json", "--html", page)
    said = json.loads(answer.report)
    assert answer.status == said["status"] == 1 and said["archive"]["result"] is None
    assert [failure["event"] for failure in said["archive"]["failures"]] == list(range(2, 32))
    assert {failure["rule"] for failure in said["archive"]["failures"]} == {"ballot-duplicate"}
    assert {check["check"]: check["failed"] for check in said["archive"]["checks"]}["ballots"] == 30
    assert {check["check"]: check["held"] for check in said["archive"]["checks"]}["tally"] == 0
    assert page.read_text().count("ballot-duplicate") >= 30
    assert evote_verify(forged).report.count("ballot-duplicate") == 30


def test_a_page_needs_nothing_but_itself(evote_verify, archive, held, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert evote_verify(archive, "--html", path).status == 0
    page = Page(path.read_text())
    assert not {"script", "link", "img", "iframe", "object", "form", "a", "base"} & {tag for tag, _ in page.tags}
    assert not any({"src", "href", "style", "onload"} & attributes.keys() for _, attributes in page.tags)
    assert "url(" not in path.read_text() and "@import" not in path.read_text()
    assert {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"} in (
        page.of("meta")
    )
    text = " ".join(page.said)
    (trustee,) = parse_trustees(held.trustees_json, ED25519).members
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    for part in ("VERIFIED: everything holds", digest, "賛成ですか", trustee.text):
        assert part in text


@pytest.mark.parametrize("language", list(Language))
def test_a_hostile_name_is_text_in_the_page(evote_verify, renamed, tmp_path: Path, language: Language) -> None:
    path = tmp_path / "report.html"
    evote_verify(renamed(HOSTILE), "--html", path, "--language", language)
    page, text = Page(path.read_text()), path.read_text()
    assert not page.of("script") and not page.of("img")
    assert sum("verdict" in (paragraph.get("class") or "") for paragraph in page.of("p")) == 1
    assert "\x1b" not in text and "\u202e" not in text and "\\u{1b}" in text and "\\u{202e}" in text
    assert '</td></table><script src="https://evil.example/x.js">' in "".join(page.said), "shown as it is written"


def test_a_hostile_name_is_text_in_json(evote_verify, renamed) -> None:
    answer = evote_verify(renamed(HOSTILE), "--json")
    assert json.loads(answer.report)["archive"]["election"]["name"] == HOSTILE
    assert answer.report.isascii() and "\x1b" not in answer.report


def test_a_report_in_japanese_says_the_same(evote_verify, archive) -> None:
    answer = evote_verify(archive, "--language", "ja")
    assert answer.status == 0
    assert answer.report.splitlines()[-1] == "成立：すべてが成立しています"
    assert "所要時間    " in answer.report and "時刻" not in answer.report.partition("【")[0]
    assert "【成立】アーカイブ" in answer.report and "【未確認】" in answer.report


def test_each_language_has_a_word_for_everything() -> None:
    for mapping in ("outcomes", "ties", "how_to_check", "stages", "steps", "label"):
        assert getattr(JAPANESE, mapping).keys() == getattr(ENGLISH, mapping).keys()


@pytest.mark.parametrize(
    ("locale", "language"), [("ja_JP.UTF-8", "ja"), ("en_GB.UTF-8", "en"), ("C", "en"), ("", "en")]
)
def test_the_language_is_the_environments(locale: str, language: str) -> None:
    assert language_of(locale) == language


def test_a_key_that_was_taken_from_the_log_is_a_warning(evote_verify, log, archive) -> None:
    said = json.loads(evote_verify(archive, "--log", log.url, "--json").report)
    assert any("TAKEN FROM THE LOG ITSELF" in warning for warning in said["warnings"])


def test_the_version_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "evote_verify.main", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and re.fullmatch(r"evote-verify \d+\.\d+\.\d+\n", done.stdout)


def test_a_page_that_can_not_be_written_is_told_before_anything_is_verified(evote_verify, archive, tmp_path) -> None:
    with pytest.raises(SystemExit) as ended:
        evote_verify(archive, "--html", tmp_path / "missing" / "report.html")
    assert ended.value.code == 2
