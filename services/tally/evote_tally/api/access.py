"""Which trustee is meant, and how endpoints reach the service."""

from __future__ import annotations

from typing import Annotated

from evote_platform.access import running_service
from fastapi import Depends, Path

from ..domain.drafting import MAX_TRUSTEES
from ..service import TallyService

TrusteePath = Annotated[int, Path(ge=1, le=MAX_TRUSTEES, description="The trustee's number, from 1.")]
Service = Annotated[TallyService, Depends(running_service)]
