"""From a plan and a set of clips to the list of copies that are to be made. No audio is opened.

Which clips are copied follows from (seed, plan, clip id) through a hash, never from a running generator or the order of
files, so that every shard and every resumed run sees the same list.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Protocol

from edgekit.augment.offline.plan import Plan
from edgekit.core.errors import DataError


class ClipLike(Protocol):
    """What a plan asks about a clip (:class:`edgekit.data.manifest.Clip`)."""

    @property
    def id(self) -> str:
        """Unique name."""
        ...

    @property
    def label(self) -> str:
        """Class."""
        ...

    @property
    def device(self) -> str | None:
        """What recorded it."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def samples(self) -> int:
        """At that rate."""
        ...


@dataclass(frozen=True)
class Copy:
    """One clip to be made.

    Attributes:
        sources: indices of the clips that are joined; one, but for "recut".
        number: counts the copies of the first source.
        chain: index of the plan's chain.
        response: index of the impulse response; None lets the step draw one, or there is none.
        device: that the copy stands for; None keeps the source's.
        start, seconds: the stretch of the joined sources that is kept; 0 seconds keep all.
    """

    sources: tuple[int, ...]
    number: int
    chain: int
    response: int | None = None
    device: str | None = None
    start: float = 0.0
    seconds: float = 0.0


def plan_copies(
    plan: Plan, clips: Sequence[ClipLike], recordings: Sequence[Sequence[int]], responses: int, seed: int
) -> list[Copy]:
    """All copies of a plan, in a fixed order.

    Args:
        plan: what to make.
        clips: that may be copied.
        recordings: for "recut": indices of the segments of each recording, in order of time.
        responses: how many impulse responses there are.
        seed: decides with the clips' ids which of them are copied first.

    Raises:
        DataError: the plan finds nothing to do: no clip of its device, no recording, every class is full.
    """
    order = sorted(range(len(clips)), key=lambda index: _rank(seed, plan.name, clips[index].id))
    made = {
        "copies": _copies,
        "fill-classes": _fill_classes,
        "balance-devices": _balance_devices,
        "every-response": _every_response,
        "recut": _recut,
    }[plan.mode](plan, clips, order, recordings, responses)
    if not made:
        raise DataError(_NOTHING[plan.mode].format(plan=plan), where=f"plan {plan.name}", mend=_MEND[plan.mode])
    return made


_NOTHING = {
    "copies": "no clip to copy",
    "fill-classes": "every class has {plan.clips} clips already",
    "balance-devices": "every device has as many clips as the others, or no clip is by device {plan.device!r}",
    "every-response": "no clip is by device {plan.device!r}",
    "recut": "no recording is cut into consecutive segments that are long enough",
}
_MEND = {
    "copies": "select more clips",
    "fill-classes": "ask for more with --clips",
    "balance-devices": "name the device that has the most clips with --from-device",
    "every-response": "name the device with --from-device",
    "recut": "use another plan",
}


def _copies(
    plan: Plan, clips: Sequence[ClipLike], order: list[int], recordings: Sequence[Sequence[int]], responses: int
) -> list[Copy]:
    chosen = order[: max(1, round(plan.share * len(order)))]
    return [
        Copy((index,), number, (place + number) % len(plan.chains))
        for number in range(plan.copies)
        for place, index in enumerate(chosen)
    ]


def _fill_classes(
    plan: Plan, clips: Sequence[ClipLike], order: list[int], recordings: Sequence[Sequence[int]], responses: int
) -> list[Copy]:
    by_label: dict[str, list[int]] = defaultdict(list)
    for index in order:
        by_label[clips[index].label].append(index)
    made = []
    for _, own in sorted(by_label.items()):
        for place in range(plan.clips - len(own)):
            number, which = divmod(place, len(own))
            made.append(Copy((own[which],), number, (which + number) % len(plan.chains)))
    return made


def _balance_devices(
    plan: Plan, clips: Sequence[ClipLike], order: list[int], recordings: Sequence[Sequence[int]], responses: int
) -> list[Copy]:
    counts = Counter(clip.device for clip in clips if clip.device is not None)
    sources = [index for index in order if clips[index].device == plan.device]
    others = sorted(set(counts) - {plan.device})
    if not sources or not others:
        return []
    taken: Counter[int] = Counter()
    made = []
    endless = cycle(sources)
    for place, device in enumerate(others):
        # A device is one microphone: it has responses of its own, as far as there are enough of them.
        own = range(place % responses, responses, len(others))
        missing = max(counts.values()) - counts[device]
        for which, index in enumerate(islice(endless, missing)):
            made.append(Copy((index,), taken[index], which % len(plan.chains), own[which % len(own)], device))
            taken[index] += 1
    return made


def _every_response(
    plan: Plan, clips: Sequence[ClipLike], order: list[int], recordings: Sequence[Sequence[int]], responses: int
) -> list[Copy]:
    sources = [index for index in order if clips[index].device == plan.device]
    chosen = sources[: max(1, round(plan.share * len(sources)))]
    return [
        Copy((index,), response, response % len(plan.chains), response)
        for index in chosen
        for response in range(responses)
    ]


def _recut(
    plan: Plan, clips: Sequence[ClipLike], order: list[int], recordings: Sequence[Sequence[int]], responses: int
) -> list[Copy]:
    made = []
    for recording in recordings:
        ends = [0.0]  # where each segment of the joined recording starts, in seconds, and the last one ends
        for index in recording:
            ends.append(ends[-1] + clips[index].samples / clips[index].sample_rate)
        start, taken = plan.offset_seconds, Counter[int]()
        while start + plan.clip_seconds <= ends[-1] + 1e-6:
            stop = start + plan.clip_seconds
            inside = [k for k in range(len(recording)) if ends[k] < stop - 1e-6 and ends[k + 1] > start + 1e-6]
            sources = tuple(recording[k] for k in inside)
            number = taken[sources[0]]
            taken[sources[0]] += 1
            made.append(Copy(sources, number, 0, start=start - ends[inside[0]], seconds=plan.clip_seconds))
            start = stop
    return made


def _rank(seed: int, plan: str, clip: str) -> bytes:
    return hashlib.sha256(f"{seed}/{plan}/{clip}".encode()).digest()
