"""What a reader of the public pages costs the services, in Debian's Chromium with the whole platform behind it.

``make bench-board [SECONDS=60]`` opens each public page and watches what it asks while somebody looks at it; then it
asks the same questions again as a crowd does: of the services, with and without what the crowd has already, and through
an nginx that caches as the answers allow. Processor time is that of the service's process, PostgreSQL's is beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from evote_jpki.authority import TestAuthority
from evote_local.nodes.ports import LOOPBACK, free_port, is_listening
from evote_local.nodes.processes import ChildProcess
from evote_local.people.voters import open_client
from evote_local.people.voting_page import open_browser
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.taken import taken_by
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack, temporary_directory
from evote_platform.clock import utc_now
from playwright.sync_api import BrowserContext, Page

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

_PLACES: Final = ("board", "turnout", "result", "status")
_VOTERS: Final = 40
_ASKED: Final = 400
_CACHE: Final = """\
daemon off;
master_process off;
pid {here}/nginx.pid;
error_log stderr;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {here}/temp;
  proxy_temp_path {here}/temp;
  fastcgi_temp_path {here}/temp;
  uwsgi_temp_path {here}/temp;
  scgi_temp_path {here}/temp;
  proxy_cache_path {here}/kept keys_zone=public:1m;
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass {service};
      proxy_cache public;
      # One question for all who wait for it; what is kept is asked for by its tag.
      proxy_cache_lock on;
      proxy_cache_revalidate on;
      proxy_cache_use_stale updating;
      add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""


@dataclass
class Watched:
    """What one page asks, by its requests' numbers: what the browser tells of one comes in no certain order."""

    place: str
    asked: dict[str, str] = field(default_factory=dict)
    """Addresses."""
    answered: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    """Bytes, heads included."""

    def of(self, services: Mapping[str, Service]) -> tuple[set[str], Counter[int], int]:
        """What was asked of services: the addresses, how they answered, and the bytes."""
        numbers = [number for number, address in self.asked.items() if address.startswith(tuple(services))]
        statuses = Counter(self.answered[number] for number in numbers if number in self.answered)
        addresses = {self.asked[number] for number in numbers}
        return addresses, statuses, sum(self.received.get(number, 0) for number in numbers)


def watch(context: BrowserContext, page_address: str, place: str) -> tuple[Page, Watched]:
    """Open a page and count what it asks, until it is closed."""
    seen, tab = Watched(place), context.new_page()
    devtools = context.new_cdp_session(tab)

    def begun(event: dict[str, Any]) -> None:
        seen.asked[event["requestId"]] = str(event["request"]["url"])

    def answered(event: dict[str, Any]) -> None:
        # The status as it came: pages are told 200 where the browser had the answer already.
        seen.answered[event["requestId"]] = int(event["statusCode"])

    def finished(event: dict[str, Any]) -> None:
        seen.received[event["requestId"]] = int(event["encodedDataLength"])

    devtools.on("Network.requestWillBeSent", begun)
    devtools.on("Network.responseReceivedExtraInfo", answered)
    devtools.on("Network.loadingFinished", finished)
    devtools.send("Network.enable")
    tab.goto(f"{page_address}&page={place}")
    tab.locator("h1").wait_for()
    return tab, seen


def measure(seconds: int) -> list[Table]:
    """What a reader asks, and what each question costs."""
    with _standing() as (stack, uuid):
        services = {service.url: service for service in stack.services}
        watched = _watch_all(f"{stack.board.origin}/?election={uuid}", seconds)
        asked, looks = set[str](), list[Row]()
        for seen in watched:
            addresses, statuses, received = seen.of(services)
            asked |= addresses
            looks.append([seen.place, *(float(statuses[status]) for status in (200, 304)), received / 1024])
        costs = [
            row
            for address in sorted(asked)
            for row in _ask_as_crowd(address, services[address[: address.index("/", 8)]], stack.directory)
        ]
    return [
        Table([f"who looks for {seconds} s at", "asks and gets 200", "304", "kB"], looks),
        Table(["question", "asked", "ms of the service", "ms of PostgreSQL", "a second", "answers"], costs),
    ]


def _watch_all(page_address: str, seconds: int) -> list[Watched]:
    with open_browser() as browser:
        opened = [watch(browser.new_context(), page_address, place) for place in _PLACES]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            opened[0][0].wait_for_timeout(500)
        return [seen for _, seen in opened]


def _ask_as_crowd(address: str, service: Service, folder: Path) -> list[Row]:
    path = address.removeprefix(service.url)
    told = f"`{path if len(path) < 70 else f'{path[:30]}…{path[-38:]}'}`"
    with httpx.Client() as client:
        tag = client.get(address).headers.get("ETag", "")
        known = {"If-None-Match": tag}
        asked = [
            ("by who has nothing", _cost(client, address, {}, service)),
            ("by who has the answer", _cost(client, address, known, service)),
        ]
        with _caching(service.url, folder) as cache:
            asked.append(("through nginx, by who has the answer", _cost(client, f"{cache}{path}", known, service)))
    return [[told, what, *cost] for what, cost in asked]


def _cost(
    client: httpx.Client, address: str, headers: Mapping[str, str], service: Service
) -> tuple[float, float, float, str]:
    """Milliseconds of the service and of PostgreSQL for one question; how many a second, and how they were answered."""
    assert service.process is not None
    process, database = psutil.Process(service.process.pid), _postgres()
    before = _used([process]), _used(database)
    statuses, began = Counter[str](), time.monotonic()
    for _ in range(_ASKED):
        answer = client.get(address, headers=headers)
        statuses[f"{answer.status_code} {answer.headers.get('X-Cache', '')}".strip()] += 1
    took = time.monotonic() - began
    after = _used([process]), _used(database)
    own, theirs = (
        # A session that ended meanwhile took what it had used along.
        sum(used - begin[number] for number, used in end.items()) * 1000 / _ASKED
        for begin, end in zip(before, after, strict=True)
    )
    return own, theirs, _ASKED / took, _told(statuses)


def _postgres() -> list[psutil.Process]:
    """Every server process below this one: sessions that serve the other services are idle meanwhile."""
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "postgres"]


def _used(processes: list[psutil.Process]) -> dict[int, float]:
    """Seconds, by the processes' numbers."""
    return {process.pid: sum(process.cpu_times()[:2]) for process in processes if process.is_running()}


@contextmanager
def _caching(service: str, folder: Path) -> Iterator[str]:
    """The address of an nginx before a service, with nothing kept yet."""
    here, port = folder / f"cache-{secrets.token_hex(4)}", free_port()
    (here / "temp").mkdir(parents=True)
    conf = here / "nginx.conf"
    conf.write_text(_CACHE.format(here=here, host=LOOPBACK, port=port, service=service))
    program = ["/usr/sbin/nginx", "-p", str(here), "-c", str(conf), "-e", "stderr"]
    process = ChildProcess("nginx", program, log_path=here / "nginx.log")
    try:
        process.wait_until(lambda: is_listening(port), timeout_s=30)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.stop()


def _told(statuses: Counter[str]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))


@contextmanager
def _standing() -> Iterator[tuple[Stack, str]]:
    """The platform with an open election in which some have voted."""
    with temporary_directory() as name:
        directory = Path(name)
        stack = Stack(directory, TestAuthority(utc_now, secrets.token_bytes), announce=print)
        with stack:
            uuid = asyncio.run(_voted(stack, directory))
            stack.open_board()
            yield stack, uuid


async def _voted(stack: Stack, directory: Path) -> str:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=_VOTERS, seed=20261128)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            await referendum.vote(polls, referendum.plan_visits(), lambda: None)
    return referendum.officers.election_uuid


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long a reader looks at each page")
    seconds = parser.parse_args().seconds
    taken = taken_by(f"make bench-board SECONDS={seconds}")
    tell(
        "public-pages",
        taken,
        f"In Debian's Chromium, on a platform with an election in which {_VOTERS} have voted; each question then "
        f"{_ASKED} times in a row. A 304 saves the line and not the service, which makes the answer to compare it; "
        "what saves the service is a cache before it, which asks once a second however many read.",
        *measure(seconds),
    )


if __name__ == "__main__":
    main()
