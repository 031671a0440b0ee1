"""Look at a data set: how it is balanced, what its clips are like, what is there twice, what leaks between splits."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.progress import Progress, silent
from edgekit.data.datasets import read_manifest
from edgekit.data.manifest import Clip, Manifest, Rejected

if TYPE_CHECKING:
    from edgekit.data.inspect.survey import Survey

GROUPS = ("label", "split", "fold", "device", "speaker")
GATES = ("leakage", "duplicates", "rejected")
"""What ``--fail-on`` can name."""

MOST_COLUMNS = 12
_LISTED = 200  # groups of duplicates in the JSON; the number of all is beside them


@dataclass(frozen=True)
class Inspection:
    """What is in a data set.

    Attributes:
        manifest: the usable clips, with lengths and rates.
        counts: for each group ("label", "split", …) that occurs: value → clips, in order of value.
        table: label → split → clips.
        sample_rates: Hz → clips.
        seconds: "min", "median", "max", "total" of the usable clips.
        rejected: what was left out, and why.
        survey: measures of every clip, duplicates and leaks; None when only headers were read.
    """

    manifest: Manifest
    counts: dict[str, dict[str, int]]
    table: dict[str, dict[str, int]]
    sample_rates: dict[int, int]
    seconds: dict[str, float]
    rejected: tuple[Rejected, ...]
    survey: Survey | None = None

    def cross_tables(self) -> dict[tuple[str, str], dict[str, dict[str, int]]]:
        """(rows, columns) → row value → column value → clips, for every two groups that occur.

        The group with more values has the rows, so that tables are tall rather than wide.
        """
        found = {}
        for first, second in combinations(self.counts, 2):
            wide = len(self.counts[second]) > max(len(self.counts[first]), MOST_COLUMNS)
            rows, columns = (second, first) if wide else (first, second)
            pairs = Counter((getattr(clip, rows), getattr(clip, columns)) for clip in self.manifest.clips)
            found[rows, columns] = {
                row: {column: pairs[row, column] for column in self.counts[columns] if pairs[row, column]}
                for row in self.counts[rows]
            }
        return found

    def telling(self) -> list[tuple[str, str]]:
        """The :meth:`cross_tables` worth a look: not wide, and no group of one value (but how labels are split)."""
        return [
            (rows, columns)
            for rows, columns in self.cross_tables()
            if len(self.counts[columns]) <= MOST_COLUMNS
            and ((rows, columns) == ("label", "split") or min(len(self.counts[rows]), len(self.counts[columns])) > 1)
        ]

    def problems(self) -> dict[str, int]:
        """How many of each kind of :data:`GATES` were found."""
        survey = self.survey
        return {
            "leakage": len(survey.leaks) if survey else 0,
            "duplicates": len(survey.duplicates) if survey else 0,
            "rejected": len(self.rejected),
        }

    def to_json(self) -> dict[str, Any]:
        """The output of ``edgekit data inspect --format json``."""
        return {
            "schema_version": 1,
            "name": self.manifest.name,
            "root": str(self.manifest.root),
            "clips": len(self.manifest),
            "labels": list(self.manifest.labels),
            "counts": self.counts,
            "label_by_split": self.table,
            "cross": {f"{rows} by {columns}": table for (rows, columns), table in self.cross_tables().items()},
            "sample_rates": {str(rate): count for rate, count in self.sample_rates.items()},
            "seconds": self.seconds,
            "rejected": [{"path": item.path, "reason": item.reason} for item in self.rejected],
            **(_survey_json(self.survey) if self.survey else {}),
        }


def inspect_manifest(
    path: str | Path | Manifest,
    kind: str = "auto",
    select: str = "all",
    decode: bool = True,
    progress: Progress = silent,
) -> Inspection:
    """Count what a data set holds, measure its clips and find what is broken, double or on both sides of a split.

    Args:
        path: a CSV manifest or the folder of a data set, or a manifest.
        kind: how to read it, see :func:`edgekit.data.datasets.read_manifest`.
        select: which clips to look at, see :mod:`edgekit.data.selector`.
        decode: decode every clip; False reads the headers only, and finds neither damage nor silence nor duplicates.
        progress: told about clips.

    Raises:
        DataError: no data set, or no usable clip in it.
        BadConfigError: unknown kind or field.
    """
    from edgekit.data.audio import probe_manifest
    from edgekit.data.inspect.survey import survey_manifest
    from edgekit.data.selector import select_clips

    manifest = select_clips(path if isinstance(path, Manifest) else read_manifest(path, kind), select)
    survey = survey_manifest(manifest, progress) if decode else None
    checked = survey.manifest if survey else probe_manifest(manifest, progress).require_clips()
    lengths = [clip.samples / clip.sample_rate for clip in checked.clips]
    seconds = {
        "min": min(lengths),
        "median": statistics.median(lengths),
        "max": max(lengths),
        "total": sum(lengths),
    }
    return Inspection(
        manifest=checked,
        counts={name: found for name in GROUPS if (found := _count(checked.clips, name))},
        table={label: _count([c for c in checked.clips if c.label == label], "split") for label in checked.labels},
        sample_rates=dict(sorted(Counter(clip.sample_rate for clip in checked.clips).items())),
        seconds={key: round(value, 4) for key, value in seconds.items()},
        rejected=checked.rejected,
        survey=survey,
    )


def _survey_json(survey: Survey) -> dict[str, Any]:
    from edgekit.data.inspect.devices import level_rows, spectra_json

    ids = [clip.id for clip in survey.manifest.clips]
    return {
        "levels": level_rows(survey),
        "spectrum": spectra_json(survey),
        "duplicates": {
            "groups": len(survey.duplicates),
            "near_searched": survey.searched_near,
            "listed": [item.to_json(ids) for item in survey.duplicates[:_LISTED]],
        },
        "leakage": [leak.to_json() for leak in survey.leaks],
    }


def _count(clips: tuple[Clip, ...] | list[Clip], name: str) -> dict[str, int]:
    values = Counter(value for clip in clips if (value := getattr(clip, name)) is not None)
    return dict(sorted(values.items()))
