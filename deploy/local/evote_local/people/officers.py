"""What the election's officers do over HTTP: draft, roll, freeze, open, close, certify, download."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from .coming_again import is_to_come_again, told_to_wait_s
from .staff import Staff, StaffSignature
from .trustees import LocalTrustee

QUESTION = "総合運動公園の整備計画に賛成しますか。"
ANSWERS = ("賛成", "反対")
BLANK = "白票"
_RESULT_WAIT_S = 600


class StepRefused(Exception):
    """A service refused a step of the officers: ``step``, ``status`` and the problem document."""

    def __init__(self, step: str, response: httpx.Response) -> None:
        super().__init__(f"{step}: {response.status_code} {response.text}")
        self.step = step
        self.status = response.status_code


class Officers:
    """The officers' side of one referendum."""

    def __init__(self, client: httpx.AsyncClient, *, tally_url: str, auth_url: str, staff: Staff) -> None:
        self._client = client
        self.tally_url = tally_url
        self._auth_url = auth_url
        self._tally, self._auth = staff.signing("tally"), staff.signing("auth")
        self.election_uuid = ""

    def use(self, client: httpx.AsyncClient) -> None:
        """Go on with another connection, as on another day."""
        self._client = client

    async def draft(
        self, *, group: str, trustees: Sequence[LocalTrustee], threshold: int, opens_at: datetime, closes_at: datetime
    ) -> None:
        """Draft the referendum with the keys that the trustees handed over."""
        answer = await self._post(
            f"{self.tally_url}/elections",
            {
                "name": "つくば市模擬住民投票",
                "description": "架空の住民による模擬投票です。",
                "group": group,
                "administrator": "つくば市選挙管理委員会（模擬）",
                "questions": [{"question": QUESTION, "answers": list(ANSWERS), "blank": True, "min": 1, "max": 1}],
                "opens_at": _rfc3339(opens_at),
                "closes_at": _rfc3339(closes_at),
                "trustees": [{"name": trustee.name, "key": trustee.line} for trustee in trustees],
                "threshold": threshold,
            },
        )
        self.election_uuid = str(answer["election_uuid"])

    async def import_and_freeze_roll(self, roll: str, expected_size: int) -> None:
        """Hand the roll to auth, have the credentials published, and freeze the size at tally."""
        base = f"{self._auth_url}/elections/{self.election_uuid}/roll"
        response = await self._until_known(base, roll)
        _check("importing the roll", response)
        _check("freeze", await self._client.post(f"{base}/freeze", auth=self._auth))
        await self._repeat_while_conflict(
            f"{self.tally_url}/elections/{self.election_uuid}/roll/freeze", {"expected_size": expected_size}
        )

    async def enrol_face(self, voter_id: str, photo: bytes, biometric_url: str) -> None:
        """At the counter: two officers have a voter's photograph enrolled."""
        url = f"{self._auth_url}/elections/{self.election_uuid}/voters/{voter_id}/face-enrolment"
        ordered = await self._client.post(url, auth=self._auth)
        _check("ordering an enrolment", ordered)
        while True:
            enrolled = await self._client.post(
                f"{biometric_url}/enrolments",
                data={"order": ordered.json()["order"]},
                files={"photo": ("photo.jpg", photo, "image/jpeg")},
            )
            if not is_to_come_again(enrolled):
                break
            # The order stands while workers start or are busy, until it expires.
            await asyncio.sleep(told_to_wait_s(enrolled))
        _check("enrolling a face", enrolled)

    async def voting_codes(self) -> Mapping[str, str]:
        """Issue the codes of everybody's letter; by the voter's number on the roll."""
        url = f"{self._auth_url}/elections/{self.election_uuid}/voting-codes"
        issued = await self._client.post(url, json={}, auth=self._auth)
        _check("issuing voting codes", issued)
        *letters, _ = (json.loads(line) for line in issued.text.splitlines())
        return {letter["voter_id"]: letter["voting_code"] for letter in letters}

    async def open(self) -> None:
        """Open once preflight has nothing against it."""
        await self._repeat_while_conflict(f"{self.tally_url}/elections/{self.election_uuid}/open", None)

    async def close(self) -> None:
        """Close before the planned time."""
        await self._post(f"{self.tally_url}/elections/{self.election_uuid}/close", None)

    async def certify(self, archive: Path) -> None:
        """Download the archive to ``archive`` and certify exactly this one."""
        await self.download_archive(archive)
        digest = hashlib.sha256(await asyncio.to_thread(archive.read_bytes)).hexdigest()
        await self._post(f"{self.tally_url}/elections/{self.election_uuid}/certify", {"archive_sha256": digest})

    async def wait_for(self, states: Sequence[str]) -> None:
        """Wait until the election is in one of ``states``."""
        url = f"{self.tally_url}/elections/{self.election_uuid}"
        for _ in range(_RESULT_WAIT_S * 5):
            response = await self._client.get(url)
            if response.is_success and response.json()["state"] in states:
                return
            await asyncio.sleep(0.2)
        raise TimeoutError(f"the election did not become {' or '.join(states)} in {_RESULT_WAIT_S} s")

    async def text(self, name: str) -> str:
        """A public document of the election, such as ``election.json`` or ``result``."""
        response = await self._client.get(f"{self.tally_url}/elections/{self.election_uuid}/{name}")
        _check(f"reading {name}", response)
        return response.text

    async def result(self) -> list[int]:
        """The counts of the only question, in the order of the ciphertexts: blank first."""
        counts = json.loads(await self.text("result"))["result"][0]
        return [int(count) for count in counts]

    async def download_archive(self, path: Path, *, auditor: StaffSignature | None = None) -> None:
        """Download the archive as it is now; before the close for an auditor alone."""
        url = f"{self.tally_url}/elections/{self.election_uuid}/archive.bel"
        async with self._client.stream("GET", url, auth=auditor) as response:
            if not response.is_success:
                await response.aread()
            _check("downloading the archive", response)
            with path.open("wb") as file:
                async for chunk in response.aiter_bytes():
                    file.write(chunk)

    async def _until_known(self, url: str, roll: str) -> httpx.Response:
        """auth learns of the draft from the log, a moment after tally has answered."""
        headers = {"Content-Type": "text/csv; charset=utf-8"}
        for _ in range(100):
            response = await self._client.post(url, content=roll.encode(), headers=headers, auth=self._auth)
            if response.status_code != 404:
                break
            await asyncio.sleep(0.1)
        return response

    async def _repeat_while_conflict(self, url: str, body: object) -> None:
        """The services catch up with each other through the log: what is not ready yet answers 409."""
        for _ in range(100):
            response = await self._client.post(url, json=body, auth=self._tally)
            if response.status_code != 409:
                break
            await asyncio.sleep(0.3)
        _check(url.rsplit("/", 1)[-1], response)

    async def _post(self, url: str, body: object) -> dict[str, Any]:
        response = await self._client.post(url, json=body, auth=self._tally)
        _check(url.rsplit("/", 1)[-1], response)
        return dict(response.json())


def _check(step: str, response: httpx.Response) -> None:
    if not response.is_success:
        raise StepRefused(step, response)


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
