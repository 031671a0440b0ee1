"""What runs and models make of recordings: scores with intervals, tables, calibration, comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.files import write_text
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.api.evaluation_clips import EvaluatedModel
    from edgekit.budget.rank import Submission
    from edgekit.data.manifest import Manifest
    from edgekit.features.spec import FrontendSpec
    from edgekit.train.evaluation.comparison import Comparison
    from edgekit.train.evaluation.evaluation import Evaluation
    from edgekit.train.predictors import Predictor

_LARGEST_LABELS = 1 << 20


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Several models on the same clips.

    Attributes:
        evaluations: one a model, in the order given.
        comparisons: of the pairs that were asked for.
        submissions: what ``edgekit budget rank`` wants of each model; empty where costs were not asked for.
        seed: of the bootstrap's draws.
    """

    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...] = ()
    submissions: tuple[Submission, ...] = ()
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The published shape, report/schemas/eval.schema.json."""
        from edgekit.train.evaluation.evaluation_json import evaluation_json

        return {
            "schema_version": 1,
            "results": [evaluation_json(evaluation, self.seed) for evaluation in self.evaluations],
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
            "submissions": [asdict(submission) for submission in self.submissions],
        }


def evaluate(
    model: str | Path,
    data: str | Path | Manifest,
    *,
    select: str | None = None,
    trained_on: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    labels: str | Path | None = None,
    kind: str = "auto",
    predictions: str | Path | None = None,
    plot: str | Path | None = None,
    hop_ms: float | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate a run folder, ``.safetensors``, ``.onnx`` or ``.tflite`` on recordings.

    An int8 model runs in edgekit's integer interpreter: the bits of TFLM and of the generated C.

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
    costs: bool = False,
    page: str | Path | None = None,
    seed: int = 0,
    select: str | None = None,
    trained_on: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    labels: str | Path | None = None,
    kind: str = "auto",
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
        costs: count memory and MACs in the challenge's convention, for ``edgekit budget rank``; a run is exported for
            it into a temporary folder.
        page: HTML page to write, see :mod:`edgekit.api.evaluation_page`.
        seed: of the bootstrap's draws.
        select: as for :func:`evaluate`.
        trained_on: as for :func:`evaluate`.
        frontend: as for :func:`evaluate`.
        labels: as for :func:`evaluate`.
        kind: as for :func:`evaluate`.
        predictions: as for :func:`evaluate`, of a single model.
        plot: as for :func:`evaluate`, of a single model.
        hop_ms: as for :func:`evaluate`.
        cache: as for :func:`evaluate`.
        progress: as for :func:`evaluate`.

    Raises:
        BadConfigError: no model, or ``predictions`` or ``plot`` of several.
        EdgekitError: as :func:`evaluate`, for any of the models.
    """
    from edgekit.data.manifest import Manifest, read_manifest
    from edgekit.data.selector import select_clips
    from edgekit.train.evaluation.comparison import compare as compare_two
    from edgekit.train.evaluation.selection import default_selection, training_groups

    paths = list(dict.fromkeys(Path(path) for path in (*models, *(path for pair in compare for path in pair))))
    _check_files(paths, predictions, plot, page)
    predictors = _open_all(paths, frontend, labels, hop_ms)  # before any audio is decoded
    manifest = data if isinstance(data, Manifest) else read_manifest(data, kind)
    known = training_groups(manifest, trained_on)
    chosen = select_clips(manifest, select or default_selection(manifest))
    done = {path: _answers(path, predictor, chosen, known, cache, progress) for path, predictor in predictors.items()}
    result = EvaluationResult(
        tuple(model.evaluation for model in done.values()),
        tuple(compare_two(done[Path(a)].evaluation, done[Path(b)].evaluation, seed) for a, b in compare),
        tuple(_submission(path, model.evaluation) for path, model in done.items()) if costs else (),
        seed,
    )
    _write_files(result.evaluations[0], predictions, plot)
    if page is not None:
        from edgekit.api.evaluation_page import write_evaluation_page

        write_evaluation_page(result, list(done.values()), Path(page))
    return result


def _check_files(
    paths: Sequence[Path], predictions: str | Path | None, plot: str | Path | None, page: str | Path | None
) -> None:
    """What cannot be written is refused before any work is done."""
    from edgekit.train.evaluation.confusion_plot import check_plot_path

    if not paths:
        raise BadConfigError("no model to evaluate", mend="name run folders, .onnx or .tflite files")
    if len(paths) > 1 and (predictions or plot):
        raise BadConfigError("--predictions and --plot are of one model", mend="evaluate one, or write a page with -o")
    if plot is not None:
        check_plot_path(Path(plot))
    if page is not None:
        require("jinja2", "report")
    if page is not None or plot is not None:
        require("matplotlib", "report")


def _write_files(evaluation: Evaluation, predictions: str | Path | None, plot: str | Path | None) -> None:
    from edgekit.train.evaluation.confusion_plot import plot_confusion

    if predictions is not None:
        write_text(Path(predictions), evaluation.predictions_csv())
    if plot is not None:
        title = f"{evaluation.model}, accuracy {100 * evaluation.scores.accuracy:.2f} %"
        plot_confusion(evaluation.confusion, evaluation.labels, title, Path(plot))


def _open_all(
    paths: Sequence[Path], frontend: str | Path | FrontendSpec | None, labels: str | Path | None, hop_ms: float | None
) -> dict[Path, Predictor]:
    """Predictors by path; those whose files share a name are called by their paths."""
    from edgekit.features.spec import FrontendSpec, load_spec
    from edgekit.train.predictors import open_predictor

    spec = frontend if frontend is None or isinstance(frontend, FrontendSpec) else load_spec(frontend)
    names = None if labels is None else read_labels(Path(labels))
    opened = {path: open_predictor(path, spec, names) for path in paths}
    if hop_ms is not None:
        opened = {path: replace(p, windows=replace(p.windows, hop_ms=hop_ms)) for path, p in opened.items()}
    called = [predictor.name for predictor in opened.values()]
    return {
        path: replace(predictor, name=str(path)) if called.count(predictor.name) > 1 else predictor
        for path, predictor in opened.items()
    }


def _answers(
    path: Path,
    predictor: Predictor,
    clips: Manifest,
    trained_on: Mapping[str, frozenset[str]],
    cache: Path | None,
    progress: Progress,
) -> EvaluatedModel:
    from edgekit.api.evaluation_clips import EvaluatedModel
    from edgekit.data.cache import AudioCache
    from edgekit.train.evaluation.evaluation import evaluate_clips

    decoded = AudioCache(clips, predictor.spec.sample_rate, cache, progress)
    return EvaluatedModel(path, evaluate_clips(predictor, decoded, progress, trained_on), predictor, decoded)


def _submission(path: Path, evaluation: Evaluation) -> Submission:
    from edgekit.api.submission import submission

    return submission(path, evaluation.model, evaluation.scores.macro_accuracy)


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names from a text file, one a line.

    Raises:
        BadFileError: not readable text, or empty.
    """
    try:
        if path.stat().st_size > _LARGEST_LABELS:
            raise BadFileError("is larger than 1 MiB", where=str(path), mend="give one label a line")
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError("cannot be read as UTF-8 text", where=str(path), mend="give one label a line") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise BadFileError("holds no label", where=str(path), mend="give one label a line")
    return names
