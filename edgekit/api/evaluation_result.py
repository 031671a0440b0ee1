"""What an evaluation of several models gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.budget.rank import Submission
    from edgekit.train.evaluation.comparison import Comparison
    from edgekit.train.evaluation.evaluation import Evaluation


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Several models on the same clips.

    Attributes:
        evaluations: one a model, in the order given, and that of their mean where it was asked for.
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
