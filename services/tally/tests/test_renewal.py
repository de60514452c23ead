"""A trustee's key, and the certificate that came with it, are replaced by two officers, before anyone commits."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace

import pytest
from evote_ceremony.messages import Step
from evote_eventlog.events import (
    CertificateReceived,
    ElectionEventData,
    PolynomialCommitted,
    TrusteeKeyRenewed,
)
from evote_local.people.rehearsal import Rehearsal
from evote_local.testbed import eventually
from evote_officers import acts
from evote_officers.commands import COMMAND_SCHEME, authorization
from evote_tally.domain.facts import FactKey, key_of, stands

UUID = "4yP2vbZnkbxpPG"
LINE = Rehearsal(["甲"]).trustees[0].key


def certificate(trustee: int, text: str = "{}") -> CertificateReceived:
    return CertificateReceived(election_uuid=UUID, trustee=trustee, certificate=text, statement="")


def renewed(trustee: int, number: int = 1) -> TrusteeKeyRenewed:
    return TrusteeKeyRenewed(election_uuid=UUID, trustee=trustee, number=number, key=LINE)


def committed(trustee: int) -> PolynomialCommitted:
    return PolynomialCommitted(election_uuid=UUID, trustee=trustee, commitment="0" * 64, statement="")


def standing(*events: ElectionEventData) -> list[ElectionEventData]:
    keys: set[FactKey] = set()
    kept = []
    for event in events:
        if stands(event, keys):
            keys.add(key_of(event, keys))
            kept.append(event)
    return kept


def slug(response) -> str:
    return response.json()["type"].removeprefix("urn:tsukuba-evote:problem:")


def test_a_certificate_stands_once_for_each_key_of_its_trustee() -> None:
    first, second = certificate(1, "first"), certificate(1, "second")
    assert standing(first, second) == [first]
    assert standing(first, renewed(1), second, certificate(1, "third")) == [first, renewed(1), second]
    assert standing(first, renewed(2), second) == [first, renewed(2)]


def test_a_renewal_that_is_published_twice_is_one_and_none_stands_behind_a_commitment() -> None:
    assert standing(renewed(1), renewed(1), renewed(1, 2)) == [renewed(1), renewed(1, 2)]
    begun = [certificate(1), certificate(2), committed(1)]
    assert standing(*begun, renewed(2)) == begun


def test_nobody_commits_with_the_certificate_of_a_key_that_was_replaced() -> None:
    before = [certificate(1), renewed(1)]
    assert standing(*before, committed(1)) == before


async def send(officer, trustee: int, key: str, *, alone: bool = False):
    body = json.dumps({"key": key}).encode()
    path = acts.RENEW_TRUSTEE.path_of(officer.uuid, trustee=trustee)
    first = officer.staff.sato.officer.command(
        acts.RENEW_TRUSTEE, path, body, reason="鍵ファイルの紛失", now=officer.clock(), random=secrets.token_bytes
    )
    statements = [first] if alone else [first, officer.staff.suzuki.officer.cosign(first)]
    headers = {"Authorization": authorization(COMMAND_SCHEME, statements), "Content-Type": "application/json"}
    return await officer.client.post(path, content=body, headers=headers)


@pytest.mark.stack
async def test_the_old_key_is_refused_at_once_and_the_ceremony_goes_on_with_the_new_one(
    officer, stand_ins, facts_of
) -> None:
    await officer.draft()
    old = replace((await officer.plan()).trustees[1])
    await officer.hold_ceremony(until=Step.COMMITMENT)
    before = await officer.plan()
    by_the_others = await officer.say(1, Step.CERTIFICATE)
    by_the_old_key, over_old_certificates = (
        await officer.say(2, Step.CERTIFICATE),
        await officer.say(1, Step.COMMITMENT),
    )
    new = officer.trustees.renew(2)
    alone = await send(officer, 2, new, alone=True)
    assert (alone.status_code, slug(alone)) == (403, "second-person-needed")
    for _ in range(2):
        assert (await send(officer, 2, new)).status_code == 200
    stolen = await officer.submit(by_the_old_key)
    assert (stolen.status_code, slug(stolen)) == (403, "not-signed-by-trustee")
    shown = (await officer.get("")).json()["trustees"][1]
    assert (shown["key"], shown["drafted_key"], shown["certificate"]) == (new, old.key, False)
    early = await officer.submit(over_old_certificates)
    assert (early.status_code, slug(early), early.json()["waiting_for"]) == (409, "ceremony-step-not-yet", [2])
    for back in (old.key, before.trustees[0].key, "ed25519:x", f" {LINE}"):
        refused = await send(officer, 2, back)
        assert (refused.status_code, slug(refused)) == (422, "key-refused")
    assert (await officer.submit(await officer.say(2, Step.CERTIFICATE))).status_code == 200
    assert (await officer.submit(by_the_others)).status_code == 200, "its certificate is what it was"
    stale = await officer.submit(over_old_certificates)
    assert (stale.status_code, slug(stale)) == (409, "another-ceremony")
    officer.trustees.forget(Step.COMMITMENT, 1)
    await stand_ins.auth.publish_credentials(officer.uuid, "Ed25519", 2)
    await eventually(lambda: officer.freezes(2))
    await officer.hold_ceremony()
    late = await send(officer, 3, LINE)
    assert (late.status_code, slug(late)) == (409, "committed-already")
    await officer.confirm_all()
    assert (await officer.post("/open")).json()["state"] == "open"
    assert (await facts_of(officer.uuid)).count("TrusteeKeyRenewed") == 1
    signed = (await officer.get("/commands")).json()["commands"]
    assert [len(command["statements"]) for command in signed] == [2, 1, 2, 2], "draft, freeze, opening, renewal"
