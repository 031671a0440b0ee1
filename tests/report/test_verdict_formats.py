"""Every format of a verdict says the same, keeps its own rules, and holds against hostile names out of model files."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import jsonschema
import pytest

from edgekit.core.quantity import Quantity
from edgekit.core.verdict import Finding, ModelVerdict, Suggestion, Verdict
from edgekit.report.formats import FORMATS, render_verdict
from edgekit.report.schemas import SCHEMAS, json_schema

HOSTILE = "conv\n::set-output name=x::y\r\x1b[2J%0A]]>\x00<script>|`**, title=a::b\u202e\ud800"
"""A layer name that tries every language at once."""

QUANTITIES: dict[str, Quantity | None] = {
    "parameters": Quantity(100, "parameter", "exact"),
    "parameter_bytes": Quantity(400, "B", "exact", "true"),
    "macs_true": Quantity(5_000, "MAC", "exact", "true"),
    "macs_dcase": None,
    "peak_ram": Quantity(64, "B", "planned"),
    "flash": None,
    "frontend_macs": None,
    "float_ops": Quantity(1, "op", "exact"),
}


def layer(name: str) -> dict[str, object]:
    counts = {"parameters": 100, "parameter_bytes": 400, "buffer_bytes": 0, "macs_true": 5_000, "macs_dcase": None}
    texts = {"output": "1×4", "float_reason": "computes on float32 activations", "undecided": "", "rule": "A rule."}
    return {"name": name, "op": "Conv", **counts, **texts}


def verdict(name: str = "conv1", path: str = "models/m 1.onnx") -> Verdict:
    bound = Quantity(1_000, "MAC", "exact", "true")
    demand = "The multiply-accumulates stay within the limit."
    fail = Finding(
        "macs", "fail", f"too many in {name}", QUANTITIES["macs_true"], bound, name, f"narrow {name}", demand
    )
    open_ = Finding("latency.cortex-m4", "undecided", "no measurement", None, Quantity(20.0, "ms", "exact"))
    good = Finding("parameters", "pass", "100 of 200", QUANTITIES["parameters"], Quantity(200, "parameter", "exact"))
    hint = Suggestion("width", "channels 64 → 56", {"macs": Quantity(900, "MAC", "exact", "true")})
    failed = ModelVerdict(path, "mine", "fail", QUANTITIES, (fail, open_, good), (layer(name),), (hint,))
    passed = ModelVerdict("models/good.onnx", "mine", "pass", QUANTITIES, (good,), (layer("a"),))
    unread = ModelVerdict(
        "models/bad.onnx",
        "mine",
        "undecided",
        dict.fromkeys(QUANTITIES),
        (Finding("readable", "undecided", "damaged"),),
    )
    return Verdict((failed, passed, unread))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_names_the_failure_and_what_would_reach_the_budget(form: str) -> None:
    text = render_verdict(verdict(), form, why=True)
    assert "too many in conv1" in text
    assert "channels 64" in text and "56" in text
    assert text.endswith("\n")


@pytest.mark.parametrize("form", FORMATS)
def test_no_control_character_of_a_layer_name_reaches_the_output(form: str) -> None:
    text = render_verdict(verdict(HOSTILE, path=f"m\n::error::{HOSTILE}.onnx"), form, why=True)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", text)
    text.encode("utf-8")


@pytest.mark.parametrize("form", ["text", "github", "markdown"])
def test_a_layer_name_cannot_start_a_workflow_command(form: str) -> None:
    lines = render_verdict(verdict(HOSTILE), form, why=True).splitlines()
    assert not [line for line in lines if line.lstrip().startswith("::set-output")]


# GitHub


def parse_command(line: str) -> tuple[str, dict[str, str], str]:
    """The runner's own way: "::", name, properties up to the next "::", unescaped (actions/runner ActionCommand.cs)."""
    assert line.startswith("::")
    head, _, message = line[2:].partition("::")
    name, _, rest = head.partition(" ")
    properties = dict(part.split("=", 1) for part in rest.split(",") if part)
    undo = lambda text: unquote(re.sub(r"%(?!25|0D|0A|3A|2C)", "%25", text))  # noqa: E731
    return name, {key: undo(value) for key, value in properties.items()}, undo(message)


def test_annotations_are_one_command_a_line_and_read_back() -> None:
    lines = render_verdict(verdict(), "github").splitlines()
    commands = [parse_command(line) for line in lines]
    assert [name for name, _, _ in commands] == ["error", "error", "notice", "notice", "error"]
    assert {properties["file"] for _, properties, _ in commands[:3]} == {"models/m 1.onnx"}
    assert commands[0][1]["title"] == "mine: macs fail"
    assert commands[0][2].splitlines()[1] == "rule: The multiply-accumulates stay within the limit."


def test_annotations_keep_hostile_text_inside_the_message() -> None:
    lines = render_verdict(verdict("100% of a:b,c\nnext"), "github").splitlines()
    name, properties, message = parse_command(lines[0])
    assert (name, sorted(properties)) == ("error", ["file", "title"])
    assert "too many in 100% of a:b,c\nnext" in message
    assert len(lines) == 5


# JUnit


def test_junit_reads_back_with_its_sums() -> None:
    root = ElementTree.fromstring(render_verdict(verdict(HOSTILE), "junit").split("?>", 1)[1])
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "5", "1", "2")
    suites = root.findall("testsuite")
    assert [len(suite.findall("testcase")) for suite in suites] == [3, 1, 1]
    assert [int(suite.get("failures", "")) for suite in suites] == [1, 0, 0]
    cases = {case.get("name"): case for case in suites[0]}
    assert cases["macs"].find("failure") is not None
    assert cases["latency.cortex-m4"].find("error") is not None
    assert len(cases["parameters"]) == 0


# SARIF: the required properties and enumerations of the 2.1.0 standard that this log uses

SARIF = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "properties": {"shortDescription": {"required": ["text"]}},
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
                            "properties": {
                                "message": {"required": ["text"], "properties": {"text": {"minLength": 1}}},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "locations": {
                                    "items": {
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "required": ["uri"],
                                                        "properties": {"uri": {"pattern": r"^[A-Za-z0-9\-._~/%:]+$"}},
                                                    },
                                                    "region": {"properties": {"startLine": {"minimum": 1}}},
                                                },
                                            }
                                        },
                                    }
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.mark.parametrize("name", ["conv1", HOSTILE])
def test_sarif_has_the_structure_of_the_standard(name: str) -> None:
    log = json.loads(render_verdict(verdict(name), "sarif"))
    jsonschema.validate(log, SARIF)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [result["ruleId"] for result in run["results"]]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "warning"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "models/m%201.onnx"
    prints = {result["partialFingerprints"]["edgekit/v1"] for result in run["results"]}
    assert len(prints) == len(run["results"])


def test_sarif_is_read_by_another_implementation_of_the_standard() -> None:
    read = pytest.importorskip("sarif_pydantic").Sarif.model_validate_json(render_verdict(verdict(HOSTILE), "sarif"))
    (run,) = read.runs
    assert read.version == "2.1.0" and run.tool.driver.name == "edgekit"
    assert [result.level.value for result in run.results] == ["error", "warning", "warning"]
    assert all(result.locations[0].physical_location.artifact_location.uri for result in run.results)


def test_an_absolute_path_is_a_file_uri() -> None:
    log = json.loads(render_verdict(verdict(path="/a b/m#.onnx"), "sarif"))
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "file:///a%20b/m%23.onnx"


# Markdown


def test_markdown_tables_keep_their_columns_under_hostile_names() -> None:
    text = render_verdict(verdict(HOSTILE), "markdown", why=True)
    assert "<script>" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    counts = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert counts == {5, 7}  # the table of counts and the table of layers


# JSON


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize("why", [False, True])
def test_json_follows_the_published_schema(why: bool) -> None:
    document = json.loads(render_verdict(verdict(HOSTILE), "json", why))
    jsonschema.validate(document, json_schema("check-budget"))
    assert ("layers" in document["models"][0]) == why
    assert document["models"][0]["macs"] == {"true": 5_000, "dcase": None}


def test_the_schema_refuses_what_is_not_a_verdict() -> None:
    document = json.loads(render_verdict(verdict(), "json"))
    document["models"][0]["findings"][0]["outcome"] = "passed"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema("check-budget"))
