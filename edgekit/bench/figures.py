"""Times of one runner: how many runs, what is made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.bench.energy import EnergyMeter
from edgekit.bench.model_process import ModelProcess, Times
from edgekit.bench.protocol import What
from edgekit.core.errors import BadConfigError
from edgekit.core.quantity import Quantity

RANKS = {"p50": 50, "p90": 90, "p99": 99}
SLACK_S = 120.0
"""Waited beyond what the runs should take: the machine may be busy."""


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        warmup: runs that are not timed.
        runs: most timed runs.
        fewest: timed runs that are made however long they take.
        seconds: what the timed runs may take about.
    """

    warmup: int = 10
    runs: int = 300
    fewest: int = 20
    seconds: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.fewest <= self.runs or self.warmup < 1 or self.seconds <= 0:
            raise BadConfigError("no such measurement", mend="give at least one warm-up run, one run and some time")

    def runs_for(self, nanoseconds: float) -> int:
        """Timed runs of something that takes so long."""
        return int(np.clip(self.seconds * 1e9 / max(nanoseconds, 1.0), self.fewest, self.runs))


def timed(process: ModelProcess, what: What, plan: Plan) -> Times:
    """Times of single runs, batch 1, back to back, after the warm-up."""
    probe = process.times(what, 1, 3, SLACK_S)
    once = float(np.median(probe.wall))
    runs = plan.runs_for(once)
    warmup = min(plan.warmup, max(1, runs // 2))
    return process.times(what, warmup, runs, SLACK_S + 10 * (warmup + runs) * once / 1e9)


def latency(times: Times) -> dict[str, Quantity]:
    """p50, p90 and p99 of the time that passed, ms."""
    note = f"{len(times.wall)} runs, batch 1"
    return {
        key: Quantity(float(np.percentile(times.wall, rank)) / 1e6, "ms", "measured", caveat=note)
        for key, rank in RANKS.items()
    }


def rates(times: Times) -> dict[str, Quantity]:
    """Throughput back to back, and the median of the processor time, which other load hardly moves."""
    return {
        "inferences_per_second": Quantity(1e9 * len(times.wall) / float(times.wall.sum()), "1/s", "measured"),
        "processor_ms": Quantity(float(np.median(times.cpu)) / 1e6, "ms", "measured", caveat="median, all threads"),
    }


def energy(process: ModelProcess, plan: Plan, once_ns: float, meter: EnergyMeter) -> Quantity:
    """Joules of the whole package or device over runs back to back, per inference."""
    runs = plan.runs_for(once_ns)
    before = meter.joules()
    process.times("model", 1, runs, SLACK_S + 10 * runs * once_ns / 1e9)
    spent = meter.since(before)
    return Quantity(spent / runs, "J", "measured", caveat=f"{meter.what}, idle share included")
