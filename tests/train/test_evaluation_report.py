"""Numbers of an evaluation against scikit-learn, comparisons, the published JSON, and what cannot be evaluated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edgekit.core.errors import DataError
from edgekit.data.manifest import Clip
from edgekit.report.evaluation_text import evaluation_markdown, evaluation_text
from edgekit.report.schemas import json_schema
from edgekit.train.evaluation.comparison import compare
from edgekit.train.evaluation.ensemble import ensemble
from edgekit.train.evaluation.evaluation import Evaluation
from edgekit.train.evaluation.evaluation_json import evaluation_json

LABELS = ("bus", "park", "tram")


def make_evaluation(seed: int, model: str = "m", sharpness: float = 0.3) -> Evaluation:
    """240 clips of 3 classes by 12 speakers on 3 devices; one of the devices was not in training."""
    draw = np.random.default_rng(seed)
    targets = np.arange(240) % 3
    clips = tuple(
        Clip(f"{i}.wav", Path(f"/{i}.wav"), LABELS[targets[i]], device="abc"[i // 3 % 3], speaker=f"s{i // 20}")
        for i in range(240)
    )
    probabilities = draw.dirichlet(np.full(3, sharpness), 240) + 0.5 * np.eye(3)[targets]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    known = {"device": frozenset("ab")}
    return Evaluation(model, "float32", "sha256:0", LABELS, clips, targets, probabilities, known)


def test_scores_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    evaluation = make_evaluation(0)
    scores, predicted = evaluation.scores, evaluation.probabilities.argmax(axis=1)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(evaluation.targets, predicted))
    assert scores.macro_accuracy == pytest.approx(metrics.balanced_accuracy_score(evaluation.targets, predicted))
    assert scores.log_loss == pytest.approx(metrics.log_loss(evaluation.targets, evaluation.probabilities))
    np.testing.assert_array_equal(evaluation.confusion, metrics.confusion_matrix(evaluation.targets, predicted))


def test_json_is_in_the_published_shape_and_says_what_the_evaluation_says() -> None:
    a, b = make_evaluation(0, "a"), make_evaluation(1, "b")
    report = {
        "schema_version": 1,
        "results": [evaluation_json(a), evaluation_json(b)],
        "comparisons": [compare(a, b).to_json()],
        "submissions": [{"name": "a", "accuracy": 0.5, "memory": 100, "macs": 1000}],
    }
    jsonschema.Draft202012Validator(json_schema("eval")).validate(report)
    first = report["results"][0]
    assert set(first["intervals"]["accuracy"]) == {"clip", "speaker"}
    assert first["intervals"]["accuracy"]["speaker"]["units"] == 12
    assert first["label_by"]["device"]["seen"] == [True, True, False]
    assert first["label_by"]["speaker"]["seen"] is None and "by_fold" not in first
    assert [row["in_training"] for row in first["by_device"].values()] == [True, True, False]
    assert "in_training" not in first["by_speaker"]["s0"]
    by_device = first["by_device"]["a"]
    assert by_device["accuracy_interval"][0] < by_device["accuracy"] < by_device["accuracy_interval"][1]
    for interval in first["intervals"]["accuracy"].values():
        assert interval["low"] < interval["value"] == first["accuracy"] < interval["high"]


def test_thousands_of_speakers_are_a_short_table() -> None:
    base = make_evaluation(0)
    clips = tuple(replace(clip, speaker=f"s{i}") for i, clip in enumerate(base.clips))
    result = evaluation_json(replace(base, clips=clips))
    assert len(result["by_speaker"]) == 240 and "speaker" not in result["label_by"]
    text = evaluation_text({"results": [result], "comparisons": [], "submissions": []})
    assert "the 60 of 240 with the lowest accuracy" in text
    table = text[text.index("by speaker:") :]
    wrong = [f"s{i}" for i in np.flatnonzero(~base.right)]
    assert sum(f" {name} " in table for name in wrong) == min(60, len(wrong)) > 10


def test_text_and_markdown_show_unseen_devices_and_the_change() -> None:
    a, b = make_evaluation(0, "plain|model"), make_evaluation(1, "b")
    report = {"results": [evaluation_json(a)], "comparisons": [compare(a, b).to_json()], "submissions": []}
    text, page = evaluation_text(report), evaluation_markdown(report)
    assert "c*" in text and "unseen: mean ± std" in text and "McNemar" in text
    assert "plain\\|model" in page and page.count("|---") >= 6
    points = 100 * (b.right.mean() - a.right.mean())
    assert f"{points:+.2f}" in text and f"{points:+.2f}" in page


def test_a_comparison_of_a_better_model() -> None:
    a, b = make_evaluation(0, "a"), make_evaluation(0, "b")
    easy = a.probabilities + 0.5 * np.eye(3)[a.targets]
    found = compare(a, replace(b, probabilities=easy / easy.sum(axis=1, keepdims=True)))
    assert found.mcnemar.only_a == 0 and found.mcnemar.only_b > 0 and found.mcnemar.p_value < 0.01
    assert found.accuracy["clip"].value == pytest.approx(found.mcnemar.only_b / 240)
    assert found.accuracy["speaker"].low > 0 and found.log_loss["clip"].high < 0
    assert found.agreement == pytest.approx(1 - found.mcnemar.only_b / 240)


def test_labels_in_another_order_are_the_same_answers() -> None:
    a = make_evaluation(0, "a")
    order = [2, 0, 1]
    turned = replace(
        a,
        labels=tuple(LABELS[i] for i in order),
        targets=np.array([order.index(t) for t in a.targets]),
        probabilities=a.probabilities[:, order],
    )
    assert compare(a, turned).agreement == 1.0


def test_other_clips_cannot_be_compared() -> None:
    a, b = make_evaluation(0, "a"), make_evaluation(0, "b")
    with pytest.raises(DataError, match="same clips"):
        compare(a, replace(b, clips=b.clips[::-1]))


def test_an_ensemble_is_the_mean_of_the_logits() -> None:
    draw = np.random.default_rng(4)
    base, logits = make_evaluation(0), draw.normal(0, 3, (3, 240, 3))

    def answered(values: np.ndarray) -> np.ndarray:
        exponents = np.exp(values)
        out: np.ndarray = exponents / exponents.sum(axis=1, keepdims=True)
        return out

    members = [replace(base, probabilities=answered(z)) for z in logits[:2]]
    turned = answered(logits[2])[:, [2, 0, 1]]
    members.append(replace(base, labels=("tram", "bus", "park"), probabilities=turned, frontend_digest="sha256:1"))
    found = ensemble(members)
    np.testing.assert_allclose(found.probabilities, answered(logits.mean(axis=0)), atol=1e-12)
    assert found.labels == LABELS and found.frontend_digest == "several"


def test_what_is_no_ensemble() -> None:
    base = make_evaluation(0)
    with pytest.raises(DataError, match="two models"):
        ensemble([base])
    with pytest.raises(DataError, match="other clips"):
        ensemble([base, replace(base, clips=base.clips[::-1])])
