"""``report``: one or several runs as a page, Markdown, JSON or a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.api.report_content import report_content
from edgekit.api.report_files import RunFiles, find_run
from edgekit.api.report_gather import Wish, gather
from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_text
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.api.check_budget import Budgets
    from edgekit.api.report_facts import ReportedRun
    from edgekit.data.manifest import Manifest

FORMATS = ("html", "markdown", "json", "model-card")
MODEL_CARD = "MODEL_CARD.md"
_SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".md": "markdown"}


@dataclass(frozen=True, eq=False)
class Report:
    """What is known of runs.

    Attributes:
        content: the published shape, see docs/report.md.
        text: in the format asked for.
        path: of the file written; None where none was asked for.
    """

    content: Mapping[str, Any]
    text: str
    path: Path | None


def report(
    runs: str | Path | Sequence[str | Path] = (),
    out: str | Path | None = None,
    *,
    compare: tuple[str | Path, str | Path] | None = None,
    data: str | Path | Manifest | None = None,
    select: str | None = None,
    trained_on: str | None = None,
    budgets: Budgets = (),
    int8: Sequence[str | Path] = (),
    evaluations: Sequence[str | Path] = (),
    benches: Sequence[str | Path] = (),
    layer_times: bool = False,
    form: str | None = None,
    device: str = "cpu",
    cache: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Gather what runs left and what can be found out about them, and write it down.

    What is missing is said in the report, with what would bring it there.

    Args:
        runs: run folders of ``edgekit train``, folders of ``edgekit demo``, or model files.
        out: file to write.
        compare: two runs instead of ``runs``; what changes from the first to the second comes first.
        data: recordings to evaluate on; without them accuracies come from ``evaluations``.
        select: clips of ``data``; by default ``split=test`` where the manifest has it, else all.
        trained_on: clips that training had, as for :func:`edgekit.api.evaluate.evaluate`.
        budgets: names or files; by default the budget of ``edgekit check-budget``.
        int8: integer models of the runs, in their order; by default the one ``.tflite`` in each folder.
        evaluations: files of ``edgekit eval --format json``.
        benches: files of ``edgekit bench --format json``.
        layer_times: build each integer model's C for this machine and time its layers.
        form: one of :data:`FORMATS`; by default by the name of ``out``, and HTML.
        device: of runs: "cpu", "cuda" or "auto".
        cache: folder of decoded audio.
        progress: told about decoding and evaluation.

    Raises:
        BadConfigError: no run, an unknown format, more integer models than runs, a page without ``out``.
        BadFileError: a folder that holds no finished run, or a damaged file in it.
        EdgekitError: as :func:`edgekit.api.evaluate.evaluate`.
    """
    paths = _paths(runs, compare)
    if len(int8) > len(paths):
        raise BadConfigError(f"{len(int8)} integer models for {len(paths)} runs", where="--int8", mend="one a run")
    chosen = _form(form, out, len(paths))
    given = [Path(path) for path in int8] + [None] * (len(paths) - len(int8))
    files = _named([find_run(path, model) for path, model in zip(paths, given, strict=True)])
    wish = Wish(
        data, select, trained_on, budgets, tuple(evaluations), tuple(benches), layer_times, device, cache, progress
    )
    done = gather(files, wish)
    content = report_content(done, compared=compare is not None)
    text = _render(content, done, chosen)
    if out is not None:
        write_text(Path(out), text)
    return Report(content, text, Path(out) if out is not None else None)


def _paths(runs: str | Path | Sequence[str | Path], compare: tuple[str | Path, str | Path] | None) -> list[Path]:
    paths = [Path(runs)] if isinstance(runs, str | Path) else [Path(run) for run in runs]
    if compare is not None:
        if paths:
            raise BadConfigError("--compare names its two runs itself", mend="give no others")
        return [Path(path) for path in compare]
    if not paths:
        raise BadConfigError("no run to report on", mend="give run folders of edgekit train, or model files")
    return paths


def _form(form: str | None, out: str | Path | None, runs: int) -> str:
    """The format, refused before any work is done where it cannot be written."""
    name = Path(out).name if out is not None else ""
    chosen = form or ("model-card" if name.upper() == MODEL_CARD.upper() else _SUFFIXES.get(Path(name).suffix, "html"))
    if chosen not in FORMATS:
        raise BadConfigError(f"unknown format {chosen!r}", mend=f"use one of {', '.join(FORMATS)}")
    if chosen == "html":
        if out is None:
            raise BadConfigError("a page needs a file", mend="give one with -o report.html, or --format markdown")
        for module in ("jinja2", "matplotlib"):
            require(module, "report")
    if chosen == "model-card" and runs != 1:
        raise BadConfigError("a model card is about one run", mend="give one, or --format markdown")
    return chosen


def _named(files: list[RunFiles]) -> list[RunFiles]:
    """Runs that share a name are told apart by their folders."""
    import dataclasses

    names = [item.name for item in files]
    return [
        dataclasses.replace(item, name=str(item.folder or item.counted)) if names.count(item.name) > 1 else item
        for item in files
    ]


def _render(content: Mapping[str, Any], done: Sequence[ReportedRun], form: str) -> str:
    if form == "json":
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "model-card":
        from edgekit.report.run_text import model_card

        return model_card(content["runs"][0])
    if form == "markdown":
        from edgekit.report.run_text import report_markdown

        return report_markdown(content)
    from edgekit.api.report_page import page_text

    return page_text(content, done)
