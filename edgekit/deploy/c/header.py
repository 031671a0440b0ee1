"""The public header of a generated model that takes windows."""

from __future__ import annotations

from edgekit.deploy.c.interface import Interface
from edgekit.deploy.c.public_header import HeaderTexts, Push, public_header
from edgekit.features.spec import FrontendSpec

_AUDIO = """
/* PCM: int16, mono, {rate} Hz, {samples} samples a clip. */
#define @macro@_SAMPLE_RATE {rate}
#define @macro@_CLIP_SAMPLES {samples}
"""

_RESULT = """\
    int32_t ready;    /* 1 when this call completed a clip: label and scores are valid */
    int32_t label;    /* index of the best score */
"""

_PUSH = """\
classifies each clip when its last sample is in. Features gather in the arena:
 * do not call @name@_invoke on the same state before the clip is complete."""


def header(api: Interface) -> str:
    """Text of ``<name>.h``."""
    texts = HeaderTexts(
        kind="", about="", input=f"Input: int8, row by row as {_shape(api.source.dims)}", hop="",
        output=f", {_shape(api.output.dims)}", window="", memory="Working memory of one inference",
        sizes=f"#define @macro@_ARENA_BYTES {api.plan.arena_bytes}\n",
        fields="    @macro@_ALIGNED int8_t arena[@macro@_ARENA_BYTES];\n", counters="",
        init="Makes a state usable; call it once before anything else.", ready="", unit="input", call="invoke",
        run="inference", push=None if api.frontend is None else _push(api, api.frontend),
    )  # fmt: skip
    return public_header(api, texts)


def _push(api: Interface, spec: FrontendSpec) -> Push:
    audio = _AUDIO.format(rate=spec.sample_rate, samples=spec.clip_samples)
    return Push(audio, _RESULT, "clip", _PUSH, f"    {api.name}_frontend_state frontend;\n")


def _shape(dims: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, dims)) + "]"
