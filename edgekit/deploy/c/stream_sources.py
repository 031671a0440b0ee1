"""The C files of a streaming model."""

from __future__ import annotations

from edgekit.deploy.c.rings import Held, Ring
from edgekit.deploy.c.source_files import ApiTexts, ModelTexts, api_file, model_file, state_file
from edgekit.deploy.c.stream_header import StreamInterface

_KEEP = """\
/* Mirrors the block of a ring that was just written, but in the first turn of a round. */
static inline void keep(int8_t *block, uint32_t turn, int32_t round, int32_t size) {
    if (turn > 0U) {
        memcpy(block - round, block, (size_t)size);
    }
}

"""

_COUNT = """\
    if (state->hops < @macro@_WARMUP_HOPS) {
        state->hops++;
    }
"""

_READY = """\
int @name@_ready(const @name@_state *state) {
    return state != NULL && state->ready_mark == @macro@_READY_MARK && state->hops >= @macro@_WARMUP_HOPS;
}

"""

_TAKE = """\
    result->valid = 0;
    result->consumed = 0;
    while (result->consumed < n) {{
        int8_t *frame = @macro@_INPUT_PLACE(state) + state->frames * {frame_bytes};
        int whole = 0;
        result->consumed +=
            @name@_frontend_push(&state->frontend, pcm + result->consumed, n - result->consumed, frame, &whole);
        if (whole == 0) {{
            return @macro@_OK;
        }}
        state->frames++;
        if (state->frames == @macro@_HOP_FRAMES) {{
            break;
        }}
    }}
    if (state->frames < @macro@_HOP_FRAMES) {{
        return @macro@_OK;
    }}
    state->frames = 0;
"""

_TAKEN = "    result->valid = state->hops >= @macro@_WARMUP_HOPS;\n"


def stream_source(api: StreamInterface) -> str:
    """Text of ``<name>_model.c``: constants, kernels and ``<name>_step``."""
    model = api.model
    first = [ring for ring in model.rings if ring.state.new == api.source.name]
    kept = tuple(("", statement) for ring in first for statement in model.kept(ring))
    places = "    int8_t *const arena = state->arena;\n    (void)arena;\n"
    places += "".join(f"    const uint32_t turn_{turns} = state->turn_{turns};\n" for turns in model.turns)
    places += "".join(
        f"    int8_t *const {ring.pointer} = state->rings + {ring.offset} + turn_{ring.turns} * {ring.block};\n"
        for ring in model.rings
    )
    places += "".join(f"    int8_t *const {part.pointer} = state->rings + {part.offset};\n" for part in model.held)
    turned = "".join(
        f"    state->turn_{turns} = turn_{turns} + 1U < {turns}U ? turn_{turns} + 1U : 0U;\n" for turns in model.turns
    )
    texts = ModelTexts(
        how=", one hop at a time", data=model.data, functions=model.functions, before=_KEEP if model.rings else "",
        call="step", places=places, input=model.input, output=model.output, calls=(*kept, *model.calls),
        after=turned + _COUNT,
    )  # fmt: skip
    return model_file(api, texts)


def stream_state_header(api: StreamInterface) -> str:
    """Text of ``<name>_state.h``, which only the model's own sources include."""
    model = api.model
    place = f"(state)->{model.input}"
    for ring in model.rings:
        if ring.state.new == api.source.name:
            place = f"(state)->rings + {ring.offset} + (state)->turn_{ring.turns} * {ring.block} + {ring.new}"
    return state_file(api, "0x45444753", place)


def stream_api_source(api: StreamInterface) -> str:
    """Text of ``<name>.c``: init, length checks, labels and, with a front-end, push."""
    parts: tuple[Ring | Held, ...] = (*api.model.rings, *api.model.held)
    texts = ApiTexts(
        kind=", streaming", initial="".join(_initial(part) for part in parts), ready=_READY, call="step",
        take=_TAKE.format(frame_bytes=api.input_size // api.model.form.hop), taken=_TAKEN,
    )  # fmt: skip
    return api_file(api, texts)


def _initial(part: Ring | Held) -> str:
    if part.state.initial == 0:
        return ""
    return f"    memset(state->rings + {part.offset}, {part.state.initial}, {part.nbytes});\n"
