"""Scenes of the drill in which a key is in others' hands: docs/runbooks/incidents.md, "A key is compromised"."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from evote_anchors.anchor import Anchor
from evote_anchors.errors import AnchorRefused
from evote_anchors.ethereum.fees import FeePolicy
from evote_anchors.ethereum.key import load_key
from evote_anchors.ethereum.writer import EthereumWriter, SendingPolicy
from evote_local.people.occasions import DeviceOccasion
from evote_local.referendum.verification import verify_as_auditor
from evote_local.stack.databases import DATABASE
from evote_local.stack.identities import LOG_ORIGIN
from evote_local.stack.service import Service
from evote_local.stack.witnesses import majority_policy
from evote_local.testbed import patiently
from evote_platform.database import Schema
from evote_platform.roles import service_role

from ..e2e.evote_command import run_evote_together
from ..e2e.standing.test_face_releases import verdict
from .scene import Scene, log_lines, refusal, type_line


async def a_scrapers_token_is_compromised(scene: Scene) -> None:
    """Another token beside it, Prometheus asks with that, and the old one's entry ends: nobody falls silent."""
    staff, roster_file = scene.stack.identities.staff, scene.stack.identities.roster_file
    stolen = staff.scraper_token
    assert await _metrics(scene, stolen) == "200"
    print("    whoever has the token reads figures of the services, and nothing of a voter")
    token = scene.directory / "token"
    made = type_line("openssl", "rand", "-hex", "32")
    token.write_text(made.stdout.strip())
    staff.scraper_token = token.read_text()
    roster, now = json.loads(roster_file.read_text()), datetime.now(UTC).isoformat()
    digest = hashlib.sha256(staff.scraper_token.encode()).hexdigest()
    roster["scrapers"].append({"name": "監視 2", "token_sha256": digest, "valid_from": now})
    _put(roster_file, json.dumps(roster, ensure_ascii=False))
    scene.prometheus.show_token(staff.scraper_token)
    await _all_are_read_again(scene)
    print("    the roster has another token beside it, and Prometheus asks with that: all replicas are read")
    roster["scrapers"][0]["valid_until"] = datetime.now(UTC).isoformat()
    _put(roster_file, json.dumps(roster, ensure_ascii=False))
    refused = await _metrics(scene, stolen)
    print(f"    the entry of the old one has ended: who asks with it is told {refused}")
    assert refused == "401 scraper-unknown"
    await _all_are_read_again(scene)
    await scene.figures("min(up)")


async def _metrics(scene: Scene, token: str) -> str:
    url = f"{scene.stack.ballots[0].url}/metrics"
    answer = await scene.client.get(url, headers={"Authorization": f"Bearer {token}"})
    return "200" if answer.status_code == 200 else refusal(answer)


async def _all_are_read_again(scene: Scene) -> None:
    """Every replica was read, well, since now."""
    since = time.time()

    async def so() -> bool:
        read = await asyncio.to_thread(scene.prometheus.values, "min(timestamp(up) * up)")
        return [when > since for _, when in read] == [True]

    await patiently(so)


async def a_database_password_is_compromised(scene: Scene) -> None:
    """Ballot's: a new one, both replicas started anew with it, and every session of before ended."""
    stack, voter = scene.stack, scene.referendum.voters[0]
    role = service_role(Schema("ballot", Path()))
    stolen = stack.ballots[0].environment["EVOTE_DATABASE_URL"]
    thief = await asyncpg.connect(stolen)
    assert await thief.fetchval("SELECT count(*) FROM ballot.ballots") is not None
    print(f"    whoever has it is {role}, and changes its tables")
    password = secrets.token_urlsafe(24)
    url = stack.postgres.dsn_of(role, password, DATABASE)
    administrator = await asyncpg.connect(stack.database_url)
    await administrator.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
    print(rf"    $ psql … \password {role}")
    for replica in stack.ballots:
        await _restart(replica, EVOTE_DATABASE_URL=url)
        await scene.cast(voter)
    print("    both replicas were started anew with it, one after the other, and a voter casts at each step")
    assert await thief.fetchval("SELECT count(*) FROM ballot.ballots") is not None
    print("    the thief's session of before still reads: a password is asked for at its beginning alone")
    ended = await administrator.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
    await administrator.close()
    print(f"    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}': {len(ended)} sessions")
    assert await _refused(thief.fetchval("SELECT 1")) is not None
    again = await _refused(asyncpg.connect(stolen))
    assert isinstance(again, asyncpg.InvalidPasswordError)
    print(f"    the thief's has ended, and a new one is refused: {again}")
    last = await scene.cast(voter)
    await scene.polls.wait_until_logged(last, scene.client)
    for replica in stack.ballots:
        await asyncio.to_thread(replica.wait_well)
        await scene.statusz(replica)
    assert await scene.figures("sum(evote_ledger_tampering_standing)") == {"": 0}
    await scene.nothing_is_lost()


async def _refused(asked: object) -> Exception | None:
    try:
        await asked  # type: ignore[misc]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return error
    return None


async def a_witnesss_key_is_compromised(scene: Scene) -> None:
    """The policy without it, and with as many cosignatures as before: what trustees' programs noted still holds."""
    stack, voter = scene.stack, scene.referendum.voters[0]
    stolen, *others = stack.vouching.witnesses
    before = stack.vouching.policy_file.read_text()
    after = majority_policy(others, stack.identities.log_key)
    print(f"    {stolen.name}'s key is in others' hands: the policy is written without it, two as before")
    policy = scene.directory / "policy-2.txt"
    policy.write_text(after)
    for line in after.splitlines():
        print(f"      {line[:100]}")
    await _restart(stack.ledger_anchor, EVOTE_WITNESS_POLICY_FILE=str(policy))
    stolen.kill()
    anchored = await scene.cast(voter)
    await scene.polls.wait_until_anchored(anchored, scene.client)
    print("    a ballot is logged, witnessed by the two others and anchored")
    for text, whose in ((after, "the new policy"), (before, "the one of before, as trustees' programs noted it")):
        said = await _verified(scene, policy=text)
        print(f"    evote-verify by {whose}: {said}")
    others[-1].kill()
    waits = await scene.cast(voter)
    await scene.polls.wait_until_logged(waits, scene.client)
    await scene.until_shown("max(evote_witness_lag_entries) > 0")
    print("    with one more away the log waits for witnesses: there is none to spare until another one is named")
    await asyncio.to_thread(others[-1].start)
    await scene.polls.wait_until_anchored(waits, scene.client)
    await asyncio.to_thread(stolen.start)


async def the_anchorers_key_is_compromised(scene: Scene) -> None:
    """docs/runbooks/anchoring.md, "Ethereum", 3: another key with a contract of its own."""
    stack, voter = scene.stack, scene.referendum.voters[0]
    chain = stack.chain
    await scene.polls.wait_until_anchored(await scene.cast(voter), scene.client)
    contract, options = chain.contract, chain.auditor_options
    stolen = load_key(Path(stack.ledger_anchor.environment["EVOTE_ETHEREUM_KEY_FILE"]))
    await asyncio.to_thread(chain.replace_key)
    print("    $ evote-ledger-anchor deploy-contract   (another key)")
    for name in ("EVOTE_ETHEREUM_CONTRACT", "EVOTE_ETHEREUM_FIRST_BLOCK"):
        print(f"      {name}={chain.settings[name]}")
    await _restart(stack.ledger_anchor, **chain.settings)
    last = await scene.cast(voter)
    await scene.polls.wait_until_anchored(last, scene.client)

    async def is_there() -> bool:
        told = (await scene.client.get(f"{stack.ledger_anchor.url}/coverage")).json()
        return any(one["verified_size"] for one in told["chains"])

    await patiently(is_there)
    print(f"    ledger-anchor was started anew; a ballot is anchored at {chain.contract.account}")
    print(f"    evote-verify by the new address: {await _verified(scene)}")
    print(f"    evote-verify by the old one:     {await _verified(scene, chain=options)}")
    foreign = Anchor(LOG_ORIGIN, 10**9, secrets.token_bytes(32))
    thief = SendingPolicy(FeePolicy(10**11, 10**9), replace_after_s=60)
    try:
        await EthereumWriter(chain.contract, stolen, thief, time.monotonic).submit(foreign)
    except AnchorRefused as refused:
        print(f"    the old key anchors nothing there: {refused}")
    else:
        raise AssertionError("the new contract took an anchor of the old key")
    await EthereumWriter(contract, stolen, thief, time.monotonic).submit(foreign)
    told = len(log_lines(stack.ledger_anchor, "chain-trouble"))
    last = await scene.cast(voter)
    await scene.polls.wait_until_anchored(last, scene.client)
    assert len(log_lines(stack.ledger_anchor, "chain-trouble")) == told
    await scene.until_shown("sum(evote_ledger_tampering_standing) == 0")
    print("    it anchors a size of a thousand million at the old one: nobody goes by that any more")
    await scene.nothing_is_lost()


async def _verified(scene: Scene, *, chain: Sequence[str] | None = None, policy: str | None = None) -> str:
    """What evote-verify says last, to the auditor who goes by these; it must accept."""
    await scene.verify()
    receipt = scene.referendum.voters[0].casts[-1].receipt
    said = await verify_as_auditor(scene.stack, scene.client, receipt, scene.directory, chain=chain, policy=policy)
    assert said.accepted, said.output
    return said.output.splitlines()[-1].strip()


async def the_key_of_voting_codes_is_compromised(scene: Scene) -> None:
    """A new pair, its public half to the page, and codes anew: what was recorded on the way may have been read."""
    stack = scene.stack
    voter, before = scene.referendum.voter_id(2), stack.identities.voting_code_key
    code = (await _issue_codes(scene, "before", scene.directory))[voter]
    assert await _order(scene, code, before) == "201"
    print("    whoever has the key reads the codes that were recorded on their way to auth")
    key_file = scene.directory / "voting-code-key-2.pem"
    type_line("openssl", "genpkey", "-algorithm", "X25519", "-out", key_file)
    key = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, X25519PrivateKey)
    await _restart(stack.auth, EVOTE_VOTING_CODE_KEY_FILE=str(key_file))
    stack.identities = replace(stack.identities, voting_code_key_file=key_file, voting_code_key=key.public_key())
    print(f"    auth was started anew; a page that still has the old key is told: {await _order(scene, code, before)}")
    assert await _order(scene, code, before) != "201"
    assert await _order(scene, code, key.public_key()) == "201"
    print("    a page with the new one opens the way, with the old letter too: so codes are issued anew")
    anew = (await _issue_codes(scene, "after", scene.directory))[voter]
    told = await _order(scene, code, key.public_key())
    print(f"      the letter of before: {told}")
    assert (told, await _order(scene, anew, key.public_key())) == ("403 voting-code-unknown", "201")
    print("      the new letter:       201")


async def _issue_codes(scene: Scene, name: str, directory: Path) -> dict[str, str]:
    """Codes of all voters, anew if they had some; what the file for the printer says."""
    out, command = directory / f"codes-key-{name}.csv", directory / f"codes-key-{name}.command"
    words = ["face", "codes", scene.uuid, "--out", str(out), "--reason", "鍵の漏えい", "--yes"]
    for issue in ("", "1", "2", "3", "4"):
        replaces = ["--replaces", issue] if issue else []
        done = await run_evote_together(scene.stack, *scene.two_officers, command, *words, *replaces)
        if done.returncode == 0:
            print(" ".join(("    $ evote face codes …", *replaces)))
            with out.open() as file:
                return {row["voter_id"]: row["voting_code"] for row in csv.DictReader(file)}
        command.unlink(missing_ok=True)
    raise AssertionError(done.stderr)


async def _order(scene: Scene, code: str, key: X25519PublicKey) -> str:
    """What a page is told that shows a typed code to auth, sealed to this key."""
    answer = await scene.client.post(
        f"{scene.stack.auth.url}/elections/{scene.uuid}/face-orders",
        json=DeviceOccasion(scene.uuid).order_request(code, key),
    )
    return "201" if answer.status_code == 201 else refusal(answer)


async def the_keys_of_orders_and_verdicts_are_compromised(scene: Scene) -> None:
    """A new pair each, and each side has the other's public half; the auditor goes by both keys of verdicts."""
    stack, directory = scene.stack, scene.directory
    voter = scene.referendum.voter_id(1)
    code = (await _issue_codes(scene, "verdicts", directory))[voter]
    stolen = load_pem_private_key(stack.identities.face_verdict_key_file.read_bytes(), None)
    assert isinstance(stolen, Ed25519PrivateKey)
    assert await _come_by_face(scene, code, stolen) == "200"
    print("    who has the key of verdicts and a voter's code comes in without a face")
    stack.biometric.stop()
    print("    biometric is stopped: nobody comes by face until both have new keys")
    new = {name: directory / f"{name}-key-2.pem" for name in ("order", "verdict")}
    public = {name: directory / f"{name}-key-2.pub.pem" for name in new}
    for name, file in new.items():
        type_line("openssl", "genpkey", "-algorithm", "ED25519", "-out", file)
        type_line("openssl", "pkey", "-in", file, "-pubout", "-out", public[name])
    await _restart(
        stack.auth,
        EVOTE_FACE_ORDER_KEY_FILE=str(new["order"]),
        EVOTE_BIOMETRIC_PUBLIC_KEY_FILE=str(public["verdict"]),
    )
    await _restart(
        stack.biometric,
        EVOTE_VERDICT_KEY_FILE=str(new["verdict"]),
        EVOTE_AUTH_PUBLIC_KEY_FILE=str(public["order"]),
    )
    stack.identities = replace(
        stack.identities,
        face_order_key_file=new["order"],
        face_order_public_key_file=public["order"],
        face_verdict_key_file=new["verdict"],
        face_verdict_public_key_file=public["verdict"],
    )
    told = await _come_by_face(scene, code, stolen)
    print(f"    auth and biometric were started anew: a verdict under the old key is told {told}")
    assert told.startswith("4")
    key = load_pem_private_key(new["verdict"].read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    assert await _come_by_face(scene, code, key) == "200"
    print("    one under the new key lets the voter in")
    await asyncio.to_thread(stack.biometric.wait_well)
    await scene.statusz(stack.biometric)


async def _come_by_face(scene: Scene, code: str, key: Ed25519PrivateKey) -> str:
    """A device with a voter's code, and a verdict that this key signed; no face is shown to anybody."""
    base, occasion = f"{scene.stack.auth.url}/elections/{scene.uuid}", DeviceOccasion(scene.uuid)
    asked = occasion.order_request(code, scene.stack.identities.voting_code_key)
    order = json.loads((await scene.client.post(f"{base}/face-orders", json=asked)).raise_for_status().json()["order"])
    said = verdict(occasion, order["voter_ref"], key, order["order_id"])
    answer: httpx.Response = await scene.client.post(
        f"{base}/face-releases", json=occasion.face_request(order["order_id"], said)
    )
    return "200" if answer.status_code == 200 else refusal(answer)


async def _restart(service: Service, **settings: str) -> None:
    service.stop()
    service.environment = {**service.environment, **settings}
    service.start()
    await asyncio.to_thread(service.wait_ready)


def _put(file: Path, text: str) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(text)
    draft.replace(file)
