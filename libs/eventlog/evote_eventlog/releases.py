"""Which events a writer may write: those that every reader of the deployment reads.

The events have releases of their own, counted from 1. Each type and version, and each field that a type was given
later, tells the release that it came with (``EventData.since``, :class:`~evote_eventlog.events.base.Since`). A release
of the platform reads all of them for ever, and writes those of the release that its deployment has set for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Final

from pydantic import AfterValidator

from .errors import NotReadByAll
from .events import EVENT_CLASSES, EventData
from .events.base import later_fields

OLDEST_RELEASE: Final = 1
"""The oldest release of the events that this release of the platform still writes: the one before its own newest."""


def newest_release(event_classes: Iterable[type[EventData]]) -> int:
    """The release of the events that declares the last of these types, versions and fields."""
    return max(max(cls.since, *later_fields(cls).values(), 1) for cls in event_classes)


NEWEST_RELEASE: Final = newest_release(EVENT_CLASSES)
"""Up to here all events are read."""


def _written(release: int) -> int:
    if not OLDEST_RELEASE <= release <= NEWEST_RELEASE:
        # Written blindly, an unknown release would be this one's newest: not what the others were told.
        raise ValueError(
            f"this release of the platform writes events of releases {OLDEST_RELEASE} to {NEWEST_RELEASE}:"
            " upgrade every reader before the setting is raised (docs/runbooks/event-log.md)"
        )
    return release


EventsRelease = Annotated[int, AfterValidator(_written)]
"""A service's setting: the release of the events that every reader of the deployment reads."""


def in_words_of(data: EventData, release: int) -> EventData:
    """The event as that release of the events says it: an earlier version of it, without fields that came later.

    Raises:
        NotReadByAll: it has no earlier words.
    """
    while data.since > release:
        earlier = data.earlier()
        if earlier is None:
            raise NotReadByAll(data.type_name(), data.since, release)
        data = earlier
    left_out = fields_after(type(data), release)
    if not left_out:
        return data
    return type(data)(**{name: getattr(data, name) for name in type(data).model_fields if name not in left_out})


@cache
def fields_after(event_class: type[EventData], release: int) -> frozenset[str]:
    """The fields that the type didn't have in that release."""
    return frozenset(name for name, since in later_fields(event_class).items() if since > release)
