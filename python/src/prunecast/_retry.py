"""Calls that are made again after they failed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc

from prunecast._deadline import Deadline
from prunecast.errors import PrunecastError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Retry:
    """When a call that failed is made again: one that reads, or is the same when it is made twice."""

    max_attempts: int = 8
    """Tries of one call, the first included; 1 repeats nothing."""
    first_delay_seconds: float = 0.1
    """The most that the first wait takes; that of each further one is twice as long."""
    max_delay_seconds: float = 5.0
    """The most that any wait takes."""
    give_up_after_seconds: float = 30.0
    """The most that all tries and waits take: a wait that would end later is not begun."""
    give_up_start_after_seconds: float = 2.0
    """The same if nothing was ever heard of the server, when a wrong address is likelier than a restart."""


def read_repeatable() -> frozenset[str]:
    """The methods that may be made twice whatever the request says, as the service config has them:
    `JobService.GetJob`."""
    config = json.loads((Path(__file__).parent / "_proto/service_config.json").read_text())
    return frozenset(
        f"{name['service'].removeprefix('prunecast.v1.')}.{name['method']}"
        for methods in config["methodConfig"]
        for name in methods["name"]
    )


def repeat(attempt: Callable[[], Answer], policy: Retry, deadline: Deadline, was_reached: Callable[[], bool]) -> Answer:
    """The answer of a call that may be made twice. It is made again after UNAVAILABLE when some time has passed, chosen
    at random below a limit that doubles ("full jitter"), and after RESOURCE_EXHAUSTED if the server said when. Where
    the server sent `grpc-retry-pushback-ms`, that counts.

    Raises PrunecastError of the last try.
    """
    begun = time.monotonic()
    tries = 1
    while True:
        try:
            return attempt()
        except PrunecastError as error:
            delay = _choose_delay(error, tries, policy) if tries < policy.max_attempts else None
            most = policy.give_up_after_seconds if was_reached() else policy.give_up_start_after_seconds
            if delay is None or time.monotonic() - begun + delay > most or not deadline.allows(delay):
                raise
        time.sleep(delay)
        tries += 1


def delay_of_busy(error: PrunecastError) -> float | None:
    """How long to wait for a server that takes no more work at present, and has said when to ask again; None for any
    other error. Callers who were refused together do not come back together: up to a tenth later."""
    if error.code != "RESOURCE_EXHAUSTED" or error.retry_after_seconds is None:
        return None
    return error.retry_after_seconds * random.uniform(1.0, 1.1)


def _choose_delay(error: PrunecastError, tries: int, policy: Retry) -> float | None:
    """How long to wait after a failed try; None if another one is of no use, or not wanted."""
    busy = delay_of_busy(error)
    if error.code != "UNAVAILABLE" and busy is None:
        return None
    pushback = _read_pushback(error)
    if pushback is not None:
        return pushback if pushback >= 0 else None
    if busy is not None:
        return busy
    # No number is as large as the power after a thousand tries.
    limit = min(policy.first_delay_seconds * 2 ** min(tries - 1, 100), policy.max_delay_seconds)
    return max(random.uniform(0, limit), error.retry_after_seconds or 0)


def _read_pushback(error: PrunecastError) -> float | None:
    """When the server wants the call to be made again (gRFC A6): seconds, below 0 for never."""
    call = error.__cause__
    if not isinstance(call, grpc.Call):
        return None
    value = dict(call.trailing_metadata() or ()).get("grpc-retry-pushback-ms")
    if value is None:
        return None
    return int(value) / 1000 if str(value).isdigit() else -1.0
