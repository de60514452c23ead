"""Answers as pages read them: JSON, and RFC 9457 problem documents for refusals."""

from __future__ import annotations

import base64
from typing import Final

from starlette.responses import JSONResponse

from .cards import SignedRelease, Tries
from .reports import READY, Refused, Report

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:tsukuba-evote:problem:"


def refusal_response(refused: Refused) -> JSONResponse:
    """The problem document: English in the standard members, Japanese under ``ja``, ``tries_left`` for a wrong PIN."""
    report = refused.report
    document = {"type": f"{_TYPE_PREFIX}{report.slug}", "status": report.status, **_wording(report)}
    if refused.tries_left is not None:
        document["tries_left"] = refused.tries_left
    headers = {}
    if report.retry_after_s is not None:
        headers["Retry-After"] = str(report.retry_after_s)
    if report.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(document, report.status, headers, PROBLEM_MEDIA_TYPE)


def ready_response(tries: Tries) -> JSONResponse:
    """The state of a card that can be used."""
    left = {"pin_tries_left": tries.pin, "password_tries_left": tries.password}
    return JSONResponse({"state": READY.slug, **_wording(READY), **left})


def state_response(report: Report) -> JSONResponse:
    """The state of this PC when no card can be used; the report says what is in the way."""
    return JSONResponse({"state": report.slug, **_wording(report)})


def release_response(challenge_id: str, release: SignedRelease) -> JSONResponse:
    """What auth takes for a release, so that the page can post it unchanged."""
    return JSONResponse(
        {
            "challenge_id": challenge_id,
            "user_certificate": _base64(release.user_certificate),
            "challenge_signature": _base64(release.challenge_signature),
            "signature_certificate": _base64(release.signature_certificate),
            "statement_signature": _base64(release.statement_signature),
        }
    )


def _wording(report: Report) -> dict[str, object]:
    japanese, english = report.japanese, report.english
    return {
        "title": english.title,
        "detail": english.detail,
        "ja": {"title": japanese.title, "detail": japanese.detail},
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
