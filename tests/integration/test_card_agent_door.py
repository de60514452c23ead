"""Who may talk to a running card agent. There is no card: what gets through the door is told ``card-missing``."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from evote_jpki.release_texts import ReleaseTexts
from evote_local.stack.card_desk import PAGE
from evote_local.testbed import wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Page, new_texts

pytestmark = [pytest.mark.stack, pytest.mark.slow]

Headers = list[tuple[str, str]]
JSON = ("Content-Type", "application/json")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def slug(self) -> str:
        document = json.loads(self.body)
        assert self.headers["content-type"] == "application/problem+json"
        assert document["status"] == self.status and document["ja"]["detail"] and document["detail"]
        return str(document["type"]).removeprefix("urn:tsukuba-evote:problem:")


def send(page: Page, method: str, path: str, headers: Headers, body: bytes | None = None) -> Answer:
    """One request with these headers and no others, as a hostile page or program might send it."""
    connection = http.client.HTTPConnection("127.0.0.1", page.desk.port, timeout=60)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value.encode("latin-1"))
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    answer = Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    connection.close()
    return answer


def honest(page: Page, *without: str) -> Headers:
    """What the voting page's own requests carry."""
    headers = {
        "Host": f"127.0.0.1:{page.desk.port}",
        "Origin": PAGE,
        "Authorization": page.desk.headers["Authorization"],
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
    }
    return [(name, value) for name, value in headers.items() if name not in without]


def body_of(texts: ReleaseTexts) -> bytes:
    return json.dumps({"challenge": texts.challenge, "release_statement": texts.statement}).encode()


def sign(page: Page, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
    answer = send(page, "POST", "/v1/signatures", list(headers), body)
    assert "署名の確認" not in page.desk.screen, "nobody was asked"
    return answer


def test_the_voting_page_gets_through(standing_page: Page) -> None:
    state = send(standing_page, "GET", "/v1/status", honest(standing_page))
    assert (state.status, json.loads(state.body)["state"]) == (200, "card-missing")
    assert state.headers["access-control-allow-origin"] == PAGE
    localhost = [("Host", f"localhost:{standing_page.desk.port}"), *honest(standing_page, "Host")]
    assert sign(standing_page, [*localhost, JSON], body_of(new_texts())).slug == "card-missing"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "*",
        "http://vote.tsukuba.example",
        "https://vote.tsukuba.example:8443",
        "https://vote.tsukuba.example:443",
        "https://vote.tsukuba.example/",
        "https://vote.tsukuba.example.evil.example",
        "https://sub.vote.tsukuba.example",
        "https://tsukuba.example",
        "https://VOTE.tsukuba.example",
        "https://vote.tsukuba.example https://evil.example",
        "https://vote.tsukuba.example, https://evil.example",
        "file://",
        "http://127.0.0.1",
        "\xff",
    ],
)
def test_no_other_origin_gets_in_or_reads_an_answer(standing_page: Page, origin: str) -> None:
    hostile = [("Origin", origin), *honest(standing_page, "Origin")]
    for answer in (
        send(standing_page, "GET", "/v1/status", hostile),
        sign(standing_page, [*hostile, JSON], body_of(new_texts())),
        send(standing_page, "OPTIONS", "/v1/signatures", [*hostile, *PREFLIGHT]),
    ):
        assert (answer.status, answer.slug) == (403, "origin-refused")
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_request_without_an_origin_or_with_two_is_refused(standing_page: Page) -> None:
    for origins in ([], [("Origin", PAGE), ("Origin", "https://evil.example")], [("Origin", PAGE)] * 2):
        headers = [*honest(standing_page, "Origin"), *origins]
        assert send(standing_page, "GET", "/v1/status", headers).slug == "origin-refused"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1", "127.0.0.1.evil.example:{port}",
     "127.1:{port}", "[::1]:{port}", "0.0.0.0:{port}", "LOCALHOST:{port}", ""],
)  # fmt: skip
def test_a_rebound_name_is_refused(standing_page: Page, host: str) -> None:
    headers = [("Host", host.format(port=standing_page.desk.port)), *honest(standing_page, "Host")]
    answer = send(standing_page, "GET", "/v1/status", headers)
    assert (answer.status, answer.slug) == (421, "host-refused")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"),
     ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Dest", "iframe"),
     ("Sec-Fetch-Dest", "image")],
)  # fmt: skip
def test_what_a_browser_says_was_no_fetch_is_refused(standing_page: Page, name: str, value: str) -> None:
    headers = [*honest(standing_page, name), (name, value)]
    assert send(standing_page, "GET", "/v1/status", headers).slug == "origin-refused"


PREFLIGHT: Headers = [
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,content-type"),
]


def preflight(page: Page, *headers: tuple[str, str]) -> Answer:
    return send(page, "OPTIONS", "/v1/signatures", [*honest(page, "Authorization"), *headers])


def test_the_pages_preflight_is_answered_exactly(standing_page: Page) -> None:
    answer = preflight(standing_page, *PREFLIGHT)
    assert (answer.status, answer.body) == (204, b"")
    allowed = {name: value for name, value in answer.headers.items() if name.startswith("access-control-allow-")}
    assert allowed == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "Authorization, Content-Type",
    }
    asked = preflight(standing_page, *PREFLIGHT, ("Access-Control-Request-Private-Network", "true"))
    assert asked.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    ("method", "wanted"),
    [("PUT", ""), ("DELETE", ""), ("TRACE", ""), ("post", ""), ("POST", "x-other"), ("POST", "authorization,cookie"),
     ("POST", "*"), ("", "")],
)  # fmt: skip
def test_another_preflight_is_refused(standing_page: Page, method: str, wanted: str) -> None:
    headers = [("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", wanted)]
    answer = preflight(standing_page, *headers, ("Access-Control-Request-Private-Network", "true"))
    assert (answer.status, answer.slug) == (403, "preflight-refused")
    assert "access-control-allow-private-network" not in answer.headers


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
     "text/plain;application/json", "application/json;charset=shift_jis", None],
)  # fmt: skip
def test_a_body_that_a_form_could_send_is_refused(standing_page: Page, media_type: str | None) -> None:
    headers = honest(standing_page) + ([("Content-Type", media_type)] if media_type else [])
    answer = sign(standing_page, headers, body_of(new_texts()))
    assert (answer.status, answer.slug) == (415, "unsupported-media-type")


def test_only_the_listed_methods_and_paths_exist(standing_page: Page) -> None:
    for method, path, slug in (
        ("GET", "/v1/signatures", "method-not-allowed"),
        ("PUT", "/v1/signatures", "method-not-allowed"),
        ("POST", "/v1/status", "method-not-allowed"),
        ("GET", "/", "not-found"),
        ("GET", "/v1/status/", "not-found"),
        ("GET", "/v2/status", "not-found"),
        ("GET", "/v1/../v1/status", "not-found"),
        ("GET", "/openapi.json", "not-found"),
    ):
        assert send(standing_page, method, path, honest(standing_page)).slug == slug, (method, path)


def test_without_the_secret_nothing_is_learnt(standing_page: Page) -> None:
    right = standing_page.desk.headers["Authorization"]
    for wrong in (
        "",
        "Bearer",
        "Bearer ",
        right[:-1],
        right + "x",
        right.lower(),
        right.replace("Bearer", "Basic"),
        "\xe9",
    ):
        started = time.monotonic()
        headers = [*honest(standing_page, "Authorization"), ("Authorization", wrong)]
        answer = send(standing_page, "GET", "/v1/nothing-here", headers)
        assert (answer.status, answer.slug) == (401, "pairing-refused")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert time.monotonic() - started >= 1, "wrong ones are answered slowly"
    missing = send(standing_page, "GET", "/v1/status", honest(standing_page, "Authorization"))
    assert missing.slug == "pairing-refused"


def test_many_wrong_secrets_at_once_are_turned_away_and_the_right_one_is_not(standing_page: Page) -> None:
    wrong = [*honest(standing_page, "Authorization"), ("Authorization", "Bearer wrong")]

    def all_but_four_are_turned_away() -> bool:
        begun = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            guesses = [pool.submit(send, standing_page, "GET", "/v1/status", wrong) for _ in range(20)]
            time.sleep(0.3)
            took_s = []
            for _ in range(3):
                started = time.monotonic()
                assert send(standing_page, "GET", "/v1/status", honest(standing_page)).status == 200
                took_s.append(time.monotonic() - started)
            # Wrong ones take a second. The quickest, since a busy machine holds up some for longer.
            assert min(took_s) < 0.7
            slugs = [guess.result().slug for guess in guesses]
        refused = slugs.count("pairing-refused")
        assert refused + slugs.count("rate-limited") == 20
        # However slow the machine is: each takes its second, and four at a time are looked at.
        assert refused <= 4 * (time.monotonic() - begun)
        return refused == 4

    # Who comes a second after the first, as on a busy machine some do, is one of the next four.
    wait_until(all_but_four_are_turned_away)


def test_answers_are_not_kept_framed_or_sniffed_and_set_no_cookie(standing_page: Page) -> None:
    for answer in (
        send(standing_page, "GET", "/v1/status", honest(standing_page)),
        send(standing_page, "GET", "/nowhere", honest(standing_page)),
        send(standing_page, "GET", "/", [("Host", "evil.example")]),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["vary"] == "Origin"
        assert not {"set-cookie", "server", "access-control-allow-credentials"} & set(answer.headers)


def test_another_election_is_refused(standing_page: Page) -> None:
    other = replace(new_texts(), election_uuid="3" * 14)
    answer = sign(standing_page, [*honest(standing_page), JSON], body_of(other))
    assert (answer.status, answer.slug) == (403, "election-refused")


TEXTS = new_texts()


@pytest.mark.parametrize(
    ("challenge", "statement"),
    [
        ("", ""),
        (TEXTS.challenge, ""),
        (TEXTS.challenge + "\n", TEXTS.statement),
        (TEXTS.challenge, TEXTS.statement + "上記に加え、全財産を譲渡します。\n"),
        (TEXTS.challenge, TEXTS.statement.replace("受け取ります", "受け取りません")),
        (TEXTS.challenge, replace(TEXTS, challenge_id="0" * 32).statement),
        (replace(TEXTS, election_uuid="3" * 14).challenge, TEXTS.statement),
        (TEXTS.challenge.replace("challenge v2", "challenge v1"), TEXTS.statement),
        (TEXTS.challenge, replace(TEXTS, device_key=new_texts().device_key).statement),
        (TEXTS.challenge.replace("\n", "\r\n"), TEXTS.statement),
        (TEXTS.statement, TEXTS.challenge),
        (TEXTS.challenge, replace(TEXTS, election_name="\x1b[2J別の選挙").statement),
        (TEXTS.challenge, replace(TEXTS, election_name="\u202e別の選挙").statement),
        (TEXTS.challenge, replace(TEXTS, election_name="選挙\r\x00").statement),
        (TEXTS.challenge, replace(TEXTS, election_name="選\u2028挙").statement),
        (TEXTS.challenge, replace(TEXTS, election_name="選" * 201).statement),
        (TEXTS.challenge, replace(TEXTS, election_name="\ud800").statement),
    ],
)
def test_nothing_but_a_whole_challenge_is_taken(standing_page: Page, challenge: str, statement: str) -> None:
    body = json.dumps({"challenge": challenge, "release_statement": statement}).encode()
    answer = sign(standing_page, [*honest(standing_page), JSON], body)
    assert (answer.status, answer.slug) == (422, "texts-refused")


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"\xff\xfe", "malformed-json"),
        (b"[" * 10_000, "malformed-json"),
        (b"[]", "invalid-request"),
        (b"null", "invalid-request"),
        (b"{}", "invalid-request"),
        (b'{"challenge":1,"release_statement":null}', "invalid-request"),
        (b'{"challenge":"","release_statement":"","pin":"1234"}', "invalid-request"),
        (b" " * 16_385, "body-too-large"),
        (b'{"challenge":"' + b"a" * 1_000_000 + b'"}', "body-too-large"),
    ],
)
def test_other_bodies_are_refused(standing_page: Page, body: bytes, slug: str) -> None:
    assert sign(standing_page, [*honest(standing_page), JSON], body).slug == slug


VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30)
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["Origin", "Content-Type", "Sec-Fetch-Site", "Access-Control-Request-Method", "Cookie",
                         "Access-Control-Request-Headers", "Range", "Expect", "Upgrade", "Connection", "X-Other"]),
        VALUES | st.sampled_from([PAGE, "application/json", "100-continue", "websocket", "close", "POST"]),
    ),
    max_size=4,
)  # fmt: skip
BODIES = st.none() | st.binary(max_size=60) | st.builds(
    lambda first, second: json.dumps({"challenge": first, "release_statement": second}).encode(),
    st.text(max_size=20) | st.just(TEXTS.challenge) | st.none(),
    st.text(max_size=20) | st.just(TEXTS.statement) | st.integers(),
)  # fmt: skip


@settings(max_examples=400, suppress_health_check=list(HealthCheck), database=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "FOO"]),
    path=st.sampled_from(["/v1/status", "/v1/signatures", "/v1/%00", "*", "//v1/status", "/v1/status?a=%ff"])
    | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20).map(lambda text: "/" + text),
    extra=REQUESTS,
    dropped=st.sets(st.sampled_from(["Origin", "Sec-Fetch-Site", "Host"]), max_size=1),
    body=BODIES,
)
def test_no_request_makes_the_agent_fail(standing_page: Page, method, path, extra, dropped, body) -> None:
    try:
        answer = send(standing_page, method, path, [*honest(standing_page, *dropped), *extra], body)
    except ConnectionError:
        # What isn't HTTP is answered 400 and hung up on, in the middle of the body too.
        answer = send(standing_page, "GET", "/v1/status", honest(standing_page))
        assert answer.status == 200
    assert answer.status < 500, answer
    assert "Traceback" not in standing_page.desk.screen
    assert "署名の確認" not in standing_page.desk.screen
