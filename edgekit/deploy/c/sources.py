"""The C files of a generated model that takes windows."""

from __future__ import annotations

from edgekit.deploy.c.accumulate import paren
from edgekit.deploy.c.interface import Interface
from edgekit.deploy.c.source_files import ApiTexts, ModelTexts, api_file, model_file, state_file

_TAKE = """\
    int ready = 0;
    result->consumed = @name@_frontend_push(&state->frontend, pcm, n, @macro@_INPUT_PLACE(state), &ready);
    if (ready == 0) {
        return @macro@_OK;
    }
"""


def model_source(api: Interface) -> str:
    """Text of ``<name>_model.c``: constants, kernels and ``<name>_invoke``."""
    model = api.model
    texts = ModelTexts(
        how="", data=model.data, functions=model.functions, before="", call="invoke",
        places="    int8_t *arena = state->arena;\n", input=f"arena + {api.offset(api.source.name)}",
        output=f"arena + {api.offset(api.output.name)}", calls=model.calls, after="",
    )  # fmt: skip
    return model_file(api, texts)


def state_header(api: Interface) -> str:
    """Text of ``<name>_state.h``, which only the model's own sources include."""
    return state_file(api, "0x45444745", f"(state)->arena + {api.offset(api.source.name)}")


def api_source(api: Interface) -> str:
    """Text of ``<name>.c``: init, length checks, labels and, with a front-end, push."""
    return api_file(api, ApiTexts(kind="", initial=_variables(api), ready="", call="invoke", take=_TAKE, taken=""))


def _variables(api: Interface) -> str:
    """Statements that set variable tensors to real 0 where that is not the byte 0."""
    found = []
    for name in api.model.graph.variables:
        tensor = api.model.graph.tensor(name)
        zero = tensor.scale_zero()[1]
        if zero:
            found.append(f"    memset(state->arena + {api.offset(name)}, {paren(zero)}, {tensor.nbytes});\n")
    return "".join(found)
