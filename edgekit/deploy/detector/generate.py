"""C11 of a detector: no heap, no float, the same integers as :class:`edgekit.detect.detector.Detector`."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import BadConfigError
from edgekit.deploy.c.identifiers import comment_text, require_identifier
from edgekit.deploy.frontend.emit import table
from edgekit.detect.posterior import exponential_table
from edgekit.detect.settings import DetectorSettings

_TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class DetectorSources:
    """Generated text.

    Attributes:
        name: prefix of all public identifiers.
        header, source: text of ``<name>_detector.h`` and ``<name>_detector.c``.
    """

    name: str
    header: str
    source: str

    @property
    def files(self) -> dict[str, str]:
        """File name to text."""
        return {f"{self.name}_detector.h": self.header, f"{self.name}_detector.c": self.source}


def generate_detector(
    settings: DetectorSettings, scale: float, labels: Sequence[str], name: str, first_scale: float = 1.0
) -> DetectorSources:
    """The C of a detector; thresholds and times stand in the header.

    Args:
        settings: how.
        scale: of the model's int8 output.
        labels: of the model's outputs, for comments.
        name: C identifier.
        first_scale: of the first stage's model's int8 output.

    Raises:
        BadConfigError: not one label an output, or a name that is no identifier.
    """
    require_identifier(name)
    if len(labels) != settings.outputs:
        raise BadConfigError(f"{len(labels)} labels for {settings.outputs} outputs", where="detector")
    return DetectorSources(name, _header(settings, labels, name), _source(settings, scale, name, first_scale))


def _header(settings: DetectorSettings, labels: Sequence[str], name: str) -> str:
    words = "\n".join(
        f" *   {index}: {comment_text(labels[index])}, from a mean probability of {threshold} / 32768"
        for index, threshold in zip(settings.keywords, settings.thresholds, strict=True)
    )
    gate = "  int64_t floor;\n  int32_t open;\n  int32_t begun;\n" if settings.gate else ""
    first = settings.first
    if first:
        words += f"\n * The first stage opens from a mean probability of {first.threshold} / 32768."
        gate += f"  int32_t first_ring[{first.smoothing}];\n  int32_t first_sum;\n  int32_t first_place;\n"
        gate += "  int32_t first_heard;\n  int32_t first_open;\n"
    values = {
        **_common(settings, name),
        "about": f"the mean of {settings.smoothing} decisions; {settings.refractory} decisions of rest after an event",
        "words": words,
        "fields": gate + ("  int32_t gain;\n" if settings.gain else ""),
        "functions": _declarations(settings, name),
    }
    return _fill("detector.h", values)


def _common(settings: DetectorSettings, name: str) -> dict[str, object]:
    return {
        "name": name,
        "upper": name.upper(),
        "outputs": settings.outputs,
        "keywords": len(settings.keywords),
        "smoothing": settings.smoothing,
        "refractory": settings.refractory,
    }


def _declarations(settings: DetectorSettings, name: str) -> str:
    text = ""
    if settings.first:
        text += f"""
/* A decision begins with the first stage's int8 outputs. Returns 1 where {name}_detector_decide must follow with those
 * of the word's model; 0 where this was the whole decision. */
int {name}_detector_first({name}_detector *state, const int8_t logits[{settings.first.outputs}]);
"""
    if settings.gain:
        text += f"""
/* Amplifies a hop of n samples in place. */
void {name}_detector_gain({name}_detector *state, int16_t *pcm, size_t n);
"""
    if settings.gate:
        text += f"""
/* Hears a hop of n samples, n > 0; returns 1 while the voice gate is open. */
int {name}_detector_hear({name}_detector *state, const int16_t *pcm, size_t n);
"""
    return text


def _source(settings: DetectorSettings, scale: float, name: str, first_scale: float) -> str:
    parts = ""
    if settings.first:
        stage = settings.first
        sizes = {"outputs": stage.outputs, "keyword": stage.keyword, "smoothing": stage.smoothing, "hold": stage.hold}
        limit = stage.threshold * stage.smoothing
        weights = _weights("first_exponentials", first_scale, stage.outputs)
        parts += _fill("first.c", {"name": name, "limit": limit, **sizes, **weights})
    if settings.gain:
        gain = settings.gain
        values = {"peak": 256 * gain.peak, "most": gain.most, "rise": gain.rise, "fall": gain.fall}
        less = {"rise_less": (1 << gain.rise) - 1, "fall_less": (1 << gain.fall) - 1}
        parts += _fill("gain.c", {"name": name, **values, **less})
    if settings.gate:
        gate = settings.gate
        limits = {"least": gate.least, "ratio": gate.ratio, "hangover": gate.hangover + 1}
        parts += _fill("gate.c", {"name": name, **limits})
    values_of = {
        **_common(settings, name),
        **_weights("exponentials", scale, settings.outputs),
        "keyword_list": ", ".join(map(str, settings.keywords)),
        "threshold_list": ", ".join(map(str, settings.thresholds)),
        "begin": "  state->gain = 256;\n" if settings.gain else "",
        "parts": parts,
    }
    return _fill("detector.c", values_of)


def _weights(name: str, scale: float, outputs: int) -> dict[str, object]:
    """A softmax of int8 outputs without division: its table, and the sum of all weights."""
    return {
        "exponentials": table("uint16_t", name, exponential_table(scale)),
        "sum_of_weights": _fill("sum_of_weights.c", {"weights": name, "outputs": outputs}),
    }


def _fill(template: str, values: Mapping[str, object]) -> str:
    return string.Template((_TEMPLATES / template).read_text("utf-8")).substitute(values)
