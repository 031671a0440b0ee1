"""The next step's batch, made on a spare core while the model learns from this one.

A batch is a pure function of its step (:mod:`edgekit.train.dataset`), so who makes it, and when, changes nothing. Where
no core is spare there is no thread: it would only take turns with the model. A GPU needs none: it runs behind the host.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

Made = TypeVar("Made")
Key = TypeVar("Key")


def spare_core() -> bool:
    """Whether this process may use more cores than torch takes for one operation."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    return cores > torch.get_num_threads()


class Prefetch(Generic[Key, Made]):
    """Hands out what ``make`` makes, and has it make the next one meanwhile.

    Args:
        make: a pure function of the key, safe to be called in another thread.
    """

    def __init__(self, make: Callable[[Key], Made]) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="edgekit-batch")
        self._coming: tuple[Key, Future[Made]] | None = None

    def take(self, key: Key, following: Key | None) -> Made:
        """What belongs to ``key``; what belongs to ``following`` is begun.

        Raises:
            Exception: whatever ``make`` raises for ``key``.
        """
        coming, self._coming = self._coming, None
        made = coming[1].result() if coming is not None and coming[0] == key else self._make(key)
        if following is not None:
            self._coming = (following, self._pool.submit(self._make, following))
        return made

    def close(self) -> None:
        """Let the thread end; what it is making is finished and dropped."""
        self._coming = None
        self._pool.shutdown(wait=True, cancel_futures=True)
