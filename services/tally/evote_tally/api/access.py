"""Which trustee is meant, how endpoints reach the service, and how large its large bodies are."""

from __future__ import annotations

from typing import Annotated, Final

from evote_platform.access import running_service
from evote_platform.bodylimit import BodyUpTo
from fastapi import Depends, Path

from ..domain.drafting import MAX_TRUSTEES
from ..service import TallyService

TrusteePath = Annotated[int, Path(ge=1, le=MAX_TRUSTEES, description="The trustee's number, from 1.")]
Service = Annotated[TallyService, Depends(running_service)]
LARGE_BODY: Final = BodyUpTo(1024 * 1024)
"""A draft with all its questions, or a trustee's message about them."""
