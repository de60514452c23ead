"""Run by `helm test` in a pod that the policies take for one of the services: which ends it reaches, and must not.

Arguments: ``reach=HOST:PORT``, ``refused=HOST:PORT``, ``well=URL``. All are tried, each says how it went; status 1: one
was not as it must be.
"""

import socket
import sys
import time
import urllib.error
import urllib.request

WITHIN_S = 4.0
SETTLED_WITHIN_S = 20.0
"""A network learns of a new pod, this one, a moment after it has started; until then it refuses nothing, or all."""


def fault_of(kind: str, end: str) -> str | None:
    """What is wrong; None: as it must be."""
    if kind == "well":
        return _not_well(end)
    host, _, port = end.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")  # an address of IPv6
    try:
        # The name first: a name that isn't found would look like a connection that is refused.
        address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError as error:
        return f"the name isn't found: {error}"
    try:
        with socket.socket(address[0], socket.SOCK_STREAM) as connection:
            connection.settimeout(WITHIN_S)
            connection.connect(address[4])
    except OSError as error:
        return f"not reached: {error}" if kind == "reach" else None
    return None if kind == "reach" else "reached: the cluster's network does not hold its policies"


def _not_well(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=WITHIN_S):  # noqa: S310 - the chart's own addresses
            return None
    except urllib.error.HTTPError as answer:
        return answer.read().decode(errors="replace")
    except OSError as error:
        return f"no answer: {error}"


def main(arguments: list[str]) -> int:
    wrong, settled = 0, time.monotonic() + SETTLED_WITHIN_S
    for argument in arguments:
        kind, _, end = argument.partition("=")
        fault = fault_of(kind, end)
        while fault is not None and time.monotonic() < settled:
            time.sleep(0.5)
            fault = fault_of(kind, end)
        wrong += fault is not None
        print(
            f"{'as it must be' if fault is None else 'WRONG'}: {argument}{'' if fault is None else f': {fault}'}",
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
