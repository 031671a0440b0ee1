"""One training run: Lightning as the loop, a run folder as its result, resumable at every epoch.

RUN/recipe.toml               the resolved recipe, with the digest of everything that decides the run
RUN/frontend.json             the spec, normalisation included
RUN/last.ckpt                 loop state of the last finished epoch
RUN/history.csv               one row an epoch
RUN/checkpoint.safetensors    the weights to use
RUN/metrics.json              validation scores of these weights; written when the run has ended
"""

from __future__ import annotations

import csv
import io
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.files import atomic_path, write_json, write_text
from edgekit.core.progress import Progress
from edgekit.data.cache import AudioCache
from edgekit.features.spec import FrontendSpec
from edgekit.features.torch_frontend import TorchFrontend
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import FILE_NAME, Checkpoint, save_checkpoint
from edgekit.train.dataset import ClipBatches, plain_windows
from edgekit.train.module import StudentModule
from edgekit.train.recipe import Recipe

STATE = "last.ckpt"
METRICS = "metrics.json"
_NORMALISE_CLIPS = 2000


def train_student(
    recipe: Recipe,
    train: AudioCache,
    valid: AudioCache | None,
    labels: tuple[str, ...],
    folder: Path,
    *,
    device: str,
    devices: int,
    progress: Progress,
) -> None:
    """Train until the recipe's last epoch and write the run folder; goes on from ``last.ckpt`` where there is one.

    A run that was killed and resumed ends with the weights of one that was not, bit for bit on the CPU.

    Raises:
        EdgekitError: the loss is no longer finite; ``checkpoint.safetensors`` then holds the last good epoch.
        BadFileError: ``last.ckpt`` is damaged.
    """
    torch.manual_seed(recipe.seed)
    spec = normalised(recipe, train)
    arguments = {**recipe.model.arguments, "classes": len(labels)}
    model = build_model(recipe.model.name, **arguments)
    _check_shape(model, spec, recipe)
    batches = ClipBatches(train, labels, spec.clip_samples, recipe, world=devices)
    module = StudentModule(model, TorchFrontend(spec), batches, valid, recipe, labels)
    template = Checkpoint(
        model=recipe.model.name,
        arguments=arguments,
        frontend=spec,
        labels=labels,
        weights={},
        recipe=recipe.to_json(),
    )
    write_text(folder / "frontend.json", spec.canonical() + "\n")
    keeper = RunKeeper(folder, template, recipe, progress)
    state = folder / STATE
    with _quiet():
        trainer = _trainer(recipe, device, devices, keeper)
        _fit(trainer, module, state if state.is_file() else None)
    if trainer.is_global_zero:
        write_json(folder / METRICS, keeper.metrics())


def normalised(recipe: Recipe, train: AudioCache) -> FrontendSpec:
    """The recipe's spec; with ``normalise = "estimate"``, mean and std of its features over the training clips.

    At most 2,000 clips, evenly spaced, unaugmented. Rounded to six digits, so that the spec reads well.
    """
    spec = recipe.frontend.spec()
    if recipe.frontend.normalise == "spec":
        return spec
    frontend = TorchFrontend(spec.replace(mean=0.0, std=1.0))
    chosen = np.unique(np.linspace(0, len(train) - 1, min(len(train), _NORMALISE_CLIPS)).astype(np.int64))
    sums = np.zeros(3)
    for part in np.array_split(chosen, -(-len(chosen) // 128)):
        features = frontend(torch.from_numpy(plain_windows(train, spec.clip_samples, part))).double()
        sums += [features.numel(), float(features.sum()), float(features.square().sum())]
    mean = sums[1] / sums[0]
    std = max(1e-3, float(np.sqrt(max(0.0, sums[2] / sums[0] - mean**2))))
    return spec.replace(mean=float(f"{mean:.6g}"), std=float(f"{std:.6g}"))


class RunKeeper(Callback):
    """Validates, keeps the best weights, writes history and loop state at the end of every epoch."""

    def __init__(self, folder: Path, template: Checkpoint, recipe: Recipe, progress: Progress) -> None:
        self.folder, self.template, self.recipe, self.progress = folder, template, recipe, progress
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {}
        self.started = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the time."""
        self.started = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Report progress in steps of the whole run."""
        self.progress("training", trainer.global_step, self.recipe.schedule.epochs * pl_module.clips.steps)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Validate, keep, write; a kill between two of the writes costs at most this epoch."""
        epoch = trainer.current_epoch + 1
        last = epoch == self.recipe.schedule.epochs
        due = last or epoch % self.recipe.schedule.valid_every == 0
        scores = pl_module.validate() if due else None
        row: dict[str, Any] = {"epoch": epoch, "train_loss": pl_module.loss_sum / max(1, pl_module.loss_count)}
        row["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        if scores:
            row["valid_loss"] = scores.log_loss
            row["valid_accuracy"] = scores.accuracy
            row["valid_macro_accuracy"] = scores.macro_accuracy
        row["seconds"] = round(time.monotonic() - self.started, 3)
        pl_module.loss_sum, pl_module.loss_count = 0.0, 0
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        rank = (scores.macro_accuracy, -scores.log_loss) if scores else None
        if self._better(rank, due=due):
            self.best = {"epoch": epoch, "rank": rank, "scores": scores.to_json() if scores else None}
            weights = {name: value.detach().cpu() for name, value in pl_module.kept.state_dict().items()}
            template = self.template
            save_checkpoint(
                Checkpoint(
                    model=template.model,
                    arguments=template.arguments,
                    frontend=template.frontend,
                    labels=template.labels,
                    weights=weights,
                    metrics=self.metrics(),
                    recipe=template.recipe,
                ),
                self.folder / FILE_NAME,
            )
        write_text(self.folder / "history.csv", _csv(self.rows))
        with atomic_path(self.folder / STATE) as temporary:
            trainer.save_checkpoint(temporary)

    def metrics(self) -> dict[str, Any]:
        """What the kept weights scored."""
        return {"epoch": self.best.get("epoch"), "validation": self.best.get("scores")}

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know; goes into ``last.ckpt``."""
        return {"rows": self.rows, "best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Back from ``last.ckpt``."""
        self.rows, self.best = list(state_dict["rows"]), dict(state_dict["best"])

    def _better(self, rank: tuple[float, float] | None, *, due: bool) -> bool:
        if self.recipe.schedule.keep == "last" or rank is None:
            return due
        return not self.best or tuple(self.best["rank"]) < rank


def _trainer(recipe: Recipe, device: str, devices: int, keeper: RunKeeper) -> Trainer:
    return Trainer(
        accelerator={"cpu": "cpu", "cuda": "gpu", "auto": "auto"}[device],
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        max_epochs=recipe.schedule.epochs,
        gradient_clip_val=recipe.schedule.clip_norm or None,
        callbacks=[keeper],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        deterministic="warn",
    )


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
    height, width = spec.input_shape[1:3]
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


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's banners, tips and warnings about loaders tell an edgekit user nothing."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.optim\.lr_scheduler")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
