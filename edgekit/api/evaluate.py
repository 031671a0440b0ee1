"""What runs and models make of recordings: scores with intervals, tables, calibration, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.evaluation_result import EvaluationResult
from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_text
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.api.evaluation_clips import EvaluatedModel
    from edgekit.budget.rank import Submission
    from edgekit.data.manifest import Manifest
    from edgekit.features.spec import FrontendSpec
    from edgekit.train.evaluation.evaluation import Evaluation


def evaluate(
    model: str | Path,
    data: str | Path | Manifest,
    *,
    select: str | None = None,
    trained_on: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    labels: str | Path | None = None,
    kind: str = "auto",
    device: str = "cpu",
    predictions: str | Path | None = None,
    plot: str | Path | None = None,
    hop_ms: float | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a run folder, ``.safetensors``, ``.onnx`` or ``.tflite`` on recordings.

    An int8 model runs in edgekit's integer interpreter: the bits of TFLM and of the generated C
    (of a model that rounds once: of a TFLM built with TFLITE_SINGLE_ROUNDING).

    Args:
        model: the model.
        data: manifest, or path of a data set.
        select: clips, for instance ``"speaker=spk21..spk25"``; by default ``split=test`` where the manifest has it,
            else all.
        trained_on: the clips of ``data`` that the model was trained on, for tables of seen and unseen devices; by
            default ``split=train`` where the manifest has it.
        frontend: preset, file or spec; must be the one the model was made for.
        labels: text file, one class name a line, for a model that carries none.
        kind: kind of data set.
        device: "cpu", "cuda" or "auto", of runs; ``.onnx`` and ``.tflite`` files run in edgekit's interpreters.
        predictions: CSV to write, one row a clip.
        plot: picture of the confusion matrix to write, ``.png``, ``.svg`` or ``.pdf``.
        hop_ms: step between the windows of a clip longer than the model's, whose probabilities are averaged; 0 hears
            the clip's start only. By default as the model was trained, see :mod:`edgekit.data.windows`.
        cache: folder of decoded audio.
        progress: told about decoding and evaluation.

    Raises:
        DigestMismatchError: ``frontend`` is not the model's.
        EdgekitError: a damaged model, no clips, labels that do not fit, outputs that are not finite.
    """
    return evaluate_models(
        [model],
        data,
        select=select,
        trained_on=trained_on,
        frontend=frontend,
        labels=labels,
        kind=kind,
        device=device,
        predictions=predictions,
        plot=plot,
        hop_ms=hop_ms,
        cache=cache,
        progress=progress,
    ).evaluations[0]


def evaluate_models(
    models: Sequence[str | Path],
    data: str | Path | Manifest,
    *,
    compare: Sequence[tuple[str | Path, str | Path]] = (),
    mean: bool = False,
    costs: bool = False,
    page: str | Path | None = None,
    seed: int = 0,
    select: str | None = None,
    trained_on: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    labels: str | Path | None = None,
    kind: str = "auto",
    device: str = "cpu",
    predictions: str | Path | None = None,
    plot: str | Path | None = None,
    hop_ms: float | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> EvaluationResult:
    """Evaluate several models on the same clips and compare pairs of them.

    Args:
        models: as for :func:`evaluate`; those that ``compare`` names besides are evaluated too.
        data: as for :func:`evaluate`.
        compare: pairs (a, b) of models; differences are b − a.
        mean: evaluate the mean of all models' logits as well, the last of the result's evaluations.
        costs: count memory and MACs in the challenge's convention, for ``edgekit budget rank``; a run is exported for
            it into a temporary folder.
        page: HTML page to write, see :mod:`edgekit.api.evaluation_page`.
        seed: of the bootstrap's draws.
        select: as for :func:`evaluate`.
        trained_on: as for :func:`evaluate`.
        frontend: as for :func:`evaluate`.
        labels: as for :func:`evaluate`.
        kind: as for :func:`evaluate`.
        device: as for :func:`evaluate`.
        predictions: as for :func:`evaluate`, of a single model.
        plot: as for :func:`evaluate`, of a single model.
        hop_ms: as for :func:`evaluate`.
        cache: as for :func:`evaluate`.
        progress: as for :func:`evaluate`.

    Raises:
        BadConfigError: no model, or ``predictions`` or ``plot`` of several.
        EdgekitError: as :func:`evaluate`, for any of the models.
    """
    from edgekit.train.evaluation.comparison import compare as compare_two
    from edgekit.train.evaluation.ensemble import ensemble

    paths = list(dict.fromkeys(Path(path) for path in (*models, *(path for pair in compare for path in pair))))
    if mean and len(paths) < 2:
        raise BadConfigError("an ensemble needs two models or more", where="--mean", mend="name several")
    _check_files(paths, predictions, plot, page)
    done = answer_clips(
        paths,
        data,
        select=select,
        trained_on=trained_on,
        frontend=frontend,
        labels=labels,
        kind=kind,
        device=device,
        hop_ms=hop_ms,
        cache=cache,
        progress=progress,
    )
    answers = [model.evaluation for model in done.values()]
    result = EvaluationResult(
        (*answers, ensemble(answers)) if mean else tuple(answers),
        tuple(compare_two(done[Path(a)].evaluation, done[Path(b)].evaluation, seed) for a, b in compare),
        tuple(_submission(path, model.evaluation) for path, model in done.items()) if costs else (),
        seed,
    )
    _write_files(result.evaluations[0], predictions, plot)
    if page is not None:
        from edgekit.api.evaluation_page import write_evaluation_page

        write_evaluation_page(result, list(done.values()), Path(page))
    return result


def answer_clips(
    paths: Sequence[Path],
    data: str | Path | Manifest,
    *,
    select: str | None = None,
    trained_on: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    labels: str | Path | None = None,
    kind: str = "auto",
    device: str = "cpu",
    hop_ms: float | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> dict[Path, EvaluatedModel]:
    """The models by path with their answers to the same clips and the clips themselves; arguments as :func:`evaluate`.

    Raises:
        EdgekitError: as :func:`evaluate`, for any of the models.
    """
    from edgekit.api.evaluation_clips import EvaluatedModel
    from edgekit.api.open_models import open_models
    from edgekit.data.cache import AudioCache
    from edgekit.data.datasets import read_manifest
    from edgekit.data.manifest import Manifest
    from edgekit.data.selector import select_clips
    from edgekit.train.evaluation.evaluation import evaluate_clips
    from edgekit.train.evaluation.selection import default_selection, training_groups

    predictors = open_models(paths, frontend, labels, device, hop_ms)  # before any audio is decoded
    manifest = data if isinstance(data, Manifest) else read_manifest(data, kind)
    known = training_groups(manifest, trained_on)
    chosen = select_clips(manifest, select or default_selection(manifest))
    done = {}
    for path, predictor in predictors.items():
        decoded = AudioCache(chosen, predictor.spec.sample_rate, cache, progress)
        done[path] = EvaluatedModel(path, evaluate_clips(predictor, decoded, progress, known), predictor, decoded)
    return done


def _check_files(
    paths: Sequence[Path], predictions: str | Path | None, plot: str | Path | None, page: str | Path | None
) -> None:
    """What cannot be written is refused before any work is done."""
    from edgekit.report.confusion import check_picture_path

    if not paths:
        raise BadConfigError("no model to evaluate", mend="name run folders, .onnx or .tflite files")
    if len(paths) > 1 and (predictions or plot):
        raise BadConfigError("--predictions and --plot are of one model", mend="evaluate one, or write a page with -o")
    if plot is not None:
        check_picture_path(Path(plot))
    if page is not None:
        require("jinja2", "report")
    if page is not None or plot is not None:
        require("matplotlib", "report")


def _write_files(evaluation: Evaluation, predictions: str | Path | None, plot: str | Path | None) -> None:
    from edgekit.report.confusion import write_confusion

    if predictions is not None:
        write_text(Path(predictions), evaluation.predictions_csv())
    if plot is not None:
        title = f"{evaluation.model}, accuracy {100 * evaluation.scores.accuracy:.2f} %"
        write_confusion(evaluation.labels, evaluation.confusion, title, Path(plot))


def _submission(path: Path, evaluation: Evaluation) -> Submission:
    from edgekit.api.submission import submission

    return submission(path, evaluation.model, evaluation.scores.macro_accuracy)
