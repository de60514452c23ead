"""Which addresses can be voting pages, and what their origin is."""

from __future__ import annotations

import pytest
from evote_card_agent.pairing import UnfitPage, voting_page
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://vote.example.lg.jp", "https://vote.example.lg.jp"),
        ("https://vote.example.lg.jp/a/b?c=d", "https://vote.example.lg.jp"),
        ("https://VOTE.example.lg.jp:443/", "https://vote.example.lg.jp"),
        ("https://vote.example.lg.jp:8443/", "https://vote.example.lg.jp:8443"),
        ("http://localhost:5173/", "http://localhost:5173"),
        ("http://127.0.0.1/", "http://127.0.0.1"),
    ],
)
def test_an_origin_is_as_browsers_send_it(url: str, origin: str) -> None:
    page = voting_page(url)
    assert page.origin == origin
    assert page.paired_url(1, "s") == f"{url}#card-agent=1.s"


@pytest.mark.parametrize(
    "url",
    ["", "vote.example", "http://vote.example/", "ftp://vote.example/", "javascript:alert(1)", "https://", "https://*/",
     "https://vote.example/#x", "https://user@vote.example/", "https://投票.example/", "https://vote.example:x/",
     "https://vote.example:99999/", "https://[::1/", "https://[::1]/", "https://vote .example/", "https://vote.example/\n",
     "null", "file:///vote.html", "https://-x.example/", "https://a..b/"],
)  # fmt: skip
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(UnfitPage):
        voting_page(url)


@given(st.text(max_size=40) | st.text(max_size=30).map(lambda text: "https://" + text))
def test_any_text_is_a_page_or_refused(text: str) -> None:
    try:
        page = voting_page(text)
    except UnfitPage:
        return
    assert page.origin.isascii() and page.origin.startswith(("https://", "http://localhost", "http://127.0.0.1"))
