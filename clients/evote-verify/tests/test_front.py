"""What residents are served, held against what two officers signed."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from evote_local.people.staff import DEPLOYMENT, Staff
from evote_officers.acts import CERTIFY, PUBLISH_FRONT
from evote_verify.findings import OutOfReach
from evote_verify.reading import front_server
from evote_verify.reading.front_manifest import (
    NotAManifest,
    SignedManifest,
    build_files,
    new_manifest,
    parse_manifest,
    parse_signed,
)
from evote_verify.reading.front_server import FrontServer

NOON = datetime(2026, 11, 24, 3, tzinfo=UTC)
SERVICES = {"auth": "https://auth.example", "ballot": "https://ballot.example"}
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self' "
    "https://auth.example https://ballot.example http://127.0.0.1:*; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
TYPES = {"html": "text/html", "js": "application/javascript", "css": "text/css", "json": "application/json"}


class _Dripping(httpx.SyncByteStream):
    """A byte now and then."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a"] * 100)


@dataclass
class Served:
    """One answer, as the edge gives it until a test changes it."""

    content: bytes
    headers: dict[str, str]
    status: int = 200
    only_to: str = ""
    """Part of the ``User-Agent`` that is given this; all others are given what was there before."""


@dataclass
class Front:
    """A front's server, and the officers who sign what it serves."""

    url: str
    folder: Path
    staff: Staff = field(default_factory=Staff)
    served: dict[str, list[Served]] = field(default_factory=dict)
    """By path; the last one that is meant for who asks."""
    agents: set[str] = field(default_factory=set)

    def publish(self, **signing: Any) -> SignedManifest:
        """Sign what is in the folder and serve it."""
        config = json.dumps({"services": SERVICES}).encode()
        signed = self.sign(build_files(self.folder), config, **signing)
        for path in build_files(self.folder):
            self.serve("" if path == "index.html" else path, (self.folder / path).read_bytes(), path)
        self.serve("config.json", config)
        self.serve("manifest.json", signed.text.encode())
        return signed

    def sign(
        self, files: dict[str, str], config: bytes, *, origin: str = "", act: Any = PUBLISH_FRONT, staff: Any = None
    ) -> SignedManifest:
        manifest = new_manifest(origin or self.url, files, config)
        body = manifest.text.encode()
        path = act.path_of("2" * 14)
        return SignedManifest(manifest, tuple((staff or self.staff).command(act, path, body, NOON)))

    def serve(self, path: str, content: bytes, name: str = "", only_to: str = "", **headers: str) -> None:
        kind = TYPES[(name or path).rpartition(".")[2]]
        answer = Served(content, {"Content-Type": kind, "Content-Security-Policy": POLICY, **headers}, only_to=only_to)
        self.served[path] = [*self.served.get(path, []), answer] if only_to else [answer]

    def answer(self, path: str, agent: str) -> Served:
        self.agents.add(agent)
        meant = [answer for answer in self.served.get(path, []) if answer.only_to in agent]
        return meant[-1] if meant else Served(b"", {}, 404)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(handler) -> None:  # noqa: N805 - the library's name
            answer = running.answer(handler.path.partition("?")[0].removeprefix("/"), handler.headers["User-Agent"])
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(answer.content)))
            handler.end_headers()
            try:
                handler.wfile.write(answer.content)
            except OSError:
                return  # whoever asked has seen enough

        def log_message(handler, *_: object) -> None:  # noqa: N805
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><script src=/assets/index-1.js></script>")
    (folder / "assets/index-1.js").write_text("vote()")
    (folder / "assets/worker-1.js").write_text("encrypt()")
    (folder / "assets/index-1.css").write_text("body {}")
    running = Front(f"http://127.0.0.1:{server.server_port}", folder)
    running.publish()
    yield running
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def look(evote_verify: Callable[..., Any], front: Front, tmp_path: Path) -> Callable[..., Any]:
    """Looks at the front with the roster that the auditor has."""
    roster = front.staff.write_roster(tmp_path / "roster.json")

    def run(*arguments: object) -> Any:
        return evote_verify("--front", front.url, "--roster", roster, *arguments)

    return run


def test_what_two_officers_signed_is_found_to_be_served(front: Front, look) -> None:
    answer = look("--front-build", front.folder)
    assert answer.status == 0, answer.report
    for tie in ("manifest - officers", "manifest - build", "front - manifest"):
        assert answer.tie(tie).startswith("holds")
    assert "佐藤 花子、鈴木 一郎" in answer.report and "other networks" in answer.report
    assert len(front.agents) == 3, "it asks as several kinds of browsers"


def test_a_changed_program_page_worker_or_configuration_is_found(front: Front, look) -> None:
    changes = {
        "assets/index-1.js": "assets/index-1.js",
        "assets/worker-1.js": "assets/worker-1.js",
        "": "index.html",
        "config.json": "config.json",
    }
    for path, name in changes.items():
        kept = front.served[path]
        front.serve(path, kept[0].content + b" ", name)
        answer = look()
        assert answer.status == 1 and f"{name} is another one than in the manifest" in answer.report
        front.served[path] = kept
    assert look().status == 0


def test_what_one_kind_of_browser_alone_is_given_is_found(front: Front, look) -> None:
    front.serve("assets/index-1.js", b"steal()", only_to="iPhone")
    answer = look()
    assert answer.status == 1
    assert "assets/index-1.js is another one than in the manifest (asked as Safari on an iPhone)" in answer.report
    assert "Firefox" not in answer.tie("front - manifest")


def test_a_manifest_for_one_kind_of_browser_alone_is_found(front: Front, look) -> None:
    front.serve("manifest.json", b"{}", only_to="Firefox")
    answer = look()
    assert answer.status == 1 and "manifest.json is another one than before" in answer.report


@pytest.mark.parametrize("status", [404, 410, 403])
def test_a_file_that_is_missing_is_found(front: Front, look, status: int) -> None:
    front.served["assets/worker-1.js"] = [Served(b"", {}, status)]
    answer = look()
    assert answer.status == 1 and f"assets/worker-1.js is not served: the front answered {status}" in answer.report


def test_a_redirect_is_not_followed(front: Front, look) -> None:
    front.served[""] = [Served(b"", {"Location": "https://vote.example.evil"}, 302)]
    answer = look()
    assert answer.status == 1 and "leads to https://vote.example.evil" in answer.report


def test_an_answer_without_end_is_not_read_to_it(front: Front, look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_server, "_MOST_BYTES", 1 << 20)
    front.serve("assets/index-1.js", bytes(1 << 22))
    answer = look()
    assert answer.status == 1 and "assets/index-1.js is longer than any file" in answer.report
    front.serve("manifest.json", bytes(1 << 22))
    answer = look()
    assert answer.status == 1 and "what the front serves as manifest.json is none" in answer.report


def test_what_is_sent_compressed_is_compared_as_browsers_have_it_and_never_written_out_whole(
    front: Front, look
) -> None:
    plain = front.served["assets/index-1.js"][0].content
    packed = {"Content-Encoding": "gzip"}
    front.serve("assets/index-1.js", gzip.compress(plain), **packed)
    assert look().status == 0
    for wrong in (gzip.compress(plain + b" "), gzip.compress(plain)[:-12], gzip.compress(plain) * 2, b"no gzip", plain):
        front.serve("assets/index-1.js", wrong, **packed)
        assert look().status == 1
    front.serve("assets/index-1.js", gzip.compress(bytes(1 << 28)), **packed)
    answer = look()
    assert answer.status == 1 and "assets/index-1.js is longer than any file" in answer.report
    front.serve("assets/index-1.js", plain, **{"Content-Encoding": "br"})
    assert look().status == 1


def test_an_answer_that_never_ends_is_given_up() -> None:
    moments = iter(range(0, 1000, 30))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=_Dripping()))
    server = FrontServer(httpx.Client(transport=transport), "http://front", lambda _: None, lambda: next(moments))
    with pytest.raises(OutOfReach, match="took longer than 60 s"):
        server.get("", {})


def test_a_server_out_of_reach_is_no_verdict(evote_verify, front: Front, look, tmp_path: Path) -> None:
    for served in front.served.values():
        served[0].status = 503
    answer = look()
    assert answer.status == 3 and "503" in answer.tie("front - manifest")
    roster = front.staff.write_roster(tmp_path / "roster.json")
    assert evote_verify("--front", "http://127.0.0.1:9", "--roster", roster).status == 3


def test_what_is_wrong_stays_found_when_the_server_goes_away_meanwhile(front: Front, look) -> None:
    front.serve("", b"<html>", "index.html")
    front.served["assets/worker-1.js"] = [Served(b"", {}, 500)]
    assert look().status == 1


class TestSignatures:
    def failing(self, answer, *words: str) -> None:
        assert answer.status == 1, answer.report
        assert answer.tie("manifest - officers").startswith("FAILS")
        for word in words:
            assert word in answer.report

    def test_a_manifest_that_its_server_signed_itself(self, front: Front, look) -> None:
        front.publish(staff=Staff())
        self.failing(look(), "not on your roster with that key")

    def test_one_officer_alone(self, front: Front, look) -> None:
        signed = front.publish()
        for statements in (signed.statements[:1], signed.statements[:1] * 2):
            front.serve("manifest.json", SignedManifest(signed.manifest, statements).text.encode())
            self.failing(look(), "it takes 2 persons, and 1 signed")

    def test_none(self, front: Front, look) -> None:
        front.serve("manifest.json", SignedManifest(front.publish().manifest, ()).text.encode())
        self.failing(look())

    def test_signatures_under_another_manifest(self, front: Front, look) -> None:
        old = front.publish().statements
        (front.folder / "assets/index-1.js").write_text("steal()")
        front.serve("manifest.json", SignedManifest(front.publish().manifest, old).text.encode())
        self.failing(look(), "the officers signed another manifest")

    def test_officers_signatures_under_something_else(self, front: Front, look) -> None:
        front.publish(act=CERTIFY)
        self.failing(look(), "what was signed is for POST")

    def test_a_rehearsals_manifest(self, front: Front, look, tmp_path: Path) -> None:
        roster = tmp_path / "roster.json"
        roster.write_text(roster.read_text().replace(f'"{DEPLOYMENT}"', '"tsukuba-2027"', 1))
        self.failing(look())

    def test_a_manifest_of_another_origin(self, front: Front, look) -> None:
        front.publish(origin="https://rehearsal.example")
        answer = look()
        assert answer.status == 1 and "the manifest is of https://rehearsal.example" in answer.report


class TestOlderManifest:
    def test_is_found_by_the_published_fingerprint(self, evote_verify, front: Front, look) -> None:
        published = front.publish().manifest.fingerprint
        assert look("--front-fingerprint", published).status == 0
        (front.folder / "assets/index-1.js").write_text("an older release")
        front.publish()
        answer = look("--front-fingerprint", published)
        assert answer.status == 1 and answer.tie("manifest - fingerprint").startswith("FAILS")
        assert evote_verify("--front", front.url, "--front-fingerprint", published).status == 1, "without a roster, too"

    def test_is_warned_of_without_one(self, look) -> None:
        assert "an older manifest, signed as well, would hold too" in look().report


class TestBuild:
    def test_a_file_that_the_sources_do_not_make(self, front: Front, look, tmp_path: Path) -> None:
        own = tmp_path / "own"
        own.mkdir()
        for path in build_files(front.folder):
            (own / path).parent.mkdir(exist_ok=True)
            (own / path).write_bytes((front.folder / path).read_bytes())
        (front.folder / "assets/added.js").write_text("steal()")
        front.publish()
        answer = look("--front-build", own)
        assert answer.status == 1 and "assets/added.js is in the manifest and not in the build" in answer.report
        (own / "assets/added.js").write_text("other()")
        (own / "assets/more.js").write_text("")
        answer = look("--front-build", own)
        assert "assets/added.js of the build has another content" in answer.report
        assert "assets/more.js is in the build and not in the manifest" in answer.report

    def test_a_folder_that_is_no_build(self, look, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "missing"):
            answer = look("--front-build", folder)
            assert answer.status == 2 and "not a front's build" in answer.error


class TestHeads:
    @pytest.mark.parametrize(
        "name", ["Link", "Refresh", "Set-Cookie", "NEL", "Reporting-Endpoints", "Speculation-Rules"]
    )
    def test_that_make_a_browser_do_what_no_file_says(self, front: Front, look, name: str) -> None:
        front.serve("", front.served[""][0].content, "index.html", **{name: "x"})
        answer = look()
        assert answer.status == 1 and f"has a header {name}" in answer.report

    @pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=iso-2022-jp"])
    def test_that_make_another_page_of_the_same_bytes(self, front: Front, look, kind: str) -> None:
        front.serve("", front.served[""][0].content, "index.html", **{"Content-Type": kind})
        assert look().status == 1

    @pytest.mark.parametrize(
        "policy",
        [
            "",
            POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'"),
            POLICY.replace("default-src 'none'; ", ""),
            POLICY.replace("https://ballot.example", "https://ballot.example https://evil.example"),
            POLICY.replace("connect-src 'self'", "connect-src *; connect-src 'self'"),
            f"{POLICY}; report-uri https://elsewhere.example",
            f"{POLICY}; img-src *",
            f"img-src a, default-src *; {POLICY}",
        ],
    )
    def test_of_a_policy_that_allows_more(self, front: Front, look, policy: str) -> None:
        front.serve("", front.served[""][0].content, "index.html", **{"Content-Security-Policy": policy})
        answer = look()
        assert answer.status == 1 and "policy" in answer.tie("front - manifest")


class TestManifest:
    def test_is_the_same_text_whoever_makes_it(self, front: Front) -> None:
        manifest = front.publish().manifest
        assert parse_manifest(manifest.text) == manifest
        assert new_manifest(front.url, dict(reversed(build_files(front.folder).items())), b"").text == (
            new_manifest(front.url, build_files(front.folder), b"").text
        )

    def test_that_is_none_is_refused(self, front: Front) -> None:
        signed = front.publish()
        text = signed.manifest.text
        digest = signed.manifest.files["index.html"]
        for wrong in (
            "",
            "[]",
            text + " ",
            text.replace("front v1", "front v2"),
            text.replace("index.html", "index.htm"),
            text.replace("config.json", "conf.json"),
            text.replace("assets/index-1.js", "../index-1.js"),
            text.replace("assets/index-1.js", "//evil.example/index-1.js"),
            text.replace("assets/index-1.js", "assets/index-1.js?x"),
            text.replace("assets/index-1.js", "manifest.json"),
            text.replace(digest, digest.upper()),
            text.replace(digest, digest[:-1]),
            text.replace(f'"origin":"{front.url}"', '"origin":"https://a.example/x"'),
            text.replace('"files":{', f'"files":{{"config.json":"{digest}",'),
        ):
            assert wrong != text
            with pytest.raises(NotAManifest):
                parse_manifest(wrong)
        for served in (b"", b"\xff", b"{}", signed.text.encode() + b"\n", json.dumps({"manifest": text}).encode()):
            with pytest.raises(NotAManifest):
                parse_signed(served)

    def test_many_files_are_refused(self) -> None:
        files = {f"assets/{number}.js": "0" * 96 for number in range(200)}
        with pytest.raises(NotAManifest, match="at most"):
            new_manifest("https://a.example", {**files, "index.html": "0" * 96}, secrets.token_bytes(8))


class TestOptions:
    def test_a_front_without_roster_or_fingerprint_shows_nothing(self, evote_verify, front: Front) -> None:
        with pytest.raises(SystemExit) as ended:
            evote_verify("--front", front.url)
        assert ended.value.code == 2

    @pytest.mark.parametrize("option", ["--front-fingerprint", "--front-build"])
    def test_what_is_of_a_front_needs_one(self, evote_verify, archive, option: str) -> None:
        with pytest.raises(SystemExit) as ended:
            evote_verify(archive, option, "0" * 64)
        assert ended.value.code == 2

    @pytest.mark.parametrize("address", ["vote.example", "https://vote.example/page", "https://vote.example/?a=b"])
    def test_an_address_that_is_no_origin(self, evote_verify, address: str) -> None:
        answer = evote_verify("--front", address, "--front-fingerprint", "0" * 64)
        assert answer.status == 2 and "not a front's address" in answer.error
