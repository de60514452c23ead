"""The voting page by voting code and face, in Chromium, before the real engine.

The camera alone is a mock (``people/before_camera.py``). Some have Chromium's own: forbidden, or one that sees
no face.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from evote_local.people.officers import ANSWERS
from evote_local.people.voting_page import VotingPage
from evote_local.stack.stack import Stack
from playwright.sync_api import Route, expect

from ..before_the_page import comes_to, fit_for_everybody, keeps_nothing, told
from ..face_election import FaceElection, face_election

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

YES, NO = ANSWERS
IN_LINE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
    " Safari Line/15.10.1"
)
OTHER_WAYS = ["マイナンバーカードとスマートフォン（マイナアプリ）", "マイナンバーカードとカードリーダー（パソコン）"]
WORDS_OF_REASON = {
    "no-face": "顔がはっきり写っていませんでした。",
    "poor-pictures": "顔がはっきり写っていませんでした。",
    "bad-timing": "機器の動きが遅れて、写真がそろいませんでした。",
}


def _throws(name: str) -> str:
    return f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"


@pytest.fixture(scope="module")
def home(stack: Stack, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaceElection]:
    # Chromium's own camera, a moving pattern: for those who have no puppet before it.
    camera = "--use-fake-device-for-media-stream"
    with face_election(stack, weights, tmp_path_factory.mktemp("face-page"), camera, enrolled=3) as election:
        yield election
    stack.front.stop()


def test_residents_vote_by_a_typed_code_and_by_a_post_cards_and_nobody_is_told_the_same_of_both_worlds(
    home: FaceElection,
) -> None:
    """What auth and biometric are told of one resident and ballot too, is told of any other as well."""
    common = [_common(home, _vote_by_typed_code(home)), _common(home, _vote_by_post_card(home))]
    assert common[0] == common[1]
    assert home.referendum.officers.election_uuid in common[0], "the comparison sees what is common"


def _vote_by_typed_code(home: FaceElection) -> VotingPage:
    """On the way, each state of the page is looked at."""
    page = home.takes_phone()
    tab = page.tab
    page.open(home.address)
    page.button("投票コードと顔の確認").tap()
    page.button("コードを確かめる").tap()
    expect(tab.locator(".errors")).to_be_focused()
    fit_for_everybody(page, "code, none")
    code = home.code(0)
    # Two signs exchanged: one of the slips that people make. It is found before anything is sent.
    first, second = next(pair for pair in pairwise(code) if pair[0] != pair[1] and "-" not in pair)
    page.type_code(code.replace(first + second, second + first, 1))
    tab.get_by_text("手紙と一文字ずつ見比べてください。まだ何も送っていません。").wait_for()
    assert not [sent for sent in page.network.sent if sent.url.startswith(home.stack.auth.url)]
    # Another election's letter: well written, and nobody's here.
    page.type_code("0000-0000-0000-0000")
    tab.get_by_text("この投票コードは使えません").wait_for()
    _names_the_other_ways(page)
    fit_for_everybody(page, "code, refused")
    page.type_code(_full_width(code.lower().replace("-", "ー", 1).replace("-", " ")))
    page.button("カメラを始める").wait_for()
    fit_for_everybody(page, "before the camera is on")
    page.show_face()
    comes_to(tab, "window.cameras.map((camera) => camera.readyState)", ["ended"])
    page.answer(YES)
    page.cast_button.tap()
    page.receive()
    page.button("終了する").tap()
    tab.get_by_role("heading", name="終了しました").wait_for()
    _leaves_nothing(page, code)
    return page


def _vote_by_post_card(home: FaceElection) -> VotingPage:
    page = home.takes_phone()
    tab = page.tab
    code = home.code(1)
    page.open(f"{home.address}#code={code.replace('-', '')}")
    # The code is erased at once.
    comes_to(tab, "location.href", home.address)
    tab.get_by_text("手紙の QR コードから投票コードを読み取りました。").wait_for()
    fit_for_everybody(page, "election, by post card")
    page.button("投票コードと顔の確認").tap()
    expect(tab.get_by_label("投票コード")).to_have_value(code)
    page.button("コードを確かめる").tap()
    page.show_face()
    page.answer(NO)
    page.cast_button.tap()
    page.receive()
    page.button("終了する").tap()
    page.button("最初の画面へ").tap()
    page.button("投票コードと顔の確認").tap()
    # Who comes next finds no code.
    expect(tab.get_by_label("投票コード")).to_have_value("")
    _leaves_nothing(page, code)
    return page


def _common(home: FaceElection, page: VotingPage) -> set[str]:
    sent = page.network.sent
    assert page.faults == []
    residents = (home.stack.auth.url, home.stack.biometric.url)
    common = told([one for one in sent if one.url.startswith(residents)]) & told(
        [one for one in sent if one.url.startswith(home.stack.ballots[0].url)]
    )
    page.tab.context.close()
    return common


def _leaves_nothing(page: VotingPage, code: str) -> None:
    tab = page.tab
    keeps_nothing(tab)
    history = tab.context.new_cdp_session(tab).send("Page.getNavigationHistory")["entries"]
    for entry in history:
        assert code not in entry["url"] and code.replace("-", "") not in entry["url"] and "#" not in entry["url"]


def _names_the_other_ways(page: VotingPage) -> None:
    for way in OTHER_WAYS:
        page.button(way).wait_for()
    page.tab.get_by_text("窓口・投票所").wait_for()


def _full_width(text: str) -> str:
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
    assert unicodedata.normalize("NFKC", wide) == text and wide != text
    return wide


def test_a_camera_that_sees_no_face_is_refused_with_the_reason_the_attempts_left_and_the_other_ways(
    home: FaceElection,
) -> None:
    """With Chromium's own camera: what the page asks a browser for is what its policy allows.

    On a machine too busy to take the pictures in time biometric says so, and the page must as well.
    """
    context = home.phone(permissions=["camera"])
    page = VotingPage(context.new_page())
    page.open(home.address)
    page.button("投票コードと顔の確認").tap()
    page.type_code(home.code(2))
    held: list[Route] = []
    page.tab.route(f"{home.stack.biometric.url}/verifications", lambda route: held.append(route))
    page.button("カメラを始める").tap()
    page.tab.locator(".pose").wait_for()
    while not held:
        page.tab.wait_for_timeout(20)
    # What the camera sees is shown.
    comes_to(page.tab, "(({videoWidth, paused}) => videoWidth > 0 && !paused)(document.querySelector('video'))", True)
    fit_for_everybody(page, "before the camera")
    with page.tab.expect_response(re.compile("/verifications/.+/frames$"), timeout=0) as judged:
        held[0].continue_()
    page.tab.get_by_text("登録された本人の顔と確認できませんでした").wait_for()
    page.tab.get_by_text(WORDS_OF_REASON[judged.value.json()["reason"]]).wait_for()
    page.tab.get_by_text("この手続きで、あと 2 回試せます。").wait_for()
    _names_the_other_ways(page)
    fit_for_everybody(page, "face, refused")
    page.button(OTHER_WAYS[0]).tap()
    page.button("マイナアプリを開く").wait_for()
    assert page.faults == []
    context.close()


@pytest.mark.parametrize(
    ("browser", "answer", "told_so"),
    [
        ({}, None, "カメラの使用が許可されていません。"),
        ({"user_agent": IN_LINE}, None, "アプリの中のブラウザではカメラを使えません。"),
        # As a browser answers on a machine without one; this one has a camera.
        ({}, _throws("NotFoundError"), "カメラが見つかりません。"),
        ({}, _throws("NotReadableError"), "ほかのアプリがカメラを使っています。"),
    ],
    ids=["forbidden", "inside-an-app", "missing", "busy"],
)
def test_who_may_use_no_camera_is_told_what_to_do_and_loses_no_attempt(
    home: FaceElection, browser: Mapping[str, Any], answer: str | None, told_so: str
) -> None:
    context = home.phone(**browser)
    if answer is not None:
        context.add_init_script(answer)
    page = VotingPage(context.new_page())
    page.open(home.address)
    page.button("投票コードと顔の確認").tap()
    page.type_code(home.code(2))
    page.button("カメラを始める").tap()
    page.tab.get_by_text(told_so).wait_for()
    _names_the_other_ways(page)
    fit_for_everybody(page, "no camera")
    # Once it is allowed it goes on here.
    expect(page.button("カメラを始める")).to_be_visible()
    assert not [sent for sent in page.network.sent if sent.url.startswith(home.stack.biometric.url)]
    assert page.faults == []
    context.close()
