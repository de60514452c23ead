"""That the device which a release was bound to asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from evote_device.keys import DeviceKeyRefused, parse_device_key
from evote_device.requests import DeviceRequestRefused, Occasion, ReleaseRequested, verify_request

from .faults import Fault, Faulty


def check_device(
    request: str | None, election_uuid: str, occasion_id: str, device_key: str, proof: Mapping[str, str]
) -> None:
    """Check the request for a release, which the evidence holds.

    Args:
        request: the device's signed request; None when the evidence has none.
        occasion_id: the challenge or the order that the card or biometric signed.
        device_key: the line that stands in what the card or biometric signed.
        proof: what the card or biometric gave, which the request covers.

    Raises:
        Faulty: ``NO_DEVICE`` or ``NOT_ASKED_BY_DEVICE``.
    """
    if request is None:
        raise Faulty(Fault.NO_DEVICE)
    try:
        occasion = Occasion(election_uuid, occasion_id, parse_device_key(device_key))
        verify_request(ReleaseRequested, request, occasion, proof)
    except (DeviceKeyRefused, DeviceRequestRefused):
        raise Faulty(Fault.NOT_ASKED_BY_DEVICE) from None
