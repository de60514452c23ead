"""The first look at what a voter posts, before any cryptography: enough to know what to verify and to ask for."""

from __future__ import annotations

import hashlib

import orjson
from evote_belenios.admission import ExaminedCast
from evote_belenios.ballots import claims_of, digest_of, tracker_of
from evote_belenios.errors import BeleniosError
from evote_belenios.groups import group_of_element
from evote_belenios.jsontext import Fields, Json, load
from evote_belenios.order import parse_order
from evote_eventlog.events import BallotAccepted, BallotOrder, OrderSignature

from .refusals import InvalidBallot, InvalidOrder, MalformedJson, WrongElection


def open_cast(body: bytes, election_uuid: str) -> BallotAccepted:
    """The event that a body asks for: ``{"ballot": "<the ballot's exact text>", "order": <its order statement>}``.

    Nothing of it is verified. Raises ``MalformedJson``, ``InvalidBallot``, ``InvalidOrder``, or ``WrongElection`` when
    the ballot names another election than the one it was sent to.
    """
    return _open_at_once(body, election_uuid) or _open_by_definition(body, election_uuid)


def _open_at_once(body: bytes, election_uuid: str) -> BallotAccepted | None:
    """The cast of a body that is one without question, as devices write it; None where the definition has to look.

    A text that ``orjson`` writes again byte for byte is compact and gives no field twice; the event's schema is strict
    and closed; and what is left, the ballot's beginning and that numbers are reduced, is asked here.
    """
    try:
        value = orjson.loads(body)
        ballot = value["ballot"]
        uuid, credential = claims_of(ballot)
        cast = BallotAccepted(
            election_uuid=uuid, credential=credential, tracker=tracker_of(ballot), ballot=ballot, order=value["order"]
        )
        signature, order = cast.order.signature, group_of_element(credential).order
        is_cast = (
            uuid == election_uuid
            and len(value) == 2
            and int(signature.challenge) < order
            and int(signature.response) < order
            and orjson.dumps(value) == body
        )
    except (BeleniosError, KeyError, TypeError, ValueError):
        return None
    return cast if is_cast else None


def _open_by_definition(body: bytes, election_uuid: str) -> BallotAccepted:
    try:
        value = load(body.decode())
    except (UnicodeDecodeError, BeleniosError):
        raise MalformedJson from None
    try:
        fields = Fields(value, "cast")
        ballot, order = fields.text("ballot"), fields.value("order")
        fields.end()
        uuid, credential = claims_of(ballot)
    except BeleniosError as error:
        raise InvalidBallot(error.rule, error.section, error.detail) from None
    if uuid != election_uuid:
        raise WrongElection
    return BallotAccepted(
        election_uuid=uuid,
        credential=credential,
        tracker=tracker_of(ballot),
        ballot=ballot,
        order=_open_order(order, credential),
    )


def ciphertext_digests(ballot: str) -> tuple[str, ...]:
    """SHA-256 (hex) of each ``alpha,beta`` in a ballot's text, as ``evote_belenios`` computes them, but at no cost.

    None when the text has no ciphertexts in their place: such a ballot is not acceptable, and copying it harms nobody;
    nor does it when the text is none that the protocol takes, and has some for this parser.
    """
    try:
        value = orjson.loads(ballot)
        texts = [
            f"{choice['alpha']},{choice['beta']}".encode()
            for answer in value["answers"]
            for choice in answer["choices"]
        ]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(hashlib.sha256(text).hexdigest() for text in texts)


def examined_when_opened(cast: BallotAccepted) -> ExaminedCast:
    """What a record of a cast says by itself, as ``examine_cast`` finds it.

    For one that :func:`open_cast` has made, from the ballot alone, and whose order statement was verified since.
    """
    return ExaminedCast(cast, digest_of(cast.tracker), None)


def _open_order(value: Json, credential: str) -> BallotOrder:
    try:
        order = parse_order(value, group_of_element(credential))
    except BeleniosError as error:
        raise InvalidOrder(error.rule, error.section, error.detail) from None
    signature = OrderSignature(challenge=str(order.signature.challenge), response=str(order.signature.response))
    return BallotOrder(number=order.number, signature=signature)
