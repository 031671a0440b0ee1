"""Every model of the onnx package's backend suites through check-budget: counted, or undecided with a reason.

    python benchmarks/budget_corpus.py [--sample N]

The suites are the node cases that the package generates and the models that lie in it. A model passes against a budget
that everything keeps only if every limit was decided. A PASS is wrong when the peer (budget_peer.py) contradicts it,
which runs the model on the suite's own inputs and counts from the arrays that come out. The exit code is 1 after a
crash, an undecided model without a reason, or a wrong PASS.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from budget_peer import peer_macs
from cases import ROOMY
from google.protobuf.message import DecodeError
from results_file import write_results

from edgekit.api.check_budget import check_budget
from edgekit.core.verdict import ModelVerdict


@dataclass(frozen=True)
class Case:
    """One model of a suite with one set of inputs, where the suite has one."""

    suite: str
    name: str
    model: Any
    inputs: list[Any] | None


def suites() -> Iterator[Case]:
    """Every model of the package."""
    import onnx.backend.test
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        generated = collect_testcases(None)  # type: ignore[arg-type] - None means all operators
    for case in generated:
        inputs = list(case.data_sets[0][0]) if case.data_sets else None
        yield Case("node (generated)", case.name, case.model, inputs)
    data = Path(onnx.backend.test.__file__).parent / "data"
    for path in sorted(data.rglob("*.onnx")):
        yield Case(path.relative_to(data).parts[0], path.parent.name, onnx.load(path), _stored_inputs(path))


def _stored_inputs(path: Path) -> list[Any] | None:
    """Arrays of ``test_data_set_0`` beside a model, None where they are absent or no plain tensors."""
    files = sorted((path.parent / "test_data_set_0").glob("input_*.pb"), key=lambda file: int(file.stem[6:]))
    try:
        return [onnx.numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes())) for file in files] or None
    except (ValueError, TypeError, DecodeError):
        return None


def judge(path: Path, budget: Path) -> ModelVerdict:
    """The verdict of the public function."""
    return check_budget(path, budget).models[0]


def reason(verdict: ModelVerdict) -> str:
    """Why a model is undecided: the first finding that says so."""
    return next((finding.message for finding in verdict.findings if finding.outcome != "pass"), "")


def kind_of(text: str) -> str:
    """A reason without its names and numbers."""
    for word in ("sub-graph", "sequences", "has no counting rule", "element type", "is not known", "nothing to judge"):
        if word in text:
            return word
    return "other"


class Tally:
    """What was found so far."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.reasons: Counter[str] = Counter()
        self.wrong: list[dict[str, str]] = []
        self.checked = 0
        self.slowest = 0.0

    def add(self, case: Case, path: Path, budget: Path) -> None:
        """Judge one model."""
        path.write_bytes(case.model.SerializeToString())
        begin = time.perf_counter()
        try:
            verdict = judge(path, budget)
        except Exception:
            self._wrong(case, traceback.format_exc(limit=-1))
            return
        self.slowest = max(self.slowest, time.perf_counter() - begin)
        refused = any(finding.rule == "readable" for finding in verdict.findings)
        outcome = "refused" if refused else "counted" if verdict.outcome == "pass" else "undecided"
        self.counts.setdefault(case.suite, Counter())[outcome] += 1
        if outcome == "counted":
            self._compare(case, verdict)
            return
        text = reason(verdict)
        self.reasons[kind_of(text)] += 1
        if not text or verdict.outcome == "fail":
            self._wrong(case, f"{verdict.outcome} without a reason")

    def _compare(self, case: Case, verdict: ModelVerdict) -> None:
        expected = None if case.inputs is None else peer_macs(case.model, case.inputs)
        if expected is None:
            return
        self.checked += 1
        quantity = verdict.quantities["macs_true"]
        if quantity is None or quantity.value != expected:
            self._wrong(case, f"{None if quantity is None else quantity.value} MACs, the peer says {expected}")

    def _wrong(self, case: Case, what: str) -> None:
        self.wrong.append({"suite": case.suite, "case": case.name, "what": what})

    def rows(self) -> list[dict[str, Any]]:
        """One row a suite."""
        kinds = ("counted", "undecided", "refused")
        return [
            {"suite": suite, "models": found.total(), **{kind: found[kind] for kind in kinds}}
            for suite, found in self.counts.items()
        ]


def main() -> int:
    """Judge all models, write the result; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=1, help="judge every N-th model only, write no result")
    step = parser.parse_args().sample
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        budget = Path(name) / "roomy.toml"
        budget.write_text(ROOMY)
        for index, case in enumerate(suites()):
            if index % step == 0:
                tally.add(case, Path(name) / "model.onnx", budget)
    rows = tally.rows()
    total = sum(row["models"] for row in rows)
    if step == 1:
        write_results(
            "budget_corpus", rows, models=total, held_against_peer=tally.checked, wrong=tally.wrong,
            reasons=dict(tally.reasons.most_common()), slowest_seconds=round(tally.slowest, 3), onnx=onnx.__version__,
        )  # fmt: skip
    print(f"{total} models, {tally.checked} held against the peer, {len(tally.wrong)} wrong, "
          f"slowest {tally.slowest:.3f} s")  # fmt: skip
    for item in tally.wrong[:20]:
        print(item)
    return int(bool(tally.wrong))


if __name__ == "__main__":
    sys.exit(main())
