"""Processors of this machine that a measurement is kept on."""

from __future__ import annotations

import os

from edgekit.core.errors import BadConfigError


def processors(threads: int) -> list[int]:
    """The last ``threads`` processors that this process may use; the first serve interrupts more often.

    An empty list where the system does not pin (macOS).

    Raises:
        BadConfigError: there are fewer.
    """
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        mend = f"give 1 to {len(allowed)}"
        raise BadConfigError(f"{threads} threads on {len(allowed)} processors", where="--threads", mend=mend)
    return allowed[-threads:]


def pin(pid: int, cpus: list[int]) -> None:
    """Keep a process on ``cpus``; without effect for none."""
    if cpus:
        os.sched_setaffinity(pid, cpus)


def described(threads: int, cpus: list[int]) -> str:
    """For instance "1 thread on CPU 3"."""
    count = f"{threads} thread{'s' if threads > 1 else ''}"
    return f"{count} on CPU {','.join(map(str, cpus))}" if cpus else f"{count}, not pinned"
