"""The generated front-end as C: clean under warnings and sanitizers, callable from C++, memory functions only."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from frontend_variants import VARIANTS

from edgekit.core.errors import MissingDependencyError
from edgekit.deploy.frontend.generate import FeatureType, generate_frontend
from edgekit.deploy.frontend.host import host_frontend
from edgekit.deploy.target import find_target
from edgekit.deploy.toolchain import find_toolchain
from edgekit.features.presets import PRESETS
from edgekit.features.signals import synthetic_clips

STRICT = (
    "-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wdouble-promotion", "-Wshadow", "-Wundef",
    "-Wstrict-prototypes", "-Wcast-qual", "-Werror", "-ffp-contract=off",
)  # fmt: skip
SOME = ("plain", "remove DC, frame pre-emphasis", "signal pre-emphasis, zero padding", "rect", "no padding", "slaney",
        "mfcc, lifted, normalised", "magnitude", "high band only", "one mel bin", "left, reflected")  # fmt: skip

CALLER = """
#include "front_frontend.h"
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    static front_frontend_state state;
    static int16_t pcm[FRONT_FRONTEND_CLIP_SAMPLES];
    static @type@ features[FRONT_FRONTEND_SIZE];
    front_frontend_init(&state);
    while (fread(pcm, sizeof pcm, 1, stdin) == 1) {
        size_t done = 0;
        int ready = 0;
        while (!ready) {
            const size_t left = FRONT_FRONTEND_CLIP_SAMPLES - done;
            const size_t n = left < 333 ? left : 333;
            /* A copy of exactly n samples: reading past them is an error that the sanitizer sees. */
            int16_t *block = (int16_t *)malloc(n * sizeof *block);
            for (size_t i = 0; i < n; i++) block[i] = pcm[done + i];
            done += front_frontend_push(&state, block, n, features, &ready);
            free(block);
        }
        fwrite(features, sizeof features, 1, stdout);
    }
    return 0;
}
"""


def write(folder: Path, name: str, dtype: FeatureType = "int8") -> None:
    spec = VARIANTS.get(name) or PRESETS[name]
    sources = generate_frontend(spec, "front", 0.05, 60, dtype)
    for file, text in sources.files.items():
        (folder / file).write_text(text)
    (folder / "caller.c").write_text(CALLER.replace("@type@", "int8_t" if dtype == "int8" else "float"))


def run(*command: str, folder: Path, data: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=folder, input=data, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    return done.stdout


def gcc() -> str:
    path = shutil.which("gcc")
    if path is None:
        pytest.skip("gcc is not installed")
    return path


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("name", [*SOME, *PRESETS])
def test_compiles_without_a_warning_under_gcc(name: str, dtype: FeatureType, tmp_path: Path) -> None:
    write(tmp_path, name, dtype)
    run(gcc(), *STRICT, "-c", "front_frontend.c", folder=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOME)
def test_compiles_without_a_warning_for_a_microcontroller(name: str, tmp_path: Path) -> None:
    target = find_target("cortex-m4")
    try:
        compiler = find_toolchain(target, "zig")
    except MissingDependencyError:
        pytest.skip("ziglang is not installed")
    write(tmp_path, name)
    (tmp_path / "string.h").write_text("#include <stddef.h>\nvoid *memset(void *, int, size_t);\n")
    compiler.run([*compiler.target_flags(target), *STRICT, "-Weverything", "-Wno-unsafe-buffer-usage", "-Wno-padded",
                  "-Wno-declaration-after-statement", "-I.", "-c", "front_frontend.c"], tmp_path)  # fmt: skip


def test_the_header_serves_cpp(tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    write(tmp_path, "plain")
    run(gcc(), *STRICT, "-c", "front_frontend.c", folder=tmp_path)
    (tmp_path / "caller.cpp").write_text(CALLER.replace("@type@", "int8_t"))
    flags = ("-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
    run(compiler, *flags, "caller.cpp", "front_frontend.o", "-o", "caller", folder=tmp_path)
    assert len(run("./caller", folder=tmp_path, data=bytes(8_000))) == VARIANTS["plain"].frames * 24


@pytest.mark.slow
@pytest.mark.parametrize("name", [*VARIANTS, "kws-mfcc-49x10", "thesis-128x100"])
def test_runs_clean_under_sanitizers(name: str, tmp_path: Path) -> None:
    spec = VARIANTS.get(name) or PRESETS[name]
    write(tmp_path, name)
    flags = ("-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    run(gcc(), *flags, "-ffp-contract=off", "front_frontend.c", "caller.c", "-o", "caller", folder=tmp_path)
    clips = np.stack(list(synthetic_clips(spec.sample_rate, spec.clip_samples).values()))
    out = run("./caller", folder=tmp_path, data=clips.tobytes())
    assert len(out) == len(clips) * spec.frames * spec.bins
    with host_frontend(spec, "int8", 0.05, 60) as front:
        wanted = np.stack([front.clip(pcm) for pcm in clips])
    np.testing.assert_array_equal(np.frombuffer(out, np.int8).reshape(wanted.shape), wanted)


@pytest.mark.parametrize("name", SOME)
def test_needs_nothing_but_memory_functions(name: str, tmp_path: Path) -> None:
    write(tmp_path, name)
    run(gcc(), *STRICT, "-c", "front_frontend.c", folder=tmp_path)
    symbols = run("nm", "-u", "front_frontend.o", folder=tmp_path).decode().split()
    assert set(symbols) - {"U", "_GLOBAL_OFFSET_TABLE_"} <= {"memset", "memcpy"}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_holds_no_double(name: str) -> None:
    source = generate_frontend(VARIANTS[name], "front").source
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    assert not re.search(r"\bdouble\b", code)
    assert not re.search(r"(?<![\w.])\d+(\.\d*)?(e[+-]?\d+)?(?![\w.])(?<=[.e]\d)", code)
    for literal in re.findall(r"(?<![\w.])\d+\.\d*(?:e[+-]?\d+)?\w*", code):
        assert literal.endswith("f"), literal


def test_text_is_deterministic_and_names_the_digest() -> None:
    spec = PRESETS["kws-mfcc-49x10"]
    first, second = generate_frontend(spec, "kws", 0.5, 3), generate_frontend(spec, "kws", 0.5, 3)
    assert first == second
    assert f'#define KWS_FRONTEND_DIGEST "{spec.digest}"' in first.header
    assert list(first.files) == ["kws_frontend.h", "kws_frontend.c"]


@pytest.mark.parametrize("name", [*VARIANTS, *PRESETS])
def test_state_and_table_bytes_are_those_of_the_compiler(name: str, tmp_path: Path) -> None:
    spec = VARIANTS.get(name) or PRESETS[name]
    sources = generate_frontend(spec, "front")
    for file, text in sources.files.items():
        (tmp_path / file).write_text(text)
    tables = re.findall(r"^static const \w+ (fe_\w+)\[", sources.source, re.MULTILINE)
    checks = [f'_Static_assert(sizeof(front_frontend_state) == {sources.state_bytes}, "state");']
    checks += [f'_Static_assert({" + ".join(f"sizeof {t}" for t in tables)} == {sources.table_bytes}, "tables");']
    (tmp_path / "check.c").write_text('#include "front_frontend.c"\n' + "\n".join(checks) + "\n")
    run(gcc(), "-std=c11", "-fsyntax-only", "check.c", folder=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "mfcc, lifted, normalised", "remove DC, frame pre-emphasis"])
def test_compilers_and_levels_of_optimisation_give_the_same_bytes(name: str) -> None:
    spec = VARIANTS[name]
    clips = synthetic_clips(spec.sample_rate, spec.clip_samples).values()
    outputs = []
    for toolchain, flags in (("gcc", ("-O0",)), ("gcc", ("-O3",)), ("zig", ("-O2", "-fno-sanitize=undefined"))):
        try:
            compiler = find_toolchain(find_target("host"), toolchain)
        except MissingDependencyError:
            continue
        with host_frontend(spec, toolchain=compiler, flags=flags) as front:
            outputs.append(np.stack([front.clip(pcm) for pcm in clips]).tobytes())
    assert len(outputs) >= 2, sys.platform
    assert len(set(outputs)) == 1
