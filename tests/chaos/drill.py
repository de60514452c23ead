"""A drill: parts of a platform are lost while people vote, and what the operator sees is printed (`make drill`).

Each scene ends as its runbook says that it is over, and where people go on to vote with evote-verify. It takes minutes,
since alerts wait before they wake anybody; so it is no part of ``make test``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml
from evote_local.nodes.prometheus import Prometheus
from evote_local.people.voters import open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import WEIGHTS, Stack

from ..platforms import running_stack
from . import keys, losses, troubles
from .scene import Scene

pytestmark = [pytest.mark.stack, pytest.mark.timeout(3600)]

RULES: Final = sorted((Path(__file__).parents[2] / "deploy/monitoring/rules").glob("*.yml"))
TICKETS_WAIT: Final = "30s"
"""How long a ticket's condition must hold in a drill. Ours wait for up to a quarter of an hour, which promtool tries
(tests/contract/test_alerts.py); a page waits here as long as it does."""

SCENES: Final[Mapping[str, Callable[[Scene], Awaitable[None]]]] = {
    "codes": troubles.a_batch_of_letters_is_wrong,
    "authority": troubles.the_certificate_authority_is_away_until_its_lists_end,
    "flood": troubles.somebody_floods_auth,
    "kafka": losses.kafka_is_lost_and_comes_back,
    "log": losses.the_log_is_lost_and_comes_back,
    "database": losses.the_database_is_lost_and_comes_back,
    "chain": losses.chain_and_witnesses_are_lost_and_come_back,
    "closing": troubles.polls_close_while_tally_and_the_broker_are_away,
    "face": losses.the_face_service_reads_no_faces,
    "officer": troubles.an_officers_key_is_compromised,
    "scraper": keys.a_scrapers_token_is_compromised,
    "password": keys.a_database_password_is_compromised,
    "witness": keys.a_witnesss_key_is_compromised,
    "anchorer": keys.the_anchorers_key_is_compromised,
    "letters": keys.the_key_of_voting_codes_is_compromised,
    "verdicts": keys.the_keys_of_orders_and_verdicts_are_compromised,
    "volume": losses.kafkas_volume_is_restored_and_tables_are_made_again,
    "vault": losses.auths_vault_is_restored_and_says_what_the_backup_has_not,
}
"""By the names that `make drill SCENES=` takes; who has a long window comes first."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With the face service, whose weights a scene takes away for a while."""
    weights = tmp_path_factory.mktemp("models") / "weights"
    weights.symlink_to(WEIGHTS.resolve())
    with running_stack(weights) as running:
        yield running


@pytest.fixture
def prometheus(stack: Stack, tmp_path: Path) -> Iterator[Prometheus]:
    targets = [service.url.removeprefix("http://") for service in stack.services]
    token = stack.identities.staff.scraper_token
    rules = [_with_quick_tickets(file, tmp_path) for file in RULES]
    # Its answers may take as long: a busy machine's replicas are slow, not away.
    with Prometheus(tmp_path / "prometheus", targets=targets, token=token, rules=rules, every="5s") as running:
        yield running


def _with_quick_tickets(rules: Path, directory: Path) -> Path:
    """Our rules as they are, but for how long a ticket's condition must hold."""
    read = yaml.safe_load(rules.read_text())
    for group in read["groups"]:
        for rule in group["rules"]:
            if rule.get("labels", {}).get("severity") == "ticket" and "for" in rule:
                rule["for"] = TICKETS_WAIT
    copy = directory / rules.name
    copy.write_text(yaml.safe_dump(read))
    return copy


def test_each_loss_is_seen_by_the_operator_and_over_as_its_runbook_says(
    stack: Stack, prometheus: Prometheus, tmp_path: Path
) -> None:
    asked = os.environ.get("DRILL_SCENES", "").split() or list(SCENES)
    assert SCENES.keys() >= set(asked), f"there are the scenes {' '.join(SCENES)}"
    asyncio.run(_drill(stack, prometheus, tmp_path, asked))


async def _drill(stack: Stack, prometheus: Prometheus, directory: Path, asked: list[str]) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=3, seed=39)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            scene = Scene(stack, prometheus, referendum, polls, client, directory)
            for voter in referendum.voters:
                await polls.obtain_credential(voter, client)
            await scene.cast(referendum.voters[0])
            print(f"\n  our alerts; tickets call after {TICKETS_WAIT} here, pages after as long as they do")
            for name in asked:
                play = SCENES[name]
                print(f"\n  {name}: {play.__name__.replace('_', ' ')}", flush=True)
                await play(scene)
        if scene.later:
            print("\n  behind the last scene")
            await scene.until_over(*scene.later)
        counts = await referendum.close_and_count()
        assert counts == referendum.expected_result(), "each voter's last ballot counts, and no other"
        print(f"  closed and counted: {counts}, each voter's last ballot")
