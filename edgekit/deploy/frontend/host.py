"""The generated front-end on this machine, as a shared library through ctypes: what tests and `features verify` run."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import TargetError
from edgekit.deploy.frontend.generate import FeatureType, FrontendSources, Precision, generate_frontend
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, Toolchain, find_toolchain
from edgekit.features.spec import FrontendSpec


class HostFrontend:
    """A loaded front-end with its state; use :func:`host_frontend`.

    Attributes:
        spec: what it computes.
        sources: the text that was compiled.
        warnings: what the compiler said.
    """

    def __init__(
        self, library: Path, spec: FrontendSpec, sources: FrontendSources, dtype: FeatureType, warnings: str
    ) -> None:
        self.spec, self.sources, self.warnings = spec, sources, warnings
        self._dtype = np.dtype(dtype)
        try:
            loaded = ctypes.CDLL(str(library))
        except OSError as error:
            raise TargetError(f"the built library does not load: {error}", mend="check the host compiler") from error
        self._push = getattr(loaded, f"{sources.name}_frontend_push")
        self._push.restype = ctypes.c_size_t
        self._init = getattr(loaded, f"{sources.name}_frontend_init")
        # Filled with a pattern: a front-end that reads what it has not written is found out.
        self._state = ctypes.create_string_buffer(b"\xa5" * sources.state_bytes, sources.state_bytes)
        self._features = np.zeros(spec.feature_shape, self._dtype)
        self.reset()

    def reset(self) -> None:
        """Begin a clip."""
        self._init(self._state)

    def push(self, pcm: NDArray[np.int16]) -> tuple[int, NDArray[np.generic] | None]:
        """Hand over samples; returns how many were taken, and the features ``[H, W]`` when the clip has ended."""
        block = np.ascontiguousarray(pcm, np.int16)
        ready = ctypes.c_int(0)
        out = self._features.ctypes.data_as(ctypes.c_void_p)
        data = block.ctypes.data_as(ctypes.c_void_p)
        taken = int(self._push(self._state, data, ctypes.c_size_t(block.size), out, ctypes.byref(ready)))
        return taken, self._features.copy() if ready.value else None

    def clip(self, pcm: NDArray[np.int16]) -> NDArray[np.generic]:
        """Features ``[H, W]`` of one clip, zero-padded or cut to ``clip_samples``."""
        samples = self.spec.clip_samples
        fitted = np.pad(pcm[:samples], (0, max(0, samples - pcm.size)))
        self.reset()
        taken, out = self.push(fitted)
        if out is None or taken != samples:
            raise TargetError(f"the front-end took {taken} of {samples} samples", mend="report it: a bug of edgekit")
        return out


@contextmanager
def host_frontend(
    spec: FrontendSpec,
    dtype: FeatureType = "float32",
    input_scale: float = 1.0,
    input_zero_point: int = 0,
    precision: Precision = "exact",
    *,
    toolchain: Toolchain | None = None,
    flags: Sequence[str] = (),
) -> Iterator[HostFrontend]:
    """Generate, compile and load a front-end; the files go away with the context.

    Raises:
        MissingDependencyError: no C compiler.
        TargetError: it does not compile or load.
    """
    sources = generate_frontend(spec, "host", input_scale, input_zero_point, dtype, precision)
    compiler = toolchain or find_toolchain(find_target("host"))
    with tempfile.TemporaryDirectory(prefix="edgekit-frontend-") as name:
        folder = Path(name)
        for file, text in sources.files.items():
            (folder / file).write_text(text, "utf-8")
        library = folder / "frontend.so"
        arguments = [*COMMON_FLAGS, *flags, "-fPIC", "-shared", "host_frontend.c", "-o", library.name]
        warnings = compiler.run(arguments, folder)
        yield HostFrontend(library, spec, sources, dtype, warnings)
