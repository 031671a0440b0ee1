"""Level and label of live sound in one line of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.report.plain import plain

LOWEST_DB = -60.0
_EIGHTHS = " ▏▎▍▌▋▊▉"


def level_bar(level: float, width: int = 20) -> str:
    """A level in dB below full scale as a bar of ``width`` characters, from :data:`LOWEST_DB` to 0.

    >>> level_bar(-30.0, 4)
    '██  '
    """
    share = min(1.0, max(0.0, 1.0 - level / LOWEST_DB))
    eighths = round(8 * width * share)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(width)


def meter_line(level: float, label: str | None, probability: float, recent: Sequence[str], columns: int) -> str:
    """Level, label and what was heard before, cut to the width of the terminal.

    Args:
        level: dB below full scale.
        label: now; None for nothing that is probable enough.
        probability: of the most probable class.
        recent: labels before, the latest first.
        columns: of the terminal.
    """
    now = f"{plain(label) if label is not None else '–'} {100 * probability:3.0f} %"
    before = "  ".join(plain(name) for name in recent)
    return f"{level:6.1f} dB {level_bar(level)} {now:<24} {before}"[: max(1, columns - 1)]
