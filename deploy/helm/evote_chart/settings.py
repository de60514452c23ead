"""Which settings of the services the chart's templates give, and which a city may give beside them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evote_auth.settings import AuthSettings
from evote_ballot.settings import BallotSettings
from evote_biometric.settings import BiometricSettings
from evote_ledger_anchor.chain_settings import EthereumSettings, FabricSettings
from evote_ledger_anchor.settings import LedgerSettings
from evote_platform.settings import MigrationSettings
from evote_tally.settings import TallySettings
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

CHART: Final = Path(__file__).parents[1] / "evote"
SETTINGS: Final[Mapping[str, tuple[type[BaseSettings], ...]]] = {
    "auth": (AuthSettings,),
    "biometric": (BiometricSettings,),
    "ballot": (BallotSettings,),
    "ledger-anchor": (LedgerSettings, EthereumSettings, FabricSettings),
    "tally": (TallySettings,),
}
"""What each service reads from its environment. The classes of the chains are read where one of theirs is set."""
MIGRATION: Final = MigrationSettings
_NAMED = re.compile(r"\bEVOTE_([A-Z0-9_]+)\b")


def fields_of(service: str) -> dict[str, FieldInfo]:
    """Every setting of a service, by its name in the class."""
    return {name: field for settings in SETTINGS[service] for name, field in settings.model_fields.items()}


def given_by_templates(service: str) -> set[str]:
    """The settings that the chart's templates give the service, as they are named in the classes.

    A folder of templates is one service's; what stands above them is for all.
    """
    sources = [CHART / "templates/_pod.tpl", *sorted((CHART / "templates" / service).iterdir())]
    return {name.lower() for source in sources for name in _NAMED.findall(source.read_text("utf-8"))}


def left_to_the_city(service: str) -> dict[str, FieldInfo]:
    """The settings that stand under ``settings`` in the values: all that the templates don't give."""
    given = given_by_templates(service)
    return {name: field for name, field in fields_of(service).items() if name not in given}


def says(service: str, name: str) -> str:
    """What the class says of a setting: the text below it."""
    for settings in SETTINGS[service]:
        for owner in settings.__mro__:
            if name in getattr(owner, "__annotations__", {}):
                return _texts(owner).get(name, "")
    return ""


def _texts(owner: type[Any]) -> dict[str, str]:
    body = ast.parse(inspect.getsource(owner)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - the source of a class
    found: dict[str, str] = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = " ".join(text.value.value.split())
    return found
