"""What operators see: counts and durations. Nothing here tells anything of a face or a voter."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 5, 10)


class Operation(StrEnum):
    """What was asked."""

    ENROL = "enrol"
    VERIFY = "verify"


class FaceMetrics:
    """Outcomes, reading times, and the state of queue and workers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._outcomes = Counter(
            "evote_face_outcomes",
            "Photos and bursts judged, by operation and outcome (a reason, or accepted).",
            ("operation", "outcome"),
            registry=registry,
        )
        self._read_seconds = Histogram(
            "evote_face_read_duration_seconds",
            "Time to read one picture in a worker.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._queue = Gauge("evote_face_queue_pictures", "Pictures that wait or are being read.", registry=registry)
        self._workers = Gauge("evote_face_workers", "Workers that are warm.", registry=registry)
        self._lost = Counter("evote_face_workers_lost", "Workers that died or hung.", registry=registry)

    def judged(self, operation: Operation, outcome: str) -> None:
        """Count one photo or burst."""
        self._outcomes.labels(operation.value, outcome).inc()

    def picture_read(self, seconds: float) -> None:
        """Note how long one picture took."""
        self._read_seconds.observe(seconds)

    def queue(self, pictures: int) -> None:
        """Show how many pictures wait or are read."""
        self._queue.set(pictures)

    def workers(self, warm: int) -> None:
        """Show how many workers are warm."""
        self._workers.set(warm)

    def worker_lost(self) -> None:
        """Count a worker that is replaced."""
        self._lost.inc()
