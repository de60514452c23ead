"""Scenes of the drill in which the parts work and people can't vote: docs/runbooks/incidents.md says what is done."""

from __future__ import annotations

import asyncio
import csv
import json
import secrets
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from evote_auth.domain.voting_codes import new_voting_code
from evote_cli.officer_key import read_officer_key
from evote_jpki.authority import OCSP_PATH
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.staff import DEPLOYMENT
from evote_local.people.voters import Cast, Voter, VoterRefused, answer_challenge, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.identities import OFFICER_PASSWORD
from evote_local.testbed import patiently

from ..e2e.evote_command import run_evote, run_evote_together
from .scene import Scene, log_lines, refusal, show, type_line

_WRONG = 400
"""Refusals of each kind together: more than one in two seconds over the ten minutes that the rule looks at."""
_AT_ONCE = 40
_LISTS_LAST = timedelta(seconds=100)
_SHORT_WINDOW, _BEFORE_THE_HOUR = timedelta(minutes=5), timedelta(seconds=20)
_FLOOD = 3000
"""Requests: more than five a second over the five minutes that the rule looks at."""
_SHOWN: Final = 10
"""Voters after whom checks for revocation are counted: two for each, in twenties (ADR 39)."""
_UNENTITLED = "職員名簿に、あなたの鍵"
_LIMIT = "EVOTE_ADDRESS_REQUESTS_PER_MINUTE"
_REFUSED_BY_SERVICE = (
    'sum by (service, type) (rate(evote_problems_total{type=~"rate-limited|overloaded"}[5m])'
    " * on (instance) group_left (service) evote_build_info)"
)


async def a_batch_of_letters_is_wrong(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "Many wrong PINs or codes": letters whose codes nobody has; issued anew."""
    first = await _issue_codes(scene, "first")
    limit, told = asyncio.Semaphore(_AT_ONCE), Counter[str]()

    async def type_code(code: str) -> None:
        async with limit:
            told[await _show_code(scene, code)] += 1

    await type_code(new_voting_code(secrets.token_bytes).shown)
    await scene.until_counted("voting-code-unknown")
    print(f"    {_WRONG} people type what a wrong batch of letters says, 20 more mistype theirs")
    async with asyncio.TaskGroup() as people:
        for _ in range(_WRONG):
            people.create_task(type_code(new_voting_code(secrets.token_bytes).shown))
        for _ in range(20):
            people.create_task(type_code("0000-0000-0000-0001"))
    for answer, times in told.most_common():
        print(f"      {times} times {answer}")
    await scene.until_called("EvoteManyRefused")
    counted = await scene.figures(
        'sum by (type) (evote_problems_total{type=~"voting-code-.*|bad-.*-signature|too-many-.*|rate-limited"})'
    )
    assert counted["voting-code-unknown"] >= _WRONG
    print("    the desk: they are persons who called. Officers issue codes anew")
    second = await _issue_codes(scene, "second", "--replaces", "1")
    voter = scene.referendum.voter_id(1)
    print(f"      the letter of before: {await _show_code(scene, first[voter])}")
    print(f"      the new letter:       {await _show_code(scene, second[voter])}")
    assert await _show_code(scene, first[voter]) == "403 voting-code-unknown"
    assert await _show_code(scene, second[voter]) == "201"
    words = ("face", "reissue", scene.uuid, "--voter-id", voter, "--reason", "封書の紛失、窓口で本人確認")
    done = await run_evote(scene.stack, *words)
    assert done.returncode == 0, done.stderr
    assert await _show_code(scene, second[voter]) == "403 voting-code-unknown"
    assert await _show_code(scene, done.stdout.split()[-1]) == "201"
    print("    $ evote face reissue …: that voter's code of the desk opens the way, and the letter's no more")
    scene.over_later("EvoteManyRefused")


async def _issue_codes(scene: Scene, name: str, *more: str) -> dict[str, str]:
    out, command = scene.directory / f"codes-{name}.csv", scene.directory / f"codes-{name}.command"
    words = ["face", "codes", scene.uuid, "--out", str(out), "--reason", "封書の誤り", "--yes", *more]
    done = await run_evote_together(scene.stack, *scene.two_officers, command, *words)
    show(["face", "codes", "…", *more], done)
    with out.open() as file:
        return {row["voter_id"]: row["voting_code"] for row in csv.DictReader(file)}


async def _show_code(scene: Scene, code: str) -> str:
    """Ask for an order for a typed code, as a voter's page does; what is told."""
    occasion = DeviceOccasion(scene.uuid)
    asked = occasion.order_request(code, scene.stack.identities.voting_code_key)
    answer = await scene.client.post(f"{scene.stack.auth.url}/elections/{scene.uuid}/face-orders", json=asked)
    return "201" if answer.status_code == 201 else refusal(answer)


async def the_certificate_authority_is_away_until_its_lists_end(scene: Scene) -> None:
    """docs/runbooks/revocation.md: while one source tells voters come in; with both away nobody does, by card."""
    stack = scene.stack
    one, two, three = scene.referendum.voters
    stack.stop_authority()
    for _ in range(_SHOWN):
        await scene.polls.obtain_credential(one, scene.client)
    print(f"    the responder is away; {_SHOWN} come in by the list, which are as many as metrics tell of")
    ask = await _responder_question(scene)
    assert type_line(*ask).returncode != 0
    await scene.until_called("EvoteRevocationResponderAway")
    await scene.figures('sum by (source, outcome) (evote_auth_revocation_checks_total{source="ocsp"})')

    stack.hand_over_lists(stack.authority.crl_pem(_LISTS_LAST))
    print(f"    nobody has fetched new lists: they end in {_LISTS_LAST.total_seconds():.0f} s")
    await scene.until_called("EvoteRevocationListsEnd")
    # While a responder's URL is set, `/statusz` says nothing of lists, since that one may tell.
    await scene.until_shown("min(evote_auth_revocation_lists_end_timestamp_seconds) - time() < 0")
    refused = await _with_a_card(scene, two)
    assert refused.startswith("503 revocation-unknown"), refused
    print(f"    the lists have ended; who comes with a card is told: {refused}")
    await scene.until_called("EvoteCardsCannotBeChecked")
    await scene.statusz(stack.auth)
    await scene.cast(one)
    print("    who has a credential votes on")

    lists, ca = scene.directory / "new.pem", stack.ca_bundle_file
    lists.write_bytes(stack.authority.crl_pem())
    for number, block in enumerate(lists.read_bytes().split(b"-----END X509 CRL-----\n")[:-1]):
        each = scene.directory / f"new-{number}.pem"
        each.write_bytes(block + b"-----END X509 CRL-----\n")
        assert (
            type_line("openssl", "crl", "-in", each, "-noout", "-issuer", "-lastupdate", "-nextupdate").returncode == 0
        )
        assert "verify OK" in type_line("openssl", "crl", "-in", each, "-CAfile", ca, "-noout").stderr
    read = len(log_lines(stack.auth, "authorities-read"))
    stack.hand_over_lists(lists.read_bytes())

    async def is_read() -> bool:
        return len(log_lines(stack.auth, "authorities-read")) > read

    await patiently(is_read)
    print("    the new lists are in their place; auth's log: authorities-read")
    await scene.polls.obtain_credential(two, scene.client)
    print("    the voter who was turned away has come in, by the list again")
    await scene.until_over("EvoteRevocationListsEnd")
    await asyncio.to_thread(stack.start_authority)
    assert type_line(*ask).returncode == 0
    await scene.polls.obtain_credential(three, scene.client)
    await scene.statusz(stack.auth)
    scene.over_later("EvoteCardsCannotBeChecked")


async def _responder_question(scene: Scene) -> list[str | Path]:
    """The line of the runbook that asks the responder, for a voter's card."""
    card, ca = scene.directory / "card.pem", scene.stack.ca_bundle_file
    certificate = x509.load_der_x509_certificate(scene.referendum.voters[0].card.slots[0].certificate)
    card.write_bytes(certificate.public_bytes(Encoding.PEM))
    asked = ("-issuer", ca, "-cert", card, "-CAfile", ca, "-url", f"{scene.stack.authority_url}/{OCSP_PATH}")
    return ["openssl", "ocsp", *asked]


async def _with_a_card(scene: Scene, voter: Voter) -> str:
    """What a voter is told who comes once, with a card."""
    occasion = DeviceOccasion(scene.uuid)
    base = f"{scene.stack.auth.url}/elections/{scene.uuid}"
    challenge = (await scene.client.post(f"{base}/challenges", json={"device_key": occasion.device_key})).json()
    request = occasion.card_request(await asyncio.to_thread(answer_challenge, voter.card, challenge))
    answer = await scene.client.post(f"{base}/releases", json=request)
    return "200" if answer.status_code == 200 else refusal(answer)


async def polls_close_while_tally_and_the_broker_are_away(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "Closing while something is down": an election of its own comes to its hour."""
    stack, directory = scene.stack, scene.directory / "closing"
    directory.mkdir()
    referendum = Referendum(
        stack, scene.client, directory=directory, group="Ed25519", voters=4, seed=40, window=_SHORT_WINDOW
    )
    await referendum.prepare()
    referendum.issue_cards(lambda: None)
    with device_pool() as executor:
        polls = await referendum.open_polls(executor)
        here = replace(scene, referendum=referendum, polls=polls, directory=directory)
        for voter in referendum.voters:
            await polls.obtain_credential(voter, scene.client)
        first, second, third, late = referendum.voters
        await here.cast(first)
        stack.tally.kill()
        await here.cast(second)
        print(f"    polls close at {referendum.closes_at:%H:%M:%S}; tally is away, and people vote on")
        await scene.until_called("EvoteServiceAbsent")
        await _until_the_hour(referendum, less=_BEFORE_THE_HOUR)
        await here.cast(third)
        await asyncio.to_thread(stack.kafka.stop)
        print(f"    {datetime.now(UTC):%H:%M:%S}: three have a receipt, and the broker stops")
        coming = asyncio.create_task(here.cast(late))
        await _until_the_hour(referendum)
        await asyncio.to_thread(stack.kafka.start)
        print(f"    {datetime.now(UTC):%H:%M:%S}: the broker is back")
        behind = asyncio.create_task(here.cast(first))
        await scene.until_counted("close-pending")
        assert not behind.done()
        print("    who comes behind the hour is told to ask again: the close settles it, and tally is away")
        stack.tally.start()
        await asyncio.to_thread(stack.tally.wait_ready)
        print("    tally is back, and closes by itself")
        assert await _told(behind) == "election-closed"
        print("    who came behind the hour is told: election-closed")
        before = await _told(coming)
        print(f"    who came before it and had no answer is told: {before}")
        assert before in ("a receipt", "election-closed")
        await referendum.officers.wait_for(["tallied"])
        await scene.until_over("EvoteServiceAbsent")
        assert await scene.figures("sum(evote_ledger_leading)") == {"": 1}
        words = ("election", "show", here.uuid)
        show(("election", "show", "選挙ID"), await run_evote(stack, *words))
        blank, counted, other = await referendum.count()
        # What came before the hour may have reached Kafka though nobody acknowledged it: then its voter was told.
        assert (blank, other) == (0, 0) and counted == 3 + (before == "a receipt")
        print(f"    trustees have decrypted: {counted} ballots, those with a receipt and no other")
        await here.nothing_is_lost()


async def _told(casting: asyncio.Task[Cast]) -> str:
    """What a voter is told at last: that there is a receipt, or why there is none."""
    try:
        await casting
    except VoterRefused as refused:
        return refused.slug
    return "a receipt"


async def _until_the_hour(referendum: Referendum, less: timedelta = timedelta(0)) -> None:
    assert referendum.closes_at is not None
    left = (referendum.closes_at - less - datetime.now(UTC)).total_seconds()
    assert left > 0 or not less, "this machine was too slow for an election of so few minutes"
    await asyncio.sleep(max(0, left))


async def somebody_floods_auth(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "A flood": from one address, at the limit that auth has by itself."""
    stack = scene.stack
    lax = stack.auth.environment
    stack.auth.stop()
    stack.auth.environment = {name: value for name, value in lax.items() if name != _LIMIT}
    stack.auth.start()
    await asyncio.to_thread(stack.auth.wait_ready)
    asked = {"device_key": DeviceOccasion(scene.uuid).device_key}
    limit, told = asyncio.Semaphore(_AT_ONCE), Counter[str]()
    async with open_client() as flooding:

        async def ask() -> None:
            async with limit:
                answer = await flooding.post(f"{stack.auth.url}/elections/{scene.uuid}/challenges", json=asked)
                told["201" if answer.status_code == 201 else refusal(answer).split(",")[0]] += 1

        async def come(times: int) -> None:
            async with asyncio.TaskGroup() as flood:
                for _ in range(times):
                    flood.create_task(ask())

        await come(100)
        await scene.until_counted("rate-limited")
        await come(_FLOOD)
        counted = ", ".join(f"{times} times {what}" for what, times in told.most_common())
        print(f"    {_FLOOD} requests from one address: {counted}")
        assert told["429 rate-limited"] > _FLOOD // 2
        transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=transport, timeout=30) as elsewhere:
            await scene.polls.obtain_credential(scene.referendum.voters[0], elsewhere)
        print("    a voter at another address comes in")
        await scene.until_called("EvoteFlood")
        await scene.figures(_REFUSED_BY_SERVICE)
    await scene.cast(scene.referendum.voters[0])
    print("    who has a credential votes on; no replica was restarted for it")
    stack.auth.stop()
    stack.auth.environment = lax
    stack.auth.start()
    await asyncio.to_thread(stack.auth.wait_ready)
    scene.over_later("EvoteFlood")


async def an_officers_key_is_compromised(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "A key is compromised": its entry in the roster ends, and another one begins."""
    stack, identities = scene.stack, scene.stack.identities
    staff, preflight = identities.staff, ("election", "preflight", scene.uuid)
    assert _UNENTITLED not in (await run_evote(stack, *preflight, person="sato")).stderr
    print("    whoever has Sato's key reads what officers read, and could sign with a second person")
    key_file = scene.directory / "sato-2.key"
    words = ("officer", "keygen", "--officer-key", str(key_file), "--deployment", DEPLOYMENT, "--officer", "sato-2")
    made = await run_evote(stack, *words)
    show((*words[:2], "…", *words[-2:]), made)
    roster = json.loads(identities.roster_file.read_text())
    now = datetime.now(UTC).isoformat()
    (before,) = (person for person in roster["persons"] if person["id"] == "sato")
    after = {**before, "id": "sato-2", "keys": [made.stdout.split()[-1]], "valid_from": now}
    before["valid_until"] = now
    roster["persons"].append(after)
    draft = identities.roster_file.with_suffix(".new")
    draft.write_text(json.dumps(roster, ensure_ascii=False))
    draft.replace(identities.roster_file)
    print("    the roster: sato's entry has ended (it stays), sato-2 has begun; nothing is restarted")

    refused = await run_evote(stack, *preflight, person="sato")
    assert refused.returncode == 1 and _UNENTITLED in refused.stderr, refused
    print(f"    $ evote election preflight 選挙ID   (the old key)\n      {' '.join(refused.stderr.split())[:160]}")
    taken = ["face", "codes", scene.uuid, "--out", str(scene.directory / "stolen.csv"), "--reason", "盗", "--yes"]
    stolen = await run_evote_together(stack, "sato", "suzuki", scene.directory / "stolen.command", *taken)
    assert stolen.returncode == 1 and _UNENTITLED in stolen.stderr, stolen
    print(f"    two sign, one with the old key: {' '.join(stolen.stderr.split())[:140]}")
    identities.officer_key_files["sato-2"] = key_file
    staff.sato = replace(staff.sato, identifier="sato-2", key=read_officer_key(key_file, OFFICER_PASSWORD).key)
    assert _UNENTITLED not in (await run_evote(stack, *preflight, person="sato-2")).stderr
    print("    $ evote election preflight 選挙ID   (the new key): answered")
    listed = ("election", "commands", scene.uuid)
    commands = await run_evote(stack, *listed, person="sato-2")
    show(("election", "commands", "選挙ID"), commands)
    assert "sato" in commands.stdout
    await scene.cast(scene.referendum.voters[0])
    # What the old key signed in its time holds: the verifier reads the roster, too.
    await scene.nothing_is_lost()
