"""What a run writes at the end of every epoch: history, loop state, and the weights to keep."""

from __future__ import annotations

import csv
import dataclasses
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from edgekit.core import run_files
from edgekit.core.files import atomic_path, write_text
from edgekit.core.progress import Progress
from edgekit.train.checkpoint import Checkpoint, save_checkpoint
from edgekit.train.evaluation.metrics import Scores
from edgekit.train.recipe import Recipe
from edgekit.train.source_link import stored_tensors

Watch = Callable[[int, Scores], None]
"""``watch(epoch, scores)`` after an epoch was validated and written; what it raises ends the run there."""


class RunKeeper(Callback):
    """Validates, keeps the best weights, writes history and loop state at the end of every epoch."""

    def __init__(
        self, folder: Path, template: Checkpoint, recipe: Recipe, progress: Progress, watch: Watch | None = None
    ) -> None:
        self.folder, self.template, self.recipe, self.progress = folder, template, recipe, progress
        self.watch = watch
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
        row: dict[str, Any] = {"epoch": epoch, "train_loss": pl_module.losses.mean()}
        pl_module.end_epoch()
        scores = pl_module.validate() if due else None
        row["learning_rate"] = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        if scores:
            row["valid_loss"] = scores.log_loss
            row["valid_accuracy"] = scores.accuracy
            row["valid_macro_accuracy"] = scores.macro_accuracy
        row["seconds"] = round(time.monotonic() - self.started, 3)
        self.rows.append(row)
        rank = (scores.macro_accuracy, -scores.log_loss) if scores else None
        if self._better(rank, due=due):
            self.best = {"epoch": epoch, "rank": rank, "scores": scores.to_json() if scores else None}
            if trainer.is_global_zero:
                learned = stored_tensors(pl_module.kept, pl_module.kept.state_dict())
                weights = {name: value.detach().cpu() for name, value in learned.items()}
                kept = dataclasses.replace(self.template, weights=weights, metrics=self.metrics())
                save_checkpoint(kept, self.folder / run_files.CHECKPOINT)
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self.folder / run_files.STATE)  # collective: the first process waits
            return
        write_text(self.folder / run_files.HISTORY, _csv(self.rows))
        if trainer.logger is not None:
            trainer.logger.log_metrics({name: value for name, value in row.items() if name != "epoch"}, step=epoch)
        with atomic_path(self.folder / run_files.STATE) as temporary:
            trainer.save_checkpoint(temporary)
        if self.watch is not None and scores:
            self.watch(epoch, scores)

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


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
