"""``quantize``: a float model as integer-only TFLite and QDQ ONNX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgekit.api.calibration import calibration_clips
from edgekit.api.qat import QatOptions, fine_tuned, recovering
from edgekit.api.quantize_result import AccuracyDrop, QuantizeResult
from edgekit.api.quantize_source import Source, open_source
from edgekit.core.errors import BadConfigError
from edgekit.core.files import write_bytes, write_text
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np

    from edgekit.budget.toml import Budget
    from edgekit.data.manifest import Manifest
    from edgekit.features.spec import FrontendSpec
    from edgekit.graph.graph import Graph
    from edgekit.quantize.ptq import PtqOptions

Method = Literal["ptq", "nncf", "ort"]
METHODS: tuple[Method, ...] = ("ptq", "nncf", "ort")

__all__ = ["METHODS", "HeldOut", "QatOptions", "QuantizeResult", "quantize", "tflite_path"]


@dataclass(frozen=True)
class HeldOut:
    """Recordings to measure the accuracy drop on, none of which was trained or calibrated with.

    Attributes:
        data: manifest, or path of a data set.
        select: which clips; ``split=test`` by default, where there is one, else all.
    """

    data: str | Path | Manifest
    select: str | None = None


def quantize(
    model: str | Path,
    calibration: str | Path | np.ndarray | Manifest,
    out: str | Path,
    *,
    select: str | None = None,
    clips: int | None = None,
    method: Method = "ptq",
    ptq: PtqOptions | None = None,
    mixed_ram: int | None = None,
    qat: QatOptions | None = None,
    sensitivity: bool = False,
    test: HeldOut | None = None,
    budgets: Sequence[str | Path | Budget] = (),
    report: str | Path | None = None,
    frontend: str | Path | FrontendSpec | None = None,
    dims: Mapping[str, int] | None = None,
    rounding: str | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> QuantizeResult:
    """Quantize a float model; write ``out`` and, beside it, its QDQ ONNX (``OUT.qdq.onnx``).

    Nothing is written unless everything succeeded (but a fine-tuning's run folder); no operator stays in float.

    Args:
        model: ``.onnx`` (or float ``.tflite``). One with QuantizeLinear (of NNCF, ONNX Runtime, torchao) keeps its
            own integers and scales; ``calibration`` gives those that it leaves open, and nothing else may be asked for.
        calibration: manifest, path of a data set, ``.npz`` of features, or array of features [N, H, W, C].
        out: the ``.tflite`` to write.
        select: clips of a data set; by default ``split=train`` where there is one, else all.
        clips: most clips to calibrate with (512 of a data set).
        method: "ptq", or another package's post-training quantizer: "nncf", "ort" (ONNX models).
        ptq: how "ptq" quantizes; when None its defaults, and int16 where int8 is not near enough ("auto").
            With ``prune`` it needs ``qat``, which trains what is left.
        mixed_ram: let layers compute in int16, the costliest first, while planned activation memory stays within so
            many bytes.
        qat: train on afterwards.
        sensitivity: measure every layer, and draw ``OUT.sensitivity.svg``.
        test: recordings to measure the accuracy drop on.
        budgets: names, files or Budgets that the integer model is held against; see ``QuantizeResult.verdict``.
        report: HTML page to write; needs ``test``.
        frontend: for a model that names none; must be the one it was made for.
        dims: sizes of unknown dimensions by name.
        rounding: "twice", as TensorFlow Lite and TFLM round a rescaled sum, or "once", as these do when they are built
            with TFLITE_SINGLE_ROUNDING, and ONNX Runtime nearly; None: as the file says, else twice.
        cache: folder of decoded audio.
        progress: told about every long step.

    Raises:
        UnsupportedOpError: the model is quantized already.
        StaysFloatError: it holds operators without integer form; all of them are listed.
        DigestMismatchError: the calibration was made by another front-end.
        DataError: nothing to calibrate with, NaN, silence, a wrong shape.
        EdgekitError: a damaged file, an impossible option, a missing package.
    """
    from edgekit.quantize.calibrate import check_clips
    from edgekit.quantize.ptq import PtqOptions

    target = tflite_path(Path(out))
    own = {"--qat": qat is not None, "--sensitivity": sensitivity, "--mixed-ram": mixed_ram is not None}
    _check_options(method, own, test=test, report=report, budgets=budgets)
    plain = method == "ptq" and qat is None and ptq is None and mixed_ram is None and not sensitivity
    source = open_source(Path(model), dims, plain=plain, rounding=rounding)
    given = calibration_clips(
        source.graph, calibration, select=select, clips=clips, frontend=frontend, cache=cache, progress=progress
    )
    features = check_clips(source.graph, given)
    options = ptq or PtqOptions(widths="auto")
    if options.prune is not None and qat is None:
        raise BadConfigError("what is left must be trained on", where="--prune", mend="name the run with --qat RUN")
    if options.widths == "auto":
        otherwise = qat is not None or mixed_ram is not None
        options = source.with_widths(features, method, options, otherwise, progress)
    if mixed_ram is not None:
        from edgekit.quantize.mixed import with_wide_layers

        options = with_wide_layers(source.graph, features, options, mixed_ram, progress)
    base, integer = source.integer(features, method, options, progress)
    if qat is not None:
        changed = options.prune is not None or options.cluster is not None or options.weights != "int8"
        integer = fine_tuned(base, integer, recovering(qat) if changed else qat, cache, progress)
    result = replace(
        _described(source, integer, features, target),
        method=source.method(method) + ("+qat" if qat else ""),
        observer=options.observer if source.method(method) == "ptq" else "",
        accuracy=None if test is None else _accuracy(source.graph, integer, test, frontend, cache, progress),
        qat_run=qat.folder if qat else None,
    )
    if sensitivity or (report is not None and source.method(method) == "ptq"):
        from edgekit.quantize.sensitivity import sensitivity as measure

        result = replace(result, sensitivity=measure(base, integer, features, progress))
    return _written(result, base, integer, features, sensitivity, budgets, report)


def tflite_path(out: Path) -> Path:
    """``out``, checked to be a name for a TFLite file.

    Raises:
        BadConfigError: another suffix.
    """
    if out.suffix != ".tflite":
        raise BadConfigError(f"{out.name!r} is no name for a TFLite file", where="-o", mend="end it in .tflite")
    return out


def _check_options(
    method: str, own: Mapping[str, bool], *, test: object, report: object, budgets: Sequence[object]
) -> None:
    """Contradictions, before any work is done."""
    if method not in METHODS:
        raise BadConfigError(f"unknown method {method!r}", where="--method", mend=f"use one of {', '.join(METHODS)}")
    asked = [option for option, given in own.items() if given]
    if method != "ptq" and asked:
        raise BadConfigError(f"needs edgekit's own quantizer, not {method}", where=asked[0], mend="leave --method out")
    if report is not None and test is None:
        raise BadConfigError("a report needs test clips", where="--report", mend="give them with --eval MANIFEST")
    if budgets and test is None:
        raise BadConfigError("a budget's accuracy needs test clips", where="--budget", mend="give --eval MANIFEST")


def _described(source: Source, integer: Graph, features: np.ndarray, target: Path) -> QuantizeResult:
    """What the graphs themselves say."""
    from edgekit.export.qdq_recurrent import has_qdq_form
    from edgekit.graph.rounding import rounding_of
    from edgekit.quantize.compare import compare

    scale, zero_point = integer.tensor(integer.inputs[0]).scale_zero()
    return QuantizeResult(
        model=source.path,
        tflite=target,
        qdq=target.with_suffix(".qdq.onnx") if has_qdq_form(integer) else None,
        method="",
        operators=dict(sorted(Counter(node.op for node in integer.nodes).items())),
        calibration_clips=len(features),
        observer="",
        input_scale=scale,
        input_zero_point=zero_point,
        constant_bytes=sum(tensor.nbytes for tensor in integer.tensors.values() if tensor.constant),
        difference=compare(source.graph, integer, features),
        rounding=rounding_of(integer),
        wide=sum(any(made.dtype == "int16" for made in integer.node_outputs(node)) for node in integer.nodes),
    )


def _accuracy(
    graph: Graph,
    integer: Graph,
    test: HeldOut,
    frontend: str | Path | FrontendSpec | None,
    cache: Path | None,
    progress: Progress,
) -> AccuracyDrop:
    from edgekit.api.calibration import model_frontend
    from edgekit.data.cache import AudioCache
    from edgekit.data.datasets import read_manifest
    from edgekit.data.manifest import Manifest
    from edgekit.data.selector import select_clips
    from edgekit.train.evaluation.comparison import compare
    from edgekit.train.evaluation.evaluation import evaluate_clips
    from edgekit.train.evaluation.selection import default_selection
    from edgekit.train.predictors import graph_predictor

    spec = model_frontend(graph, frontend)
    manifest = test.data if isinstance(test.data, Manifest) else read_manifest(test.data)
    chosen = select_clips(manifest, test.select or default_selection(manifest))
    recordings = AudioCache(chosen, spec.sample_rate, cache, progress)
    predictors = (graph_predictor(part, name, spec) for part, name in ((graph, "float"), (integer, "int8")))
    before, after = (evaluate_clips(predictor, recordings, progress) for predictor in predictors)
    return AccuracyDrop(before, after, compare(before, after))


def _written(
    result: QuantizeResult,
    base: Graph,
    integer: Graph,
    features: np.ndarray,
    figure: bool,
    budgets: Sequence[str | Path | Budget],
    report: str | Path | None,
) -> QuantizeResult:
    """Everything is made before the first file is written."""
    from edgekit.export.qdq_writer import qdq_model
    from edgekit.export.tflite_writer import tflite_bytes

    contents = {result.tflite: tflite_bytes(integer)}
    if result.qdq is not None:
        contents[result.qdq] = qdq_model(integer).SerializeToString(deterministic=True)
    texts: dict[Path, str] = {}
    if figure:
        from edgekit.api.quantize_page import sensitivity_figure

        texts[result.tflite.with_suffix(".sensitivity.svg")] = sensitivity_figure(result.sensitivity)
    if report is not None:
        from edgekit.api.quantize_page import quantize_page
        from edgekit.report.page import render

        texts[Path(report)] = render(quantize_page(result, base, integer, features))
    for path, content in contents.items():
        write_bytes(path, content)
    for path, text in texts.items():
        write_text(path, text)
    result = replace(result, further=tuple(texts))
    if budgets and result.accuracy is not None:
        from edgekit.api.check_budget import check_budget

        measured = {"accuracy": result.accuracy.after.scores.accuracy, "accuracy_drop": result.accuracy.share}
        result = replace(result, verdict=check_budget([result.tflite], list(budgets), measured=measured))
    return result
