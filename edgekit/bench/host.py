"""The generated C on this machine: a shared library through ctypes, with sanitizers on request."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edgekit.core.errors import BadConfigError, TargetError
from edgekit.deploy.project import Sources, project_files, write_files
from edgekit.deploy.stub import PROJECT_FOLDER
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, Toolchain, find_toolchain

SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")
"""Flags of a build that stops at the first bad access or undefined operation."""


class HostModel:
    """A loaded library; use :func:`host_model`.

    Attributes:
        sources: what it was built from.
        toolchain: version of the compiler.
        warnings: what the compiler said.
    """

    def __init__(self, library: Path, sources: Sources, toolchain: str, warnings: str) -> None:
        self.sources, self.toolchain, self.warnings = sources, toolchain, warnings
        try:
            self._library = ctypes.CDLL(str(library))
        except OSError as error:
            raise TargetError(f"the built library does not load: {error}", mend="check the host compiler") from error
        self._library.edgekit_state_bytes.restype = ctypes.c_size_t

    @property
    def library(self) -> ctypes.CDLL:
        """The loaded library, for symbols beyond the project's own."""
        return self._library

    @property
    def state_bytes(self) -> int:
        """Bytes of the state struct on this machine."""
        return int(self._library.edgekit_state_bytes())

    def invoke(self, features: np.ndarray) -> np.ndarray:
        """int8 features [N, …] to int8 scores [N, outputs].

        Raises:
            BadConfigError: wrong type or size.
            TargetError: the model answered an error code.
        """
        x = _contiguous(features, np.int8, self.sources.input_size)
        scores = np.empty((len(x), self.sources.output_size), dtype=np.int8)
        call = self._library.edgekit_invoke_many
        error = call(_pointer(x), ctypes.c_size_t(len(x)), _pointer(scores))
        _check(int(error))
        return scores

    def push(self, pcm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int16 clips [N, clip samples] to (int8 scores [N, outputs], labels int32 [N]).

        Raises:
            BadConfigError: wrong type or size, or the model was built without its front-end.
            TargetError: the model answered an error code, or gave no result at a clip's end.
        """
        if not self.sources.has_frontend:
            raise BadConfigError("the model was compiled without its front-end", mend="give a front-end")
        x = _contiguous(pcm, np.int16, self.sources.clip_samples)
        scores = np.empty((len(x), self.sources.output_size), dtype=np.int8)
        labels = np.empty(len(x), dtype=np.int32)
        call = self._library.edgekit_push_many
        error = call(_pointer(x), ctypes.c_size_t(len(x)), _pointer(scores), _pointer(labels))
        _check(int(error))
        return scores, labels


@contextmanager
def host_model(
    sources: Sources, *, toolchain: Toolchain | None = None, flags: tuple[str, ...] = ()
) -> Iterator[HostModel]:
    """Build ``sources`` as a shared library in a temporary folder and load it.

    Raises:
        MissingDependencyError: there is no host compiler.
        TargetError: it failed.
    """
    target = find_target("cpu")
    compiler = toolchain or find_toolchain(target)
    files = project_files(sources, target, "host")
    folder = Path(tempfile.mkdtemp(prefix="edgekit-host-"))
    try:
        write_files(files, folder)
        names = [name for name in sorted(files) if name.endswith(".c") and not name.endswith("/main.c")]
        library = folder / "model.so"
        arguments = [*COMMON_FLAGS, *flags, "-fPIC", "-shared", "-I.", f"-I{PROJECT_FOLDER}", *names]
        warnings = compiler.run([*arguments, "-o", library.name], folder)
        yield HostModel(library, sources, compiler.version(), warnings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _contiguous(values: np.ndarray, dtype: type[np.generic], size: int) -> np.ndarray:
    if values.dtype != np.dtype(dtype) or values.ndim < 2 or values[0:1].size != size * min(len(values), 1):
        raise BadConfigError(
            f"input is {values.dtype} {list(values.shape)}", mend=f"give {np.dtype(dtype)} with {size} values a clip"
        )
    return np.ascontiguousarray(values)


def _pointer(values: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)


def _check(error: int) -> None:
    if error != 0:
        raise TargetError(f"the model answered error {error}", mend="report it with the model")
