import json
import re
import secrets
from urllib.parse import unquote

import pytest
from evote_belenios.credentials import generate
from evote_belenios.groups import ED25519
from evote_belenios.order import sign_order
from evote_local.people.voters import _body, status_url


@pytest.mark.parametrize("tracker", ["//" + "a" * 41, "a" * 20 + "//" + "+" * 21, "a" * 42 + "/"])
def test_a_trackers_slashes_come_through_an_edge_that_makes_one_of_two(tracker: str) -> None:
    path = status_url("https://ballot.example", "1" * 14, tracker).removeprefix("https://ballot.example")
    merged = re.sub("/+", "/", path)
    assert unquote(merged.removeprefix(f"/elections/{'1' * 14}/status/")) == tracker


def test_people_here_post_what_the_page_posts() -> None:
    order = sign_order(generate(ED25519, secrets.token_bytes), "1" * 14, ED25519, "a" * 43, 1, secrets.token_bytes)
    body = _body('{"a":"b"}', order)
    # As JSON.stringify writes it; the intake has a quick way for that text, and takes twice as long for any other.
    assert body == json.dumps(json.loads(body), separators=(",", ":"))
