import re
from urllib.parse import unquote

import pytest
from evote_local.people.voters import status_url


@pytest.mark.parametrize("tracker", ["//" + "a" * 41, "a" * 20 + "//" + "+" * 21, "a" * 42 + "/"])
def test_a_trackers_slashes_come_through_an_edge_that_makes_one_of_two(tracker: str) -> None:
    path = status_url("https://ballot.example", "1" * 14, tracker).removeprefix("https://ballot.example")
    merged = re.sub("/+", "/", path)
    assert unquote(merged.removeprefix(f"/elections/{'1' * 14}/status/")) == tracker
