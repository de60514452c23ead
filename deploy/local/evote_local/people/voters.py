"""Simulated voters: each with a card of their own, encrypting on their own side, over HTTP only."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import numpy as np
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_belenios.ballots import generate_ballot, tracker_of
from evote_belenios.credentials import public_credential
from evote_belenios.election import Election, parse_election
from evote_belenios.holder import prove_holding
from evote_belenios.order import OrderStatement, parse_order, sign_order, verify_order
from evote_jpki.card import JpkiCard
from evote_jpki.emulator import EmulatedCard
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION
from evote_tlog.merkle import leaf_hash

from .coming_again import ASK_AGAIN_S, told_to_wait_s
from .face import FaceWay
from .log_lookup import KnownBallot, PublicLog
from .occasions import DeviceOccasion, LyingService

USER_PIN = "1234"
SIGNATURE_PASSWORD = "TSUKUBA1"  # noqa: S105 - of emulated cards
Answering = Callable[[EmulatedCard, Mapping[str, Any]], Awaitable[dict[str, str]]]
"""Answers auth's challenge with a card: what the voter does with it."""

_ATTEMPTS = 60
_FROM_THE_EDGE = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
"""What stands before the services lost the replica that it had asked. Whoever is told so asks again, and it is noted as
any other 5xx: an edge is part of the deployment."""
_SPENT = ("challenge-replayed", "challenge-expired", "order-used")
"""A release broke off before auth had kept its evidence, or a verdict was lost on its way: all begins anew."""
_BEFORE_RECORDING = (":close-pending", ":overloaded")
"""Ends of the types of ballot's 503 by which an attempt recorded nothing."""
_JUDGED_WITHIN_S = 120
"""Pictures wait for those of others, and take a processor for seconds."""
_STATUS_WITHIN_S = 120
_LOOK_AGAIN_S = 0.5
_PLAIN_HTTP = ssl.create_default_context()


class VoterRefused(Exception):
    """A service refused a voter for good: ``status`` and the problem document's ``problem``."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(f"refused with {status}: {problem}")
        self.status = status
        self.problem = problem

    @property
    def slug(self) -> str:
        """The end of the problem's type."""
        return str(json.loads(self.problem)["type"]).rsplit(":", 1)[-1]


@dataclass(frozen=True)
class Refusal:
    """A request that a service did not serve, for a reason that isn't the voter's."""

    at: float
    """When that was known, by ``time.perf_counter``."""
    status: int | None
    """From 500 on; None: no answer at all."""


@dataclass
class Measurements:
    """Latencies in seconds that voters saw, and what the services did not serve."""

    release_s: list[float] = field(default_factory=list)
    """Of voters whose card is emulated in their own process: the others type, and wait for a reader."""
    cast_s: list[float] = field(default_factory=list)
    logged_s: list[float] = field(default_factory=list)
    anchored_s: list[float] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    faces_refused: Counter[str] = field(default_factory=Counter)
    """Bursts of pictures that biometric refused, by its reasons; who has attempts left tries again."""

    @property
    def unavailable(self) -> int:
        """How often a service said 503 or did not answer."""
        return sum(refusal.status in (None, HTTPStatus.SERVICE_UNAVAILABLE) for refusal in self.refusals)

    def refused(self, status: int | None) -> None:
        """A request was not served just now."""
        self.refusals.append(Refusal(time.perf_counter(), status))


@dataclass(frozen=True)
class Cast:
    """A ballot that a voter has a receipt for."""

    tracker: str
    choice: str
    """What the voter meant, in words; known to the simulation alone."""
    receipt: dict[str, object]
    sent_at: float
    """When it was first posted, by ``time.perf_counter``."""
    answered_s: float
    """From then to the receipt, in seconds."""
    ballot: str = field(repr=False)
    order: OrderStatement = field(repr=False)
    attempts: int = 1
    """How often it was posted until there was a receipt."""

    def known(self, credential: str) -> KnownBallot:
        """What the device keeps: with the receipt it finds the ballot in the log. ``credential`` is the public one."""
        uuid, accepted_at = str(self.receipt["election_uuid"]), str(self.receipt["accepted_at"])
        return KnownBallot(uuid, credential, self.ballot, self.order, accepted_at)


@dataclass
class Posted:
    """A ballot's text that was sent at all, whatever came of it: what may be in an archive, and nothing else may."""

    voter: int
    choice: str
    tracker: str
    number: int = 0
    """The last one that its order was signed for."""
    unanswered: int = 0
    """Attempts of which nothing told whether the ballot was recorded: without a receipt it may be in the log."""

    def sent(self, number: int) -> None:
        """Just now, under an order of that number; :meth:`answered` or nothing follows."""
        self.number = number
        self.unanswered += 1

    def answered(self, status: int, text: str) -> None:
        """To the last attempt. Some 503 say that it recorded nothing; all other answers from 500 on leave that open."""
        before_recording = status == HTTPStatus.SERVICE_UNAVAILABLE and any(kind in text for kind in _BEFORE_RECORDING)
        if before_recording or status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self.unanswered -= 1


@dataclass(frozen=True)
class Sealed:
    """A ballot and the whole body that is posted, made before its voter comes."""

    choice: str
    ballot: str = field(repr=False)
    order: OrderStatement = field(repr=False)
    body: str = field(repr=False)


@dataclass
class Voter:
    """One person: the card, the credential once released, and every receipt, oldest first."""

    number: int
    card: EmulatedCard
    reader: Answering | None = field(default=None, repr=False)
    """Signs with the card in a reader, through the card agent; None: with the emulated card in this process."""
    by_phone: str | None = None
    """The card's name at the stand-in of the phone's app, for who holds it to a phone; None: they come by reader."""
    code: str | None = field(default=None, repr=False)
    """The voting code of the letter, for who comes by code and face; None: they come by card."""
    judged_s: float | None = None
    """From sending the pictures of the face to the verdict, once there is one."""
    bursts: int = 0
    """How often they have sat before the camera."""
    credential: str | None = field(default=None, repr=False)
    casts: list[Cast] = field(default_factory=list)
    last_number: int = 0
    """The number of the last ballot of this credential that the device has found in the log."""


def open_client(timeout_s: float = 30) -> httpx.AsyncClient:
    """A voter's own connection; the TLS context is shared because making one takes longer than a vote."""
    return httpx.AsyncClient(timeout=timeout_s, verify=_PLAIN_HTTP)


def status_url(ballot_url: str, election_uuid: str, tracker: str) -> str:
    """Where ballot tells how far a ballot is; written as a browser does, since an edge may make one slash of two."""
    return f"{ballot_url}/elections/{election_uuid}/status/{quote(tracker, safe='')}"


class PollingDay:
    """Lets voters authenticate, encrypt, cast and check, and measures what they saw."""

    def __init__(
        self,
        *,
        election_json: str,
        auth_url: str,
        ballot_urls: Sequence[str],
        log: PublicLog,
        executor: Executor,
        random: Random,
        face: FaceWay | None = None,
    ) -> None:
        """``executor`` runs the encryption where it isn't compiled: the voters' own CPU, apart from the event loop.

        ``face`` is needed where somebody comes by code and face.
        """
        self._log = log
        self._face = face
        self.election: Election = parse_election(election_json)
        self._election_json = election_json
        self._auth_url = auth_url
        self._ballot_urls = list(ballot_urls)
        self._executor = executor
        self._random = random
        self._receipt_key: Ed25519PublicKey | None = None
        self.measured = Measurements()
        self.posted: list[Posted] = []

    async def obtain_credential(self, voter: Voter, client: httpx.AsyncClient) -> str:
        """Authenticate by the voter's way in and receive the private credential (design, trust split: auth)."""
        started = time.perf_counter()
        for _ in range(_ATTEMPTS):
            occasion = DeviceOccasion(self.election.uuid)  # fresh keys each time
            try:
                if voter.code is not None:
                    voter.credential = await self._release_by_face(voter, voter.code, occasion, client)
                elif voter.by_phone is not None:
                    voter.credential = await self._release_by_phone(voter.by_phone, occasion, client)
                else:
                    voter.credential = await self._release(voter, occasion, client)
            except VoterRefused as refused:
                if refused.slug not in _SPENT:
                    raise
            else:
                if voter.reader is None and voter.code is None:
                    self.measured.release_s.append(time.perf_counter() - started)
                return voter.credential
        raise TimeoutError(f"no credential after {_ATTEMPTS} attempts")

    async def _release(self, voter: Voter, occasion: DeviceOccasion, client: httpx.AsyncClient) -> str:
        """One challenge answered. When only auth's answer was lost, the same request gets it again."""
        base = f"{self._auth_url}/elections/{self.election.uuid}"
        asked = {"device_key": occasion.device_key}
        challenge = (await self._retrying(lambda: client.post(f"{base}/challenges", json=asked))).json()
        occasion.check_challenge(challenge)
        if voter.reader is None:
            answer = await asyncio.to_thread(answer_challenge, voter.card, challenge)
        else:
            answer = await voter.reader(voter.card, challenge)
        request = occasion.card_request(answer)
        response = await self._retrying(lambda: client.post(f"{base}/releases", json=request))
        return occasion.credential(response.json(), challenge["challenge_id"])

    async def _release_by_phone(self, card: str, occasion: DeviceOccasion, client: httpx.AsyncClient) -> str:
        """To the app, where a card is held to the phone, and back with a code and all that the page had known."""
        base = f"{self._auth_url}/elections/{self.election.uuid}"
        asked = {"device_key": occasion.device_key}
        visit = (await self._retrying(lambda: client.post(f"{base}/phone-visits", json=asked))).json()
        occasion.check_challenge(visit)
        state = occasion.phone_state(visit["challenge_id"])
        app = httpx.URL(visit["authorization_url"]).copy_merge_params({"state": state})
        await self._retrying(lambda: client.get(app))
        sent_back = await client.post(app, data={"card": card})
        came_back = dict(parse_qsl(urlsplit(sent_back.headers.get("location", "")).fragment))
        if "code" not in came_back:
            raise VoterRefused(sent_back.status_code, sent_back.text)
        returned, challenge_id = DeviceOccasion.of_phone_state(came_back["state"])
        request = returned.phone_request(challenge_id, came_back["code"])
        response = await self._retrying(lambda: client.post(f"{base}/phone-releases", json=request))
        return returned.credential(response.json(), challenge_id)

    async def _release_by_face(
        self, voter: Voter, code: str, occasion: DeviceOccasion, client: httpx.AsyncClient
    ) -> str:
        """auth's order for the code, biometric's verdict on the face, and auth's release for the verdict."""
        if self._face is None:
            raise ValueError("somebody comes by code and face, and these polls know no way in by face")
        base = f"{self._auth_url}/elections/{self.election.uuid}"
        asked = occasion.order_request(code, self._face.code_key)
        order = str((await self._retrying(lambda: client.post(f"{base}/face-orders", json=asked))).json()["order"])
        occasion.check_order(order)
        verdict = await self._show_face(self._face, voter, order, client)
        order_id = str(json.loads(order)["order_id"])
        request = occasion.face_request(order_id, verdict)
        response = await self._retrying(lambda: client.post(f"{base}/face-releases", json=request))
        return occasion.credential(response.json(), order_id)

    async def _show_face(self, face: FaceWay, voter: Voter, order: str, client: httpx.AsyncClient) -> str:
        """Do before the camera what biometric asks for, until there is a verdict or no attempt is left.

        Pictures that nobody could look at are taken anew: a verification takes one burst, and its attempt is given
        back.
        """
        verifications = f"{face.biometric_url}/verifications"
        for _ in range(_ATTEMPTS):
            begun = (await self._retrying(lambda: client.post(verifications, json={"order": order}))).json()
            sitting = voter.bursts % len(face.poses.sittings)
            voter.bursts += 1
            burst = await asyncio.to_thread(face.poses.burst, sitting, begun["actions"], np.random.default_rng())
            await asyncio.sleep(burst.seconds)
            sent_at = time.perf_counter()
            try:
                answer = await self._attempt(
                    client.post(
                        f"{verifications}/{begun['verification_id']}/frames",
                        data={"nonce": begun["nonce"], "timestamps": ",".join(map(str, burst.times_ms))},
                        files=[("frames", ("frame.jpg", frame, "image/jpeg")) for frame in burst.frames],
                        timeout=_JUDGED_WITHIN_S,
                    )
                )
            except VoterRefused as refused:
                if refused.slug != "face-refused":
                    raise
                told = json.loads(refused.problem)
                self.measured.faces_refused[told["reason"]] += 1
                if not told["attempts_left"]:
                    raise
                continue
            if isinstance(answer, httpx.Response):
                voter.judged_s = time.perf_counter() - sent_at
                return str(answer.json()["verdict"])
            await asyncio.sleep(answer)
        raise TimeoutError(f"no verdict after {_ATTEMPTS} attempts")

    async def encrypt(self, voter: Voter, choices: list[list[int]]) -> str:
        """A ballot of the voter's, by their own device."""
        if voter.credential is None:
            raise ValueError("a voter encrypts after obtaining the credential")
        if self.election.compiled is not None:  # it needs no lock of Python's, and a process would cost more than it
            device = partial(generate_ballot, self.election, voter.credential, choices, secrets.token_bytes)
            return await asyncio.to_thread(device)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, encrypt, self._election_json, voter.credential, choices)

    async def cast(self, voter: Voter, choice: str, choices: list[list[int]], client: httpx.AsyncClient) -> Cast:
        """Encrypt, and cast that ballot."""
        return await self.cast_ballot(voter, choice, await self.encrypt(voter, choices), client)

    async def cast_ballot(self, voter: Voter, choice: str, ballot: str, client: httpx.AsyncClient) -> Cast:
        """Post to any replica until there is a receipt, and check the receipt's signature.

        The same bytes are posted again when the answer is lost, so a voter never votes twice by accident. The number
        is one above that of the last ballot that the device found *in the log*. A number that only the ballot service
        vouched for could be a lie, by which it gets a ballot signed that it may bring after the voter's newest one.
        """
        if voter.credential is None:
            raise ValueError("a voter casts after obtaining the credential")
        if voter.casts:
            await self._find_in_log(voter, voter.casts[-1].tracker, client)
        started = time.perf_counter()
        posted = Posted(voter.number, choice, tracker_of(ballot))
        self.posted.append(posted)
        try:
            response, order, attempts = await self._post(voter, voter.credential, ballot, posted, client)
        except VoterRefused as refused:
            if refused.slug != "older-than-your-last-ballot":
                raise
            # Another device of this voter was here, or this one has forgotten.
            last = json.loads(refused.problem)["last_tracker"]
            if last == posted.tracker:
                raise LyingService("the ballot that is not taken stands already") from None
            await self._find_in_log(voter, last, client)
            response, order, attempts = await self._post(voter, voter.credential, ballot, posted, client)
        answered_s = time.perf_counter() - started
        self.measured.cast_s.append(answered_s)
        receipt = response.json()
        await self._check_receipt(receipt, ballot)
        cast = Cast(posted.tracker, choice, receipt, started, answered_s, ballot, order, attempts)
        voter.casts.append(cast)
        return cast

    def seal(self, credential: str, choice: str, ballot: str) -> Sealed:
        """A first ballot, ready to be posted: for who sends it otherwise than :meth:`cast_ballot` does."""
        order = _sign(self.election, credential, ballot, 1)
        return Sealed(choice, ballot, order, _body(ballot, order))

    async def keep(self, sealed: Sealed, receipt: dict[str, object], sent_at: float, answered_s: float) -> Cast:
        """What the receipt that was answered is worth, once its signature is checked."""
        await self._check_receipt(receipt, sealed.ballot)
        return Cast(str(receipt["tracker"]), sealed.choice, receipt, sent_at, answered_s, sealed.ballot, sealed.order)

    async def read(self, url: str, client: httpx.AsyncClient) -> httpx.Response:
        """What anybody may read; asked for again where nobody could serve it."""
        return await self._retrying(lambda: client.get(url))

    async def wait_until_logged(self, cast: Cast, client: httpx.AsyncClient) -> None:
        """Ask for the status until a signed checkpoint covers the ballot; record how long it took."""
        await self._wait_for(cast.tracker, client, lambda status: status["state"] != "accepted")
        self.measured.logged_s.append(time.perf_counter() - cast.sent_at)

    async def wait_until_witnessed(self, cast: Cast, client: httpx.AsyncClient) -> None:
        """Ask for the status until enough witnesses have cosigned a checkpoint that covers the ballot."""
        await self._wait_for(cast.tracker, client, lambda status: status["state"] in ("witnessed", "anchored"))

    async def wait_until_anchored(self, cast: Cast, client: httpx.AsyncClient) -> None:
        """Ask for the status until a final block of a chain covers the ballot; record how long it took."""
        await self._wait_for(cast.tracker, client, lambda status: status["state"] == "anchored")
        self.measured.anchored_s.append(time.perf_counter() - cast.sent_at)

    async def shows(self, cast: Cast, voter: Voter, client: httpx.AsyncClient) -> bool:
        """Whether the log has a ballot, shown by its receipt and its own text alone."""
        assert voter.credential is not None  # noqa: S101 - who cast has one
        public = public_credential(voter.credential, self.election.uuid, self.election.group)
        return await self._log.holds(cast.known(public).record(), client)

    async def missing(self, casts: Mapping[str, Cast], client: httpx.AsyncClient, *, within_s: float) -> list[str]:
        """Which ballots the log doesn't get in that time, each known by its receipt and its own text alone.

        ``casts`` by anything that names them, which is what is returned of those that are missing. Raises as
        ``PublicLog.leaves``.
        """
        sought = {name: self._leaf(cast) for name, cast in casts.items()}
        gives_up_at = time.monotonic() + within_s
        while True:
            there = await self._log.leaves(client)
            sought = {name: leaf for name, leaf in sought.items() if leaf not in there}
            if not sought or time.monotonic() > gives_up_at:
                return list(sought)
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _leaf(self, cast: Cast) -> bytes:
        public = json.loads(cast.ballot)["credential"]
        return leaf_hash(cast.known(public).record())

    async def _post(
        self, voter: Voter, credential: str, ballot: str, posted: Posted, client: httpx.AsyncClient
    ) -> tuple[httpx.Response, OrderStatement, int]:
        """The receipt's answer, the order statement that was sent, and how often it was."""
        order = _sign(self.election, credential, ballot, voter.last_number + 1)
        body, attempts = _body(ballot, order), 0

        async def send() -> httpx.Response:
            nonlocal attempts
            attempts += 1
            posted.sent(order.number)
            answer = await self._send(body, client)
            posted.answered(answer.status_code, answer.text)
            return answer

        return await self._retrying(send), order, attempts

    async def _send(self, body: str, client: httpx.AsyncClient) -> httpx.Response:
        """One try, at any replica."""
        return await client.post(self.any_box(), content=body, headers={"Content-Type": "application/json"})

    def any_box(self) -> str:
        """Where ballots are posted: any replica's address of it."""
        return f"{self._random.choice(self._ballot_urls)}/elections/{self.election.uuid}/ballots"

    async def _own_record(self, credential: str, tracker: str, client: httpx.AsyncClient) -> bytes:
        """What the service shows to whoever proves to hold the credential; nothing of it is verified."""
        uuid, group = self.election.uuid, self.election.group
        url, public = f"{self._ballot_urls[0]}/elections/{uuid}/own-ballots", public_credential(credential, uuid, group)
        gives_up_at = time.monotonic() + _STATUS_WITHIN_S
        while time.monotonic() < gives_up_at:
            challenge = (await self._retrying(lambda: client.post(f"{url}/challenges"))).json()["challenge"]
            signature = prove_holding(credential, uuid, group, challenge, secrets.token_bytes).to_json()
            body = {"credential": public, "challenge": challenge, "signature": signature}
            told = await self._retrying(partial(client.post, url, json=body))
            for item in told.json()["items"]:
                if item["tracker"] == tracker and item["record"] is not None:
                    return str(item["record"]).encode()
            # Another replica took it: this one's tables show it in a moment.
            await asyncio.sleep(0.05)
        raise LyingService("the ballot that stands is none of this credential")

    async def _find_in_log(self, voter: Voter, tracker: str, client: httpx.AsyncClient) -> None:
        """Take a ballot of the voter's for the last one: only if the log has it, under this credential's signature."""
        assert voter.credential is not None  # noqa: S101 - who casts has one
        record = await self._own_record(voter.credential, tracker, client)
        shown = json.loads(record)["data"]
        order = parse_order(shown["order"], self.election.group)
        if shown["tracker"] != tracker:
            raise LyingService("the service shows another ballot")
        public = public_credential(voter.credential, self.election.uuid, self.election.group)
        verify_order(order, election_uuid=self.election.uuid, tracker=tracker, credential=public)
        gives_up_at = time.monotonic() + _STATUS_WITHIN_S
        while not await self._log.holds(record, client):
            if time.monotonic() > gives_up_at:
                raise LyingService("the log doesn't get the ballot that stands")
            await asyncio.sleep(0.05)
        voter.last_number = max(voter.last_number, order.number)

    async def _wait_for(
        self, tracker: str, client: httpx.AsyncClient, reached: Callable[[dict[str, object]], bool]
    ) -> dict[str, object]:
        url = status_url(self._ballot_urls[0], self.election.uuid, tracker)
        gives_up_at = time.monotonic() + _STATUS_WITHIN_S
        while time.monotonic() < gives_up_at:
            try:
                response = await client.get(url)
            except httpx.TransportError:
                # A replica that restarts, or one that closed the idle connection just now: asked again.
                self.measured.refused(None)
            else:
                if response.is_server_error:
                    self.measured.refused(response.status_code)
                if response.status_code == 200 and reached(status := response.json()):
                    return dict(status)
            await asyncio.sleep(0.05)
        raise TimeoutError(f"ballot {tracker} stood still for {_STATUS_WITHIN_S} s")

    async def _check_receipt(self, receipt: dict[str, object], ballot: str) -> None:
        if self._receipt_key is None:
            async with open_client() as client:
                response = await self._retrying(lambda: client.get(f"{self._ballot_urls[0]}/receipt-key"))
            self._receipt_key = Ed25519PublicKey.from_public_bytes(base64.b64decode(response.json()["public_key"]))
        check_receipt(receipt, ballot, self._receipt_key)

    async def _retrying(self, request: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Repeat a request over lost connections and 503 answers; raise when the refusal is for good."""
        for _ in range(_ATTEMPTS):
            answer = await self._attempt(request())
            if isinstance(answer, httpx.Response):
                return answer
            await asyncio.sleep(answer)
        raise TimeoutError(f"no answer after {_ATTEMPTS} attempts")

    async def _attempt(self, request: Awaitable[httpx.Response]) -> httpx.Response | float:
        """The answer of one request, or in how many seconds to ask again when nobody could answer it."""
        try:
            response = await request
        except httpx.TransportError:
            self.measured.refused(None)
            return ASK_AGAIN_S
        if response.is_server_error:
            self.measured.refused(response.status_code)
        if response.status_code in _FROM_THE_EDGE:
            return ASK_AGAIN_S
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            return told_to_wait_s(response)
        if not response.is_success:
            raise VoterRefused(response.status_code, response.text)
        return response


def encrypt(election_json: str, credential: str, choices: list[list[int]]) -> str:
    """What the voter's device does: encrypt, prove and sign. Runs in a worker process."""
    global _parsed
    if _parsed is None or _parsed[0] != election_json:
        _parsed = (election_json, parse_election(election_json))
    return generate_ballot(_parsed[1], credential, choices, secrets.token_bytes)


_parsed: tuple[str, Election] | None = None


def cast_body(election: Election, credential: str, ballot: str, number: int) -> str:
    """What the voter's device posts: the ballot, and its order signed with the private credential."""
    return _body(ballot, _sign(election, credential, ballot, number))


def _sign(election: Election, credential: str, ballot: str, number: int) -> OrderStatement:
    return sign_order(credential, election.uuid, election.group, tracker_of(ballot), number, secrets.token_bytes)


def _body(ballot: str, order: OrderStatement) -> str:
    # As the page's JSON.stringify writes it: no other text costs a replica what a voter's does.
    return json.dumps({"ballot": ballot, "order": order.to_json()}, separators=(",", ":"))


def check_receipt(receipt: dict[str, object], ballot: str, key: Ed25519PublicKey) -> None:
    """Raise ``ValueError`` unless the receipt is for this ballot and signed by the ballot service."""
    body = {name: value for name, value in receipt.items() if name != "signature"}
    if body.get("tracker") != tracker_of(ballot):
        raise ValueError("the receipt is for another ballot")
    try:
        key.verify(base64.b64decode(str(receipt["signature"])), rfc8785.dumps(json.loads(json.dumps(body))))
    except InvalidSignature:
        raise ValueError("the receipt's signature does not hold") from None


def answer_challenge(emulated: EmulatedCard, challenge: Mapping[str, Any]) -> dict[str, str]:
    """What the voter does with the card: type the PIN and the password, and sign the two texts."""
    card = JpkiCard(emulated.transmit)
    card.verify_pin(USER_AUTHENTICATION, USER_PIN)
    card.verify_pin(DIGITAL_SIGNATURE, SIGNATURE_PASSWORD)
    answer = {
        "user_certificate": card.read_certificate(USER_AUTHENTICATION),
        "challenge_signature": card.sign(USER_AUTHENTICATION, challenge["challenge"].encode()),
        "signature_certificate": card.read_certificate(DIGITAL_SIGNATURE),
        "statement_signature": card.sign(DIGITAL_SIGNATURE, challenge["release_statement"].encode()),
    }
    encoded = {name: base64.b64encode(content).decode() for name, content in answer.items()}
    return {"challenge_id": challenge["challenge_id"], **encoded}
