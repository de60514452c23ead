"""What the OpenAPI document of every service says about its problems: their form, and all kinds that there are."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from .members import MEMBERS
from .problems import ProblemTable

_TEXT: Final = {"type": "string"}


def describe_problems(app: FastAPI, problems: ProblemTable) -> None:
    """Add the schema ``ProblemDocument`` to the app's document: every member, and the kinds as ``x-kinds``."""
    undescribed = app.openapi

    def openapi() -> dict[str, Any]:
        document = undescribed()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["ProblemDocument"] = _problem_document(problems)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _problem_document(problems: ProblemTable) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "type": {**_TEXT, "description": "ends with the slug that programs know the kind by"},
            "title": {**_TEXT, "description": "what happened, in Japanese"},
            "status": {"type": "integer"},
            "detail": {**_TEXT, "description": "what to do, in Japanese"},
            "en": {
                "type": "object",
                "description": "the same in English",
                "properties": {"title": _TEXT, "detail": _TEXT},
                "required": ["title", "detail"],
            },
            **{name: MEMBERS[name] for name in sorted({name for kind in problems.kinds() for name in kind.members})},
        },
        "required": ["type", "title", "status", "detail", "en"],
        "x-kinds": _kinds(problems),
    }


def _kinds(problems: ProblemTable) -> list[dict[str, object]]:
    kinds = {(kind.slug, kind.status): kind for kind in problems.kinds()}
    return [
        {
            "slug": slug,
            "status": status,
            "title": kind.japanese.title,
            "en": kind.english.title,
            "members": sorted(kind.members),
        }
        for (slug, status), kind in sorted(kinds.items())
    ]
