"""One training run: Lightning as the loop, a run folder (core/run_files.py) as its result, resumable at every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer

from edgekit.core import run_files
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.files import write_json, write_text
from edgekit.data.cache import AudioCache
from edgekit.data.windows import evaluation_windows
from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import Checkpoint, load_checkpoint
from edgekit.train.dataset import ClipBatches
from edgekit.train.hearing import FrontEnd, front_end, input_shape
from edgekit.train.module import StudentModule
from edgekit.train.recipe import Recipe
from edgekit.train.run_keeper import RunKeeper
from edgekit.train.session import Session
from edgekit.train.stand_in import Epochs, StandIn
from edgekit.train.start import start_from, weights_file
from edgekit.train.surroundings import quiet, restored
from edgekit.train.tracking import open_tracker

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from edgekit.train.distillation.module import Teaching

_NORMALISE_CLIPS = 2000


def train_student(
    recipe: Recipe,
    train: AudioCache,
    valid: AudioCache | None,
    labels: tuple[str, ...],
    folder: Path,
    session: Session,
    teaching: Teaching | None = None,
    stand_in: StandIn | None = None,
) -> dict[str, Any]:
    """Train until the recipe's last epoch and write the run folder; goes on from ``last.ckpt`` where there is one.

    Returns what ``metrics.json`` holds. A run that was killed and resumed ends with the weights of one that was not,
    bit for bit on the CPU. With ``teaching``, the loss is that of the recipe's ``[distillation]``. A ``stand_in`` is
    trained in place of the recipe's model. The session's tracker (tracking.py) is told every epoch.

    Raises:
        EdgekitError: the loss is no longer finite; ``checkpoint.safetensors`` then holds the last good epoch.
        BadFileError: ``last.ckpt`` is damaged.
        BadConfigError: the model does not fit the features, or there is no such device.
    """
    if session.device == "cuda" and not torch.cuda.is_available():
        raise BadConfigError("torch finds no CUDA device", where="--device cuda", mend="use --device cpu")
    with quiet(), restored():
        torch.manual_seed(recipe.seed)
        spec = normalised(recipe, train)
        template = Checkpoint(
            model=stand_in.name if stand_in else recipe.model.name,
            arguments={**recipe.model.arguments, "classes": len(labels)},
            frontend=spec,
            labels=labels,
            weights={},
            recipe=recipe.to_json(),
            windows=recipe.windows,
        )
        model = stand_in.module if stand_in else build_model(template.model, **template.arguments)
        _check_shape(model, spec, recipe)
        if recipe.start.weights:
            estimated = recipe.frontend.normalise != "spec"
            started = start_from(model, template, recipe.start, estimated=estimated)
            write_json(folder / run_files.START, started.to_json())
        batches = ClipBatches(train, labels, spec.clip_samples, recipe, world=session.devices)
        module = _module(model, front_end(model, spec), batches, valid, recipe, labels, teaching)
        write_text(folder / run_files.FRONTEND, spec.canonical() + "\n")
        keeper = RunKeeper(folder, template, recipe, session.progress, session.watch)
        state = folder / run_files.STATE
        logger = open_tracker(session.tracker, folder, recipe) if session.tracker else None
        callbacks = [keeper, *([Epochs(stand_in)] if stand_in else [])]
        trainer = make_trainer(recipe, session.device, session.devices, callbacks, logger)
        _fit(trainer, module, state if state.is_file() else None)
    if trainer.is_global_zero:
        write_json(folder / run_files.METRICS, keeper.metrics())
    return keeper.metrics()


def _module(
    model: torch.nn.Module,
    frontend: FrontEnd,
    batches: ClipBatches,
    valid: AudioCache | None,
    recipe: Recipe,
    labels: tuple[str, ...],
    teaching: Teaching | None,
) -> StudentModule:
    """What Lightning trains: the student alone, or under its teachers."""
    if teaching is None:
        return StudentModule(model, frontend, batches, valid, recipe, labels)
    from edgekit.train.distillation.module import DistilledModule

    return DistilledModule(model, frontend, batches, valid, recipe, labels, teaching)


def normalised(recipe: Recipe, train: AudioCache) -> FrontendSpec:
    """The recipe's spec; with ``normalise = "estimate"``, mean and std of its features over the training clips.

    At most 2,000 windows of evaluation, evenly spaced, unaugmented. Rounded to six digits, so that the spec reads well.
    """
    spec = recipe.frontend.spec()
    if recipe.frontend.normalise == "spec":
        return spec
    if recipe.frontend.normalise == "start":
        known = load_checkpoint(weights_file(recipe.start)).frontend
        return spec.replace(mean=known.mean, std=known.std)
    frontend = TorchFrontend(spec.replace(mean=0.0, std=1.0))
    heard = evaluation_windows(train, np.arange(len(train)), spec.clip_samples, recipe.windows)
    chosen = np.unique(np.linspace(0, len(heard) - 1, min(len(heard), _NORMALISE_CLIPS)).astype(np.int64))
    sums = np.zeros(3)
    for part in np.array_split(chosen, -(-len(chosen) // 128)):
        pcm = train.windows(heard.clips[part], spec.clip_samples, heard.offsets[part])
        features = frontend(torch.from_numpy(pcm)).double()
        sums += [features.numel(), float(features.sum()), float(features.square().sum())]
    mean = sums[1] / sums[0]
    std = max(1e-3, float(np.sqrt(max(0.0, sums[2] / sums[0] - mean**2))))
    return spec.replace(mean=float(f"{mean:.6g}"), std=float(f"{std:.6g}"))


def make_trainer(
    recipe: Recipe, device: str, devices: int, callbacks: list[Callback], logger: Logger | None = None
) -> Trainer:
    """Lightning's trainer for one run of ``recipe`` on "cpu", "cuda" or "auto", in ``devices`` processes."""
    return Trainer(
        accelerator={"cpu": "cpu", "cuda": "gpu", "auto": "auto"}[device],
        devices=devices,
        strategy=_strategy(recipe, devices),
        precision="bf16-mixed" if recipe.schedule.precision == "bfloat16" else "32-true",
        accumulate_grad_batches=recipe.schedule.accumulate,
        max_epochs=recipe.schedule.epochs,
        callbacks=callbacks,
        logger=logger or False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        deterministic="warn",
    )


def _strategy(recipe: Recipe, devices: int) -> str:
    """Parameters at rest get no gradient, which plain DDP would wait for."""
    if devices == 1:
        return "auto"
    return "ddp_find_unused_parameters_true" if recipe.start.freezes else "ddp"


def _fit(trainer: Trainer, module: StudentModule, state: Path | None) -> None:
    steps = StepNumbers(module.clips.steps)
    try:
        trainer.fit(module, train_dataloaders=steps, ckpt_path=str(state) if state else None, weights_only=True)
    except SystemExit as error:
        # Lightning turns Ctrl-C into exit(1); the caller shall see what the user did.
        raise KeyboardInterrupt from error
    except (RuntimeError, KeyError, EOFError, OSError) as error:
        if state is not None and trainer.global_step == 0:
            mend = "remove it, or train into another folder"
            raise BadFileError(f"cannot resume: {error}", where=str(state), mend=mend) from error
        raise
    finally:
        module.release()


class StepNumbers:
    """The "data loader": step numbers of one epoch, from which the module makes its batches."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(torch.arange(self.steps))


def _check_shape(model: torch.nn.Module, spec: FrontendSpec, recipe: Recipe) -> None:
    """Run one blank clip through: strides that eat up a small input fail here and not inside a native kernel."""
    height, width = input_shape(model, spec)
    where = f"recipe {recipe.name}"
    mend = "use smaller kernels or strides, or another front-end"

    def fits(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        padding, size = tuple(module.padding), tuple(inputs[0].shape[2:])  # type: ignore[arg-type]
        if any(pad > dim for pad, dim in zip(padding, size, strict=True)):
            # oneDNN's gradient of such a convolution writes outside its memory
            raise BadConfigError(f"a convolution pads {size} maps by {padding}", where=where, mend=mend)

    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    hooks = [module.register_forward_pre_hook(fits) for module in convolutions]
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, 1, height, width))
    except RuntimeError as error:
        text = f"model {recipe.model.name} does not take {height}×{width} features: {error}"
        raise BadConfigError(text, where=where, mend=mend) from error
    finally:
        for hook in hooks:
            hook.remove()
    model.train(was_training)
