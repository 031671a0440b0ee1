"""Generated models in one sanitized program: inputs on stdin, outputs on stdout, every bad access ends it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.bench.host import SANITIZE
from edgekit.deploy.generate import Sources
from edgekit.deploy.project import write_files
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import COMMON_FLAGS, find_toolchain

_DRIVER = """
#include <stdio.h>
#include <stdlib.h>
{includes}
{functions}
int main(int argc, char **argv) {{
    int (*const run[])(void) = {{ {names} }};
    return argc == 2 ? run[atoi(argv[1])]() : 1;
}}
"""

# Buffers of exactly the right size on the heap, so that a byte too far is seen.
_RUN = """
static int run_{name}(void) {{
    {name}_state *state = malloc(sizeof *state);
    int8_t *in = malloc({macro}_INPUT_SIZE);
    int8_t *out = malloc({macro}_OUTPUT_SIZE);
    int error = {name}_init(state);
    while (error == 0 && fread(in, 1, {macro}_INPUT_SIZE, stdin) == {macro}_INPUT_SIZE) {{
        error = {name}_invoke(state, in, out);
        fwrite(out, 1, {macro}_OUTPUT_SIZE, stdout);
    }}
    free(in);
    free(out);
    free(state);
    return error;
}}
"""


class SanitizedProgram:
    """Models built together with AddressSanitizer and UndefinedBehaviorSanitizer; warnings are errors."""

    def __init__(self, models: Sequence[Sources], folder: Path) -> None:
        self.models = models
        for sources in models:
            write_files(sources.files, folder)
        driver = _DRIVER.format(
            includes="".join(f'#include "{sources.name}.h"\n' for sources in models),
            functions="".join(_RUN.format(name=s.name, macro=s.name.upper()) for s in models),
            names=", ".join(f"run_{sources.name}" for sources in models),
        )
        (folder / "driver.c").write_text(driver)
        names = sorted(path.name for path in folder.glob("*.c"))
        flags = (*COMMON_FLAGS, "-O1", "-Werror", *SANITIZE)
        find_toolchain(find_target("cpu")).run([*flags, *names, "-o", "program"], folder)
        self._program = folder / "program"

    def run(self, index: int, clips: np.ndarray) -> np.ndarray:
        """int8 clips [N, …] through model ``index``: int8 [N, outputs]."""
        done = subprocess.run([self._program, str(index)], input=clips.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[:2000]
        return np.frombuffer(done.stdout, dtype=np.int8).reshape(len(clips), -1)
