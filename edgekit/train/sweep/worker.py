"""One worker of a sweep: asks for trials, trains them, tells; and takes over what a dead worker left.

What a worker asks for depends on the trials told before and on how many there are, not on a generator that runs on:
killed and started again, a single worker ends with the trials that it would have had.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.core.errors import EdgekitError
from edgekit.core.optional import require
from edgekit.data.lock import exclusive
from edgekit.train.sweep.space import Choice, Space

if TYPE_CHECKING:
    import optuna

Watch = Callable[[int, float], None]
"""``watch(epoch, gain)`` after each validation; raises to stop a trial."""
STALE_SECONDS = 3600.0
"""A worker on another machine that has not said anything for so long is taken for dead."""


@dataclass(frozen=True)
class Costs:
    """What a trial's model costs, before it is trained.

    Attributes:
        values: "macs", "parameters", "parameter_bytes", and what else is to be kept.
        excess: largest share by which a limit of the budget is exceeded; 0 and less where it is kept.
        why: which limit, in words.
    """

    values: Mapping[str, int]
    excess: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Task:
    """How trials are judged and trained.

    Attributes:
        costs: of the model that these values make.
        train: trains these values in a folder, reports to the watch, and returns the gain that was reached.
    """

    costs: Callable[[Mapping[str, Any]], Costs]
    train: Callable[[Mapping[str, Any], Path, Watch], float]


class Worker:
    """Works on a study until it has the space's number of trials.

    Args:
        study: of :func:`edgekit.train.sweep.storage.open_study`.
        space: what is searched.
        folder: of the sweep; trials are trained in ``folder/trials/NNNN``.
    """

    def __init__(self, study: optuna.Study, space: Space, folder: Path) -> None:
        self.study, self.space, self.folder = study, space, folder
        self.optuna = require("optuna", "sweep")
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def work(self, task: Task, told: Callable[[int], None]) -> None:
        """Ask, train and tell until enough trials are told or under way; ``told`` gets how many there are."""
        workers = self.folder / "workers"
        workers.mkdir(parents=True, exist_ok=True)
        with _held(workers / f"{self.name}.lock"):
            while True:
                with exclusive(self.folder / "ask.lock"):
                    self._recover(workers)
                    trial = self._ask()
                if trial is None:
                    return
                self._try(trial, task)
                told(len(self.counted()))

    def counted(self) -> list[optuna.trial.FrozenTrial]:
        """Trials that count: all but those that another one retries."""
        trials = self.study.get_trials(deepcopy=False)
        again = {trial.user_attrs.get("retry_of") for trial in trials}
        return [trial for trial in trials if trial.number not in again]

    def _ask(self) -> optuna.trial.Trial | None:
        """The next trial; None where there are enough."""
        counted = self.counted()
        waiting = [t for t in counted if t.state == self.optuna.trial.TrialState.WAITING]
        if not waiting and len(counted) >= self.space.trials:
            return None
        self.study.sampler = self._sampler(len(counted) - len(waiting))
        trial = self.study.ask()
        if "place" not in trial.user_attrs:
            trial.set_user_attr("place", f"{len(counted):04d}")
        trial.set_user_attr("worker", self.name)
        trial.set_user_attr("beat", time.time())
        return trial

    def _sampler(self, index: int) -> optuna.samplers.BaseSampler:
        """A sampler whose draws belong to the trial with this index."""
        seed = int(np.random.SeedSequence([self.space.seed, index]).generate_state(1)[0] % 2**31)
        if self.space.sampler == "random":
            sampler: optuna.samplers.BaseSampler = self.optuna.samplers.RandomSampler(seed=seed)
            return sampler
        start = min(10, max(4, self.space.trials // 4))
        tpe: optuna.samplers.BaseSampler = self.optuna.samplers.TPESampler(seed=seed, n_startup_trials=start)
        return tpe

    def _recover(self, workers: Path) -> None:
        """Fail the trials of dead workers and line them up again, in the same folder with the same values."""
        state = self.optuna.trial.TrialState
        for trial in self.study.get_trials(deepcopy=False, states=(state.RUNNING,)):
            if not _dead(workers / f"{trial.user_attrs.get('worker', '')}.lock", trial.user_attrs.get("beat", 0.0)):
                continue
            self.study.tell(trial.number, state=state.FAIL)
            attributes = {"retry_of": trial.number, "place": trial.user_attrs.get("place", f"{trial.number:04d}")}
            # Values that were drawn only in part are drawn again, from the same seed.
            complete = len(trial.params) == len(self.space.choices)
            self.study.enqueue_trial(trial.params if complete else {}, user_attrs=attributes)

    def _try(self, trial: optuna.trial.Trial, task: Task) -> None:
        """Train one trial and tell how it ended."""
        state = self.optuna.trial.TrialState
        values = {choice.key: suggest(trial, choice) for choice in self.space.choices}
        try:
            costs = task.costs(values)
            trial.set_user_attr("costs", dict(costs.values))
            trial.set_constraint("budget", costs.excess)
            if costs.excess > 0.0:
                trial.set_user_attr("why", costs.why)
                self.study.tell(trial, state=state.PRUNED)
                return
            gain = task.train(values, self.folder / "trials" / trial.user_attrs["place"], self._watch(trial))
        except self.optuna.TrialPruned:
            trial.set_user_attr("why", "worse than half of the earlier trials at this epoch")
            self.study.tell(trial, state=state.PRUNED)
        except EdgekitError as error:
            trial.set_user_attr("why", str(error))
            self.study.tell(trial, state=state.FAIL)
        else:
            self.study.tell(trial, [gain, *(costs.values[name] for name in self.space.objectives[1:])])

    def _watch(self, trial: optuna.trial.Trial) -> Watch:
        """Keeps the storage informed; raises TrialPruned where the pruner says so."""

        def watch(epoch: int, gain: float) -> None:
            trial.set_user_attr("beat", time.time())
            if len(self.space.objectives) == 1:
                trial.report(gain, epoch)
                if trial.should_prune():
                    raise self.optuna.TrialPruned

        return watch


def suggest(trial: optuna.trial.Trial, choice: Choice) -> Any:
    """The trial's value of one key."""
    if choice.values:
        # Lists and tables travel as text: a storage holds plain values only.
        texts = [json.dumps(value) for value in choice.values]
        return json.loads(trial.suggest_categorical(choice.key, texts))
    if all(isinstance(number, int) for number in (choice.low, choice.high, choice.step)):
        low, high = int(choice.low), int(choice.high)
        return trial.suggest_int(choice.key, low, high, step=int(choice.step) or 1, log=choice.log)
    return trial.suggest_float(choice.key, choice.low, choice.high, step=choice.step or None, log=choice.log)


@contextlib.contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold ``lock``: whoever finds it free knows that this worker is dead."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
    lock.unlink(missing_ok=True)


def _dead(lock: Path, beat: float) -> bool:
    if not lock.is_file():  # ended, or on a machine whose folder this is not
        return time.time() - beat > STALE_SECONDS
    with lock.open("r") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    lock.unlink(missing_ok=True)
    return True
