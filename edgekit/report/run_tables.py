"""The tables of a report about runs, built from its JSON, so that page, Markdown and model card say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgekit.core.units import format_count
from edgekit.report.measurements import MARKS
from edgekit.report.page import Table, key_values
from edgekit.report.quantities import COUNTED, NAMES

Json = Mapping[str, Any]
UNKNOWN = "not known"


def summary_table(runs: Sequence[Json]) -> Table:
    """One row a run: verdict, accuracies, costs."""
    header = ("run", "budget", "float accuracy", "int8 accuracy", "clips", "parameter bytes", "MACs", "peak RAM")
    rows = [
        (
            run["name"],
            outcome(run),
            *(accuracy_text(run["evaluations"][role]) for role in ("float", "int8")),
            clips_text(run),
            *(count_text(run, key) for key in ("parameter_bytes", "macs_true", "peak_ram")),
        )
        for run in runs
    ]
    return Table(header, tuple(rows), frozenset(range(2, len(header))))


def outcome(run: Json) -> str:
    """The verdict in a word, or that there is none."""
    return run["verdict"]["verdict"] if run["verdict"] else "not judged"


def accuracy_text(entry: Json | None) -> str:
    """Accuracy in per cent with its interval by clip."""
    if entry is None:
        return "not evaluated"
    interval = entry["intervals"]["accuracy"]["clip"]
    return f"{100 * entry['accuracy']:.2f} % ({100 * interval['low']:.1f}–{100 * interval['high']:.1f})"


def clips_text(run: Json) -> str:
    """How many test clips."""
    known = [entry for entry in run["evaluations"].values() if entry]
    return f"{known[0]['clips']:,}" if known else "–"


def count_text(run: Json, key: str) -> str:
    """A count of the verdict with its unit."""
    found = (run["verdict"]["models"][0]["quantities"] if run["verdict"] else {}).get(key)
    return UNKNOWN if found is None else _amount(found)


def verdict_tables(run: Json) -> Iterator[Table]:
    """Each budget: what was counted, the limit, how the number was obtained."""
    for model in run["verdict"]["models"]:
        findings = {finding["rule"]: finding for finding in model["findings"]}
        rows = []
        for key in COUNTED:
            quantity = model["quantities"].get(key)
            finding = findings.pop(key, None) or _macs(findings, key)
            if quantity is None and finding is None:
                continue
            rows.append(_verdict_row(_full_name(key), quantity, finding))
        rows += [_verdict_row(rule, finding["actual"], finding) for rule, finding in findings.items()]
        header = ("count", "actual", "limit", "verdict", "how it was obtained")
        caption = f"{model['path']} against {model['budget']}: {model['verdict']}"
        yield Table(header, tuple(rows), frozenset({1, 2}), caption)


def _full_name(key: str) -> str:
    """The name of a count where no other stands above it: "peak RAM, lower bound", "MACs (true)"."""
    name = NAMES.get(key, key)
    if name.startswith(" "):
        return f"{NAMES['peak_ram'] if key.startswith('peak_ram') else 'front-end'}, {name.strip()}"
    return f"{name} ({key.removeprefix('macs_')})" if key.startswith("macs_") else name


def _macs(findings: dict[str, Json], key: str) -> Json | None:
    """The limit on MACs stands beside the count in its own convention."""
    limit = findings.get("macs", {}).get("limit")
    return findings.pop("macs") if limit and key == f"macs_{limit.get('convention', '')}" else None


def _verdict_row(name: str, quantity: Json | None, finding: Json | None) -> tuple[str, ...]:
    limit = _amount(finding["limit"]) if finding and finding["limit"] else ""
    how = [quantity.get(key, "") for key in ("method", "convention", "caveat")] if quantity else []
    text = ", ".join(part for part in how if part)
    return (name, _amount(quantity) if quantity else "?", limit, finding["outcome"] if finding else "", text)


def failures(run: Json) -> list[str]:
    """What a budget finds wrong or undecided, and how to mend it."""
    if not run["verdict"]:
        return []
    bad = [f for model in run["verdict"]["models"] for f in model["findings"] if f["outcome"] != "pass"]
    return [f"{f['outcome']}: {f['message'].rstrip('.')}." + (f" Mend: {f['mend']}." if f["mend"] else "") for f in bad]


def layers_table(run: Json) -> Table:
    """Every layer with its costs."""
    header = ("layer", "operator", "output", "MACs", "weights, B", "live, B", "time, µs")
    keys = ("macs", "parameter_bytes", "live_bytes", "microseconds")
    rows = [(row["name"], row["op"], row["output"], *(_cell(row[key]) for key in keys)) for row in run["layers"]]
    return Table(header, tuple(rows), frozenset(range(3, 7)), "Layers")


def memory_table(memory: Json) -> Table:
    """What lies where while each step runs."""
    rows = [
        (step["step"], f"{step['bytes']:,}", item["name"] or "working memory", f"{item['offset']:,}",
         f"{item['bytes']:,}", item["role"])
        for step in memory["steps"] for item in step["arena"]
    ]  # fmt: skip
    header = ("step", "in use, B", "activation", "offset, B", "size, B", "role")
    return Table(header, tuple(rows), frozenset({1, 3, 4}), "Memory plan")


def history_table(history: Sequence[Json]) -> Table:
    """Every epoch."""
    names = list(dict.fromkeys(name for row in history for name in row))
    rows = [tuple("" if name not in row else f"{row[name]:g}" for name in names) for row in history]
    return Table(tuple(names), tuple(rows), frozenset(range(1, len(names))), "Epochs")


def measurements_table(rows: Sequence[Json]) -> Table:
    """What was found on targets; a mark at each number says how, as in the table of ``edgekit bench``."""
    sizes = ("flash_bytes", "ram_bytes", "stack_bytes")
    cells = []
    used: set[str] = set()
    for row in rows:
        latency, methods = row.get("latency_ms") or {}, row.get("methods") or {}
        values = [(latency.get(key), "latency_ms") for key in ("p50", "p90", "p99")]
        values += [(row.get(key), key) for key in ("instructions", *sizes)]
        used |= {methods[key] for value, key in values if value is not None and key in methods}
        numbers = [_marked(value, methods.get(key)) for value, key in values]
        keys = ("runner", "problem") if methods else ("method", "runner", "problem")
        said = ": ".join(str(row[key]) for key in keys if row.get(key))
        cells.append((str(row["model"]), str(row["target"]), _outputs(row), *numbers, said))
    names = ("p50, ms", "p90", "p99", "instructions", "flash, B", "RAM, B", "stack, B")
    legend = ", ".join(f"{mark} {method}" for method, mark in MARKS.items() if method in used)
    header = ("model", "target", "outputs", *names, "runner")
    return Table(header, tuple(cells), frozenset(range(3, 10)), f"Targets{f': {legend}' if legend else ''}")


def on_chip_text(found: Json) -> str:
    """What the emulated chip of a road answered."""
    return (
        f"From PCM the emulated chip is right on {100 * found['accuracy']:.1f} % of {found['clips']:,} clips; "
        f"its label is the integer interpreter's on {found['equal']:,} of them."
    )


def _outputs(row: Json) -> str:
    """Whether the outputs are the reference's, and on how many clips the labels are."""
    equal = {True: "equal", False: "DIFFER", None: "not compared"}[row.get("outputs_equal")]
    share = row.get("label_agreement")
    return equal if share is None else f"{equal}, {100 * share:.1f} % of labels"


def _marked(value: float | None, method: str | None) -> str:
    return _cell(value) if value is None or method not in MARKS else f"{_cell(value)} {MARKS[method]}"


def frontend_table(frontend: Json) -> Table:
    """Every field of the front-end."""
    rows = [("digest", frontend["digest"])]
    rows += [(key, str(value)) for key, value in frontend["spec"].items() if value is not None]
    return key_values(rows, "Front-end")


def provenance_tables(run: Json) -> Iterator[Table]:
    """Digests of models and data, versions, commands."""
    found = run["provenance"]
    rows = [(f"{row['file']}, {row['bytes']:,} B", row["digest"]) for row in found["models"]]
    if run["frontend"]:
        rows.append(("front-end", run["frontend"]["digest"]))
    if found["test"]:
        test = found["test"]
        rows.append((f"test clips: {test['clips']:,} of {test['name']}, {test['left_out']} left out", test["digest"]))
    made = found["training"]
    for part in ("train", "valid"):
        data = (made or {}).get("data", {}).get(part)
        if data:
            rows.append((f"{part} clips: {data['clips']:,} of {data['name']}, contents", data["digest"]))
        elif (found["run"] or {}).get(part):
            rows.append((f"{part} clips, names and labels", str(found["run"][part])))
    if (found["run"] or {}).get("recipe"):
        rows.append(("recipe", str(found["run"]["recipe"])))
    yield Table(("what", "digest"), tuple(rows), caption="Digests")
    for when, values in (("training", made), ("this report", found["report"])):
        if values:
            yield key_values(_made_with(values), f"Made with, {when}")


def _made_with(values: Json) -> list[tuple[str, str]]:
    rows = [("command", str(values.get("command") or "called from Python")), ("time", str(values.get("time", "")))]
    rows += [(key, str(values[key])) for key in ("edgekit", "python", "platform") if key in values]
    return rows + [(name, str(version)) for name, version in values.get("packages", {}).items()]


def pareto_table(pareto: Json) -> Table:
    """Accuracy and costs of every run, and which costs it is on the front of."""
    names = {"macs": "MACs", "parameter_bytes": "bytes"}
    rows = [
        (
            point["name"],
            f"{100 * point['accuracy']:.2f} %",
            _cell(point["macs"]),
            _cell(point["parameter_bytes"]),
            ", ".join(names[key] for key in point["front"]) or "–",
        )
        for point in pareto["points"]
    ]
    header = ("model", f"accuracy ({pareto['accuracy']})", "MACs", "parameter bytes", "on the front of")
    return Table(header, tuple(rows), frozenset({1, 2, 3}), "Pareto front")


def costs_table(a: Json, b: Json) -> Table:
    """Costs of two runs side by side, and what changes from the first to the second."""
    rows = []
    for key in COUNTED:
        pair = [(run["verdict"]["models"][0]["quantities"] if run["verdict"] else {}).get(key) for run in (a, b)]
        if pair[0] is None and pair[1] is None:
            continue
        texts = [UNKNOWN if quantity is None else _amount(quantity) for quantity in pair]
        change = ""
        if pair[0] and pair[1] and pair[0]["value"]:
            change = f"{100 * (pair[1]['value'] / pair[0]['value'] - 1):+.1f} %"
        rows.append((_full_name(key), *texts, change))
    return Table(("cost", a["name"], b["name"], "change"), tuple(rows), frozenset({1, 2, 3}), "Costs")


def _amount(quantity: Json) -> str:
    return format_count(quantity["value"], quantity["unit"] if quantity["unit"] in ("B", "ms") else "")


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
