"""Accuracy, confusion and per-group tables of a run or model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core.errors import BadFileError
from edgekit.core.files import write_text
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.data.manifest import Manifest
    from edgekit.features.spec import FrontendSpec
    from edgekit.train.evaluation.evaluation import Evaluation

_LARGEST_LABELS = 1 << 20


def evaluate(
    model: str | Path,
    data: str | Path | Manifest,
    *,
    select: str | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    labels: str | Path | None = None,
    kind: str = "auto",
    predictions: str | Path | None = None,
    plot: str | Path | None = None,
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
        frontend: preset, file or spec; must be the one the model was made for.
        labels: text file, one class name a line, for a model that carries none.
        kind: kind of data set.
        predictions: CSV to write, one row a clip.
        plot: picture of the confusion matrix to write, ``.png``, ``.svg`` or ``.pdf``.
        cache: folder of decoded audio.
        progress: told about decoding and evaluation.

    Raises:
        DigestMismatchError: ``frontend`` is not the model's.
        EdgekitError: a damaged model, no clips, labels that do not fit.
    """
    from edgekit.data.cache import AudioCache
    from edgekit.data.manifest import Manifest, read_manifest
    from edgekit.data.selector import select_clips
    from edgekit.features.spec import FrontendSpec, load_spec
    from edgekit.train.evaluation.confusion_plot import check_plot_path, plot_confusion
    from edgekit.train.evaluation.evaluation import evaluate_clips
    from edgekit.train.predictors import open_predictor

    if plot is not None:
        check_plot_path(Path(plot))
    spec = frontend if frontend is None or isinstance(frontend, FrontendSpec) else load_spec(frontend)
    predictor = open_predictor(Path(model), spec, None if labels is None else read_labels(Path(labels)))
    manifest = data if isinstance(data, Manifest) else read_manifest(data, kind)
    if select is None:
        select = "split=test" if any(clip.split == "test" for clip in manifest.clips) else "all"
    clips = AudioCache(select_clips(manifest, select), predictor.spec.sample_rate, cache, progress)
    result = evaluate_clips(predictor, clips, progress)
    if predictions is not None:
        write_text(Path(predictions), result.predictions_csv())
    if plot is not None:
        title = f"{result.model}, accuracy {100 * result.scores.accuracy:.2f} %"
        plot_confusion(result.confusion, result.labels, title, Path(plot))
    return result


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
