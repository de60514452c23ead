"""What endpoints depend on: the replica, and the type of what is downloaded line by line."""

from __future__ import annotations

from typing import Annotated

from evote_platform.access import running_service
from fastapi import Depends

from ..service import AuthService

NDJSON = "application/x-ndjson"
Service = Annotated[AuthService, Depends(running_service)]
