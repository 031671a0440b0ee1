"""The public header of a streaming model, and the names and numbers that it tells."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.deploy.c.interface import Names
from edgekit.deploy.c.public_header import HeaderTexts, Push, public_header
from edgekit.deploy.c.stream_model import StreamModel
from edgekit.features.spec import FrontendSpec
from edgekit.graph.planner import MemoryPlan
from edgekit.graph.rounding import Rounding, rounding_of
from edgekit.graph.tensor import Tensor

_ABOUT = """ A hop's new entries are written once into
 * rings of that struct (and once into their mirror); nothing that was heard is ever moved."""

_WINDOW = """\
/* Frames of the window, and hops after which all of them were heard: scores before mean nothing. */
#define @macro@_WINDOW_FRAMES {window}
#define @macro@_WARMUP_HOPS {warmup}

"""

_FIELDS = """\
    @macro@_ALIGNED int8_t rings[@macro@_RING_BYTES > 0 ? @macro@_RING_BYTES : 16];
    @macro@_ALIGNED int8_t arena[@macro@_ARENA_BYTES > 0 ? @macro@_ARENA_BYTES : 16];
"""

_READY = """\
/* 1 when the last scores are those of a whole window. */
int @name@_ready(const @name@_state *state);

"""

_AUDIO = """
/* PCM: int16, mono, {rate} Hz; a hop is {samples} samples, and a frame is made of the {span} latest. */
#define @macro@_SAMPLE_RATE {rate}
#define @macro@_HOP_SAMPLES {samples}
"""

_RESULT = """\
    int32_t ready;    /* 1 when this call completed a hop: label and scores are new */
    int32_t valid;    /* 1 when they are those of a whole window */
    int32_t label;    /* index of the best score */
"""

_PUSH = """\
scores the window after each hop. Do not call @name@_step on the same state.
 *"""


@dataclass(frozen=True, eq=False)
class StreamInterface(Names):
    """Names and numbers of the generated C API of a stream.

    Attributes:
        model: the emitted layers.
        warmup: hops; with a front-end it covers the frames that reach back before the stream's start, too.
    """

    model: StreamModel
    warmup: int

    @property
    def source(self) -> Tensor:
        """A hop's frames."""
        return self.model.form.graph.tensor(self.model.form.graph.inputs[0])

    @property
    def output(self) -> Tensor:
        """The scores."""
        return self.model.form.graph.tensor(self.model.form.graph.outputs[0])

    @property
    def plan(self) -> MemoryPlan:
        """Of the arena."""
        return self.model.plan

    @property
    def rounding(self) -> Rounding:
        """Of the step graph."""
        return rounding_of(self.model.form.graph)


def stream_header(api: StreamInterface) -> str:
    """Text of ``<name>.h``."""
    model, form = api.model, api.model.form
    turns = "".join(f"    uint32_t turn_{turns};\n" for turns in model.turns)
    texts = HeaderTexts(
        kind=", streaming", about=_ABOUT,
        input=f"A hop: {form.hop} frames of {api.input_size // form.hop} values, int8, the oldest first",
        hop=f"#define @macro@_HOP_FRAMES {form.hop}\n", output=" of the window that ends with the hop",
        window=_WINDOW.format(window=form.window, warmup=api.warmup),
        memory="The past, and working memory of one hop",
        sizes=f"#define @macro@_RING_BYTES {model.ring_bytes}\n#define @macro@_ARENA_BYTES {api.plan.arena_bytes}\n",
        fields=_FIELDS, counters=f"{turns}    uint32_t hops; /* heard, up to @macro@_WARMUP_HOPS */\n",
        init="Makes a state usable, or forgets all that it has heard.", ready=_READY, unit="hop", call="step",
        run="hop", push=None if api.frontend is None else _push(api, api.frontend),
    )  # fmt: skip
    return public_header(api, texts)


def _push(api: StreamInterface, spec: FrontendSpec) -> Push:
    samples = api.model.form.hop * spec.hop_length
    audio = _AUDIO.format(rate=spec.sample_rate, samples=samples, span=spec.window_length)
    fields = f"    {api.name}_frontend_state frontend;\n    int32_t frames; /* of the hop, there already */\n"
    return Push(audio, _RESULT, "hop", _PUSH, fields)
