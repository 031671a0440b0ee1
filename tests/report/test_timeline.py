"""The arena along time, as text and as a picture, of a plan that can be drawn by hand."""

from __future__ import annotations

from xml.etree import ElementTree

from edgekit.graph.graph import Graph, Node
from edgekit.graph.planner import plan_memory
from edgekit.graph.tensor import Tensor
from edgekit.graph.timeline import timeline
from edgekit.report.timeline import COLUMNS, timeline_svg, timeline_text


def rows(name: str = "a") -> tuple[list[dict[str, object]], int]:
    """x 480 B → a 480 B (with 480 B of working memory) → y in a's place, x kept for the end."""
    sizes = {"x": 480, "a": 480, "y": 480, "z": 480}
    nodes = (
        Node("conv2d", name, ("x",), ("a",)), Node("relu", "b", ("a",), ("y",)), Node("add", "c", ("y", "x"), ("z",)),
    )  # fmt: skip
    tensors = {key: Tensor(key, (size,), "int8") for key, size in sizes.items()}
    plan = plan_memory(Graph("g", "edge", tensors, nodes, ("x",), ("z",)), {name: 480})
    return [moment.to_json() for moment in timeline(plan, ("x",))], plan.arena_bytes


def test_a_step_says_what_lies_where() -> None:
    found, arena = rows()
    assert arena == 3 * 480
    assert [row["bytes"] for row in found] == [3 * 480, 2 * 480, 2 * 480]
    roles = [{occupant["name"]: occupant["role"] for occupant in row["arena"]} for row in found]  # type: ignore[attr-defined]
    assert roles == [
        {"x": "kept", "a": "made", "": "working"},
        {"x": "kept", "a": "read last", "y": "made"},
        {"y": "read last", "x": "read last", "z": "made"},
    ]
    for row in found:
        spans = [(o["offset"], o["offset"] + o["bytes"]) for o in row["arena"]]  # type: ignore[attr-defined]
        assert min(spans)[0] >= 0
        assert max(end for _, end in spans) <= arena


def test_the_text_draws_thirds() -> None:
    found, arena = rows()
    lines = [line for line in timeline_text(found, arena).splitlines() if "conv2d" in line]
    picture = max(lines[0].split(), key=len)
    third = COLUMNS // 3
    assert sorted(picture[i * third : (i + 1) * third] for i in range(3)) == ["k" * third, "o" * third, "w" * third]
    assert lines[0].rstrip().endswith("peak")


def test_the_picture_holds_names_as_text_whatever_they_are() -> None:
    hostile = '"><script>alert(1)</script>\x07'
    found, arena = rows(hostile)
    root = ElementTree.fromstring(timeline_svg(found, arena, hostile))
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    boxes = [element for element in root.iter() if element.tag.endswith("rect") and len(element)]
    assert len(boxes) == sum(len(row["arena"]) for row in found)  # type: ignore[arg-type]
    heights = {round(float(box.get("height", "0"))) for box in boxes}
    assert heights == {round(320 / 3)}
