"""Who votes by face in tests, and how a refusal on that way reads."""

from __future__ import annotations

import httpx
from evote_jpki.authority import Person

HANAKO = Person("斎藤 花子", "茨城県つくば市研究学園1丁目1番地1", "1990-04-01", "2")
ICHIRO = Person("山本 一郎", "茨城県つくば市吾妻2丁目3番地", "1961-12-31", "1")
HANAKO_ID, ICHIRO_ID = "000001", "000002"
OTHER_WAYS = ["phone", "card", "counter"]


def refused(response: httpx.Response, ways: list[str] | None = OTHER_WAYS) -> tuple[int, str]:
    """Status and type of a refusal of the face way, which always tells the other ways."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert response.json().get("other_ways") == ways
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]
