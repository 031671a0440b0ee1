"""The generated C of a stream on this machine: one stream that goes on from call to call."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from edgekit.bench.host import HostModel, host_model
from edgekit.core.errors import BadConfigError, TargetError
from edgekit.deploy.generate import Sources
from edgekit.deploy.toolchain import Toolchain


class HostStream:
    """A stream in a loaded library; use :func:`host_stream`.

    Attributes:
        sources: what it was built from.
        warnings: what the compiler said.
        toolchain: version of the compiler.
        state_bytes: of the state struct on this machine.
    """

    def __init__(self, model: HostModel) -> None:
        self.sources, self.warnings, self.state_bytes = model.sources, model.warnings, model.state_bytes
        self.toolchain = model.toolchain
        self._library = model.library
        self._library.edgekit_state.restype = ctypes.c_void_p
        self.restart()

    def restart(self) -> None:
        """Forget all that was heard."""
        _check(self._library.edgekit_start())

    def state(self) -> np.ndarray:
        """A copy of the whole state, uint8; rings lie at its start."""
        return np.frombuffer(ctypes.string_at(self._library.edgekit_state(), self.state_bytes), np.uint8).copy()

    def rings(self) -> np.ndarray:
        """A copy of the rings, int8."""
        return self.state()[: int(self.sources.manifest["stream"]["ring_bytes"])].view(np.int8)

    def step(self, hops: np.ndarray) -> np.ndarray:
        """int8 hops [N, …] to int8 scores [N, outputs].

        Raises:
            BadConfigError: wrong type or size.
            TargetError: the model answered an error code.
        """
        if hops.dtype != np.int8 or hops.size != len(hops) * self.sources.input_size:
            raise BadConfigError(
                f"hops are {hops.dtype} {list(hops.shape)}",
                mend=f"give int8, {self.sources.input_size} values each",
            )
        given = np.ascontiguousarray(hops)
        scores = np.empty((len(given), self.sources.output_size), np.int8)
        _check(self._library.edgekit_step_many(_pointer(given), ctypes.c_size_t(len(given)), _pointer(scores)))
        return scores

    def listen(self, pcm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int16 samples [n] to (int8 scores [hops, outputs], bool [hops]: those of a whole window).

        Raises:
            BadConfigError: not int16, or the model was built without its front-end.
            TargetError: the model answered an error code.
        """
        if pcm.dtype != np.int16 or pcm.ndim != 1 or not self.sources.has_frontend:
            raise BadConfigError(
                f"samples are {pcm.dtype} {list(pcm.shape)}", mend="give int16 [n] to a model with its front-end"
            )
        given = np.ascontiguousarray(pcm)
        most = len(given) // self.sources.clip_samples + 2
        scores = np.empty((most, self.sources.output_size), np.int8)
        valid, hops = np.empty(most, np.uint8), ctypes.c_size_t(0)
        call = self._library.edgekit_listen
        places = (_pointer(scores), _pointer(valid), ctypes.byref(hops))
        _check(call(_pointer(given), ctypes.c_size_t(len(given)), *places))
        return scores[: hops.value], valid[: hops.value].astype(bool)


@contextmanager
def host_stream(
    sources: Sources, *, toolchain: Toolchain | None = None, flags: tuple[str, ...] = ()
) -> Iterator[HostStream]:
    """Build streaming ``sources`` as a shared library in a temporary folder and start a stream.

    Raises:
        BadConfigError: sources of a model that takes windows.
        MissingDependencyError: there is no host compiler.
        TargetError: it failed.
    """
    if sources.call != "step":
        raise BadConfigError("the model takes windows, not hops", where=sources.name, mend="generate its stream")
    with host_model(sources, toolchain=toolchain, flags=flags) as model:
        yield HostStream(model)


def _pointer(values: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)


def _check(error: int) -> None:
    if error != 0:
        raise TargetError(f"the model answered error {error}", mend="report it with the model")
