"""The page about a data set: balance, durations, levels, spectra of devices, duplicates, leakage."""

from __future__ import annotations

from pathlib import Path

from edgekit.api.inspect import Inspection
from edgekit.data.inspect.devices import device_spectra, level_rows, reference_of
from edgekit.data.inspect.fingerprint import ALIKE, MAX_CLIPS
from edgekit.data.inspect.spectrum import CENTRES
from edgekit.data.inspect.survey import Survey
from edgekit.report import data_figures as figures
from edgekit.report.page import Figure, Page, Section, Table, key_values, write_page

_MOST_ROWS = 200


def write_inspection_page(found: Inspection, path: Path) -> None:
    """Write the page; without a survey (headers only) it has balance and durations only."""
    manifest, seconds = found.manifest, found.seconds
    lead = f"{len(manifest):,} clips of {len(manifest.labels)} labels, {seconds['total'] / 60:,.1f} minutes."
    sections = [_summary(found), _balance(found), _durations(found)]
    if found.survey:
        survey = found.survey
        sections += [_levels(survey), _spectra(survey), _duplicates(survey), _leakage(survey)]
    sections.append(_left_out(found))
    write_page(Page(f"edgekit: {manifest.name}", lead, tuple(sections)), path)


def leak_rows(survey: Survey) -> tuple[tuple[str, ...], ...]:
    """Leaks as cells: column, sides, what is shared, how many, clips, examples."""
    return tuple(
        (
            leak.column,
            " | ".join(leak.sides),
            leak.kind,
            f"{leak.shared:,}",
            f"{leak.clips:,}",
            "; ".join(leak.examples),
        )
        for leak in survey.leaks
    )


def duplicate_rows(survey: Survey, most: int = _MOST_ROWS) -> tuple[tuple[str, ...], ...]:
    """Groups of duplicates as cells: kind, clips, labels, likeness."""
    clips = survey.manifest.clips
    return tuple(
        (
            item.kind,
            ", ".join(clips[index].id for index in item.clips[:6]) + (" …" if len(item.clips) > 6 else ""),
            ", ".join(item.labels),
            f"{item.likeness:.3f}",
        )
        for item in survey.duplicates[:most]
    )


LEAK_HEADER = ("split by", "sides", "shared", ">how many", ">clips", "for instance")
DUPLICATE_HEADER = ("kind", "clips", "labels", ">likeness")
LEVEL_HEADER = (
    "device",
    ">clips",
    ">peak, dBFS",
    ">RMS, dBFS",
    ">10 %",
    ">90 %",
    ">clipped",
    ">DC > 0.01",
    ">silent > 10 %",
)


def level_cells(survey: Survey) -> tuple[tuple[str, ...], ...]:
    """:func:`edgekit.data.inspect.devices.level_rows` as cells."""
    return tuple(tuple(_cell(value) for value in row.values()) for row in level_rows(survey))


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _table(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...], caption: str = "") -> Table:
    numeric = frozenset(index for index, name in enumerate(header) if name.startswith(">"))
    return Table(tuple(name.removeprefix(">") for name in header), rows, numeric, caption)


def _summary(found: Inspection) -> Section:
    rates = ", ".join(f"{rate:,} Hz ({count:,})" for rate, count in found.sample_rates.items())
    rows = [
        ("clips", f"{len(found.manifest):,}"),
        ("labels", ", ".join(found.manifest.labels)),
        ("sample rates", rates),
    ]
    rows += [(name, ", ".join(values) if len(values) <= 40 else f"{len(values):,}") for name, values in _groups(found)]
    rows += [(name, f"{count:,}") for name, count in found.problems().items()]
    return Section("Summary", (), (key_values(rows),))


def _groups(found: Inspection) -> list[tuple[str, dict[str, int]]]:
    return [(name, values) for name, values in found.counts.items() if name != "label"]


def _balance(found: Inspection) -> Section:
    tables = []
    crossed = found.cross_tables()
    for rows, columns in found.telling():
        names, cells = list(found.counts[columns]), crossed[rows, columns]
        if len(cells) <= _MOST_ROWS:
            body = tuple((row, *(f"{line.get(name, 0):,}" for name in names)) for row, line in cells.items())
            tables.append(_table((rows, *(f">{name}" for name in names)), body, f"clips by {rows} and {columns}"))
    by_split = (
        found.table if any(found.table.values()) else {label: {"": n} for label, n in found.counts["label"].items()}
    )
    pictures = [Figure(figures.count_bars(by_split, "clips by label"), "Clips of each label, by split.")]
    for name in ("device", "speaker"):
        if 1 < len(found.counts.get(name, {})) <= _MOST_ROWS:
            bars = {value: {"": count} for value, count in found.counts[name].items()}
            pictures.append(Figure(figures.count_bars(bars, f"clips by {name}"), f"Clips of each {name}."))
    return Section("Balance", (), tuple(tables), tuple(pictures))


def _durations(found: Inspection) -> Section:
    seconds = [clip.samples / clip.sample_rate for clip in found.manifest.clips]
    rows = [(name, f"{value:.2f} s") for name, value in found.seconds.items()]
    picture = Figure(figures.histogram({"": seconds}, "duration, s"), "How many clips have which duration.")
    return Section("Durations", (), (key_values(rows),), (picture,))


def _levels(survey: Survey) -> Section:
    by_device: dict[str, list[float]] = {}
    for clip, item in zip(survey.manifest.clips, survey.measures, strict=True):
        by_device.setdefault(clip.device or "all", []).append(item.rms)
    note = (
        "dBFS relative to a sample of full scale. Clipped: at least one sample at full scale. Silent: more than 10 % "
        "of the samples lie in runs of exact zeros of at least 10 ms."
    )
    picture = Figure(figures.histogram(dict(sorted(by_device.items())), "RMS level, dBFS"), "How loud the clips are.")
    return Section("Levels", (note,), (_table(LEVEL_HEADER, level_cells(survey)),), (picture,))


def _spectra(survey: Survey) -> Section:
    found = device_spectra(survey)
    lines = {item.group: item.decibels for item in found}
    pictures = [Figure(figures.spectra(lines, CENTRES, "third-octave level, dB"), "Average spectrum of each device.")]
    note = "Mean over the clips of their level in each third-octave band."
    if len(found) > 1:
        reference = reference_of(found)
        rest = {item.group: item.decibels - reference.decibels for item in found if item is not reference}
        label = f"level less device {reference.group}'s, dB"
        pictures.append(Figure(figures.spectra(rest, CENTRES, label), f"Difference to device {reference.group}."))
        note += f" The second figure is the difference to device {reference.group}."
    return Section("Average spectrum per device", (note,), (), tuple(pictures))


def _duplicates(survey: Survey) -> Section:
    note = (
        "Bytes: the same file. Audio: other bytes, the same samples. Near: the fingerprints correlate by "
        f"{ALIKE} or more, as copies with another gain, rate, coding or microphone do."
    )
    if not survey.searched_near:
        note += f" Near-duplicates were not looked for: the set has more than {MAX_CLIPS:,} clips."
    count = len(survey.duplicates)
    caption = f"{count:,} groups" + (f", the first {_MOST_ROWS} of them" if count > _MOST_ROWS else "")
    tables = (_table(DUPLICATE_HEADER, duplicate_rows(survey), caption),) if count else ()
    return Section("Duplicates", (note,) if count else (note, "None."), tables)


def _leakage(survey: Survey) -> Section:
    note = "What lies on both sides of a split or of two folds: the accuracy on one side then flatters the model."
    if not survey.leaks:
        return Section("Leakage", (note, "None."))
    return Section("Leakage", (note,), (_table(LEAK_HEADER, leak_rows(survey)),))


def _left_out(found: Inspection) -> Section:
    rows = tuple((item.path, item.reason) for item in found.rejected[:_MOST_ROWS])
    if not rows:
        return Section("Left out", ("Nothing.",))
    return Section("Left out", (), (Table(("recording", "reason"), rows, caption=f"{len(found.rejected):,} in all"),))
