"""Quantization-aware training: the fake-quantized twin, trained on as the run's own recipe says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.training import run_training
from edgekit.api.training_clips import Data, read_data, split_clips
from edgekit.core import run_files
from edgekit.core.digest import digest_bytes
from edgekit.core.errors import BadConfigError, DigestMismatchError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent
from edgekit.train.session import Session

if TYPE_CHECKING:
    from edgekit.data.cache import AudioCache
    from edgekit.graph.graph import Graph
    from edgekit.train.checkpoint import Checkpoint
    from edgekit.train.distillation.module import Teaching
    from edgekit.train.recipe import Recipe

EPOCHS = 24

FINE_TUNING: tuple[str, ...] = (
    "optimiser.name=adamw",
    "optimiser.weight_decay=0.0",
    "optimiser.learning_rate=5e-5",
    "schedule.warmup_epochs=0.0",
    "schedule.flat_epochs=0.0",
    "schedule.decay=linear",
    "schedule.final_factor=0.1",
    "schedule.ema_decay=0.0",
    "schedule.keep=last",
)
"""What differs from the run's recipe: Adam, 5e-5, linear decay to a tenth (CP-JKU 2023). The last weights are kept:
they are those that settled on the frozen scales."""


RECOVERY_RATE = 5e-4
"""Learning rate after pruning or clustering, which take more away than rounding does."""
OWN_WEIGHT, OWN_TEMPERATURE = 0.9, 2.0
"""Share and temperature of the float model's part of the loss, where it teaches its own twin."""


@dataclass(frozen=True, kw_only=True)
class QatOptions:
    """How to train on.

    Attributes:
        run: run folder of the float model: its recipe, front-end, labels.
        folder: run folder of the fine-tuning; the same command goes on with it.
        data: recordings to train with.
        train, valid: selections as for :func:`edgekit.api.train.train`.
        teachers: runs or stored logits; needed where the run was distilled, since its teacher stays on.
        own_teacher: a run that had none learns from its own float model, so that labels stay what they were.
        epochs: passes; the learning rate falls over the first two thirds, the scales rest in the last sixth.
        overrides: ``a.b=value`` settings of the recipe.
        device: "auto", "cpu" or "cuda".
    """

    run: Path
    folder: Path
    data: Data
    train: str | None = None
    valid: str | None = None
    teachers: Sequence[Path] = ()
    own_teacher: bool = True
    epochs: int = EPOCHS
    overrides: Sequence[str] = ()
    device: str = "auto"


def recovering(options: QatOptions) -> QatOptions:
    """``options`` with :data:`RECOVERY_RATE`, unless they set a learning rate."""
    return dataclasses.replace(options, overrides=(f"optimiser.learning_rate={RECOVERY_RATE}", *options.overrides))


def fine_tuned(
    graph: Graph, integer: Graph, options: QatOptions, cache: Path | None = None, progress: Progress = silent
) -> Graph:
    """The integer graph after quantization-aware training.

    Batch norm was folded when the model was lowered; what remains of it are weights and biases, which are trained.
    Scales are learned (:mod:`edgekit.quantize.fake_quant`) until the last sixth of the epochs.

    Args:
        graph: float edge graph of the run's model.
        integer: what post-training quantization made of it.
        options: how.
        cache: folder of decoded audio.
        progress: told about decoding and training.

    Raises:
        DigestMismatchError: the graph and the run have different front-ends.
        BadConfigError: a distilled run without its teacher, or options that contradict the run.
        UnsupportedOpError: an operator that goes on from clip to clip.
    """
    require("lightning.pytorch", "train")
    from edgekit.export.tflite_writer import tflite_bytes
    from edgekit.quantize.twin import FakeQuantTwin
    from edgekit.quantize.twin_recurrent import check_trainable
    from edgekit.train.checkpoint import load_checkpoint
    from edgekit.train.stand_in import StandIn

    check_trainable(graph)
    checkpoint = load_checkpoint(options.run)
    _check_same(graph, checkpoint, options.run)
    options, recipe = _taught(options, _recipe(options, checkpoint, digest_bytes(tflite_bytes(integer))))
    manifest = read_data(options.data)
    if tuple(manifest.labels) != checkpoint.labels:
        raise BadConfigError("the data has other labels than the run", where=str(options.run), mend="use its own data")
    teach, teachers = _teaching(options, recipe, manifest.labels)
    twin = FakeQuantTwin(graph, integer)
    resting = options.epochs - max(1, options.epochs // 6)

    def epoch_begins(epoch: int) -> None:
        if epoch >= resting:
            twin.freeze_scales()

    run_training(
        recipe,
        manifest,
        split_clips(manifest, options.train, options.valid),
        options.folder,
        Session(device=options.device, cache=cache, progress=progress),
        stand_in=StandIn(twin, f"{checkpoint.model}: fake-quantized twin", epoch_begins),
        teach=teach,
        teachers=teachers,
    )
    twin.load_state_dict(dict(load_checkpoint(options.folder).weights))
    return twin.integer_graph()


def _check_same(graph: Graph, checkpoint: Checkpoint, run: Path) -> None:
    from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, MODEL_KEY

    for key, what in ((FRONTEND_DIGEST_KEY, "front-end"), (MODEL_KEY, "model")):
        own, theirs = graph.metadata.get(key), checkpoint.metadata[key]
        if own is not None and own != theirs:
            raise DigestMismatchError(
                f"the run has another {what} than the model", where=str(run), mend="export this run again"
            )


def _recipe(options: QatOptions, checkpoint: Checkpoint, base: str) -> Recipe:
    """The run's recipe for fine-tuning; ``base`` is the digest of the integer graph it starts from."""
    from edgekit.train.recipe import FrontendChoice
    from edgekit.train.recipe_file import load_recipe
    from edgekit.train.start_choice import Start

    file = options.run / run_files.RECIPE
    if not file.is_file():
        raise BadConfigError("is no run folder (no recipe.toml)", where=str(options.run), mend="name one with --qat")
    length = (f"schedule.epochs={options.epochs}", f"schedule.decay_epochs={max(1, 2 * options.epochs // 3)}")
    recipe = load_recipe(file, (*FINE_TUNING, *length, *options.overrides))
    if recipe.schedule.epochs != options.epochs:
        raise BadConfigError("schedule.epochs is set twice", where="--set", mend="use --epochs")
    spec = checkpoint.frontend
    fields = {**recipe.frontend.fields, "mean": spec.mean, "std": spec.std}
    frontend = FrontendChoice(preset=recipe.frontend.preset, fields=fields, normalise="spec")
    if frontend.spec().digest != spec.digest:
        raise DigestMismatchError("its recipe makes another front-end", where=str(options.run), mend="train it again")
    choice = recipe.distillation
    if not choice.off:
        # The twin has one head and no inner layers to tap: what remains of a teacher is what it says.
        choice = dataclasses.replace(
            choice, logits=choice.logits if choice.logits == "none" else "hinton", features="none",
            synchronise_patchout=False,
        )  # fmt: skip
    about = f"Quantization-aware fine-tuning of {recipe.name} from int8 {base}."
    return dataclasses.replace(recipe, about=about, frontend=frontend, distillation=choice, start=Start())


def _taught(options: QatOptions, recipe: Recipe) -> tuple[QatOptions, Recipe]:
    """A run that had no teacher, with its own float model as teacher, unless told otherwise."""
    told = any(override.startswith("distillation.") for override in options.overrides)
    if not options.own_teacher or told or options.teachers or not recipe.distillation.off:
        return options, recipe
    from edgekit.train.distillation.choice import Distillation

    choice = Distillation(logits="hinton", weight=OWN_WEIGHT, temperature=OWN_TEMPERATURE)
    return dataclasses.replace(options, teachers=[options.run]), dataclasses.replace(recipe, distillation=choice)


def _teaching(
    options: QatOptions, recipe: Recipe, labels: tuple[str, ...]
) -> tuple[Callable[[AudioCache], Teaching] | None, Sequence[str]]:
    """What makes the teachers, and their digests, for :func:`run_training`."""
    if recipe.distillation.off:
        if options.teachers:
            raise BadConfigError("the run had no teacher", where="--teacher", mend="leave it out")
        return None, ()
    from edgekit.api.distill import open_teaching, teacher_digests

    if not options.teachers:
        raise BadConfigError(
            "the run was distilled, and its teacher stays on",
            where=str(options.run),
            mend="name it with --teacher, or --set distillation.logits=none --set distillation.features=none",
        )
    paths = list(options.teachers)

    def teach(training: AudioCache) -> Teaching:
        return open_teaching(paths, training, labels)

    return teach, teacher_digests(paths, recipe)
