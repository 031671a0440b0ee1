"""Firmware projects: what other build systems build is compiled here against stand-ins of their headers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from edge_graphs import Builder

from edgekit.bench.emulate import emulate
from edgekit.bench.qemu import PROGRAM, run_in_qemu
from edgekit.core.errors import BadConfigError
from edgekit.deploy.generate import generate
from edgekit.deploy.project import Image, build, has_image, project_files, write_files
from edgekit.deploy.stub import find_stub
from edgekit.deploy.target import find_target
from edgekit.features.presets import PRESETS
from edgekit.features.spec import FrontendSpec
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer
from edgekit.graph.rounding import with_rounding

SPEC = PRESETS["kws-logmel-40"]
STRICT = ("-Wall", "-Wextra", "-Werror")
needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="install g++ (Debian package)")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="install gcc (Debian package)")

ARDUINO = """\
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
struct Printer {
    void begin(unsigned long) {}
    template <class T> void print(const T &) {}
    template <class T> void println(const T &) {}
};
static Printer Serial;
unsigned long micros();
void delay(unsigned long);
void setup();
void loop();
"""
PDM = """\
#pragma once
struct Microphone {
    int begin(int, int) { return 1; }
    void onReceive(void (*)(void)) {}
    int available() { return 0; }
    int read(void *, int bytes) { return bytes; }
};
static Microphone PDM;
"""
ZEPHYR = {
    "zephyr/kernel.h": "#include <stdint.h>\nuint32_t k_cycle_get_32(void);\nint k_msleep(int ms);\n",
    "zephyr/sys/printk.h": "void printk(const char *format, ...);\n",
}
ESP_IDF = {
    "esp_timer.h": "#include <stdint.h>\nint64_t esp_timer_get_time(void);\nvoid app_main(void);\n",
    "freertos/FreeRTOS.h": "#define pdMS_TO_TICKS(ms) (ms)\n",
    "freertos/task.h": "void vTaskDelay(int ticks);\n",
}
TFLM_OPS = (
    "Abs", "Add", "AveragePool2D", "BatchMatMul", "Concatenation", "Conv2D", "DepthwiseConv2D", "FullyConnected",
    "Gather", "HardSwish", "Logistic", "MaxPool2D", "Mean", "Mul", "Pad", "Quantize", "Relu", "Relu6", "Reshape",
    "Rsqrt", "Slice", "Softmax", "Split", "SquaredDifference", "StridedSlice", "Sub", "Sum", "Svdf", "Tanh",
    "Transpose", "UnidirectionalSequenceLSTM",
)  # fmt: skip
TFLM = {
    "tensorflow/lite/micro/micro_mutable_op_resolver.h": """\
#pragma once
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
#define TF_LITE_ENSURE_STATUS(a) do { const TfLiteStatus s = (a); if (s != kTfLiteOk) return s; } while (0)
namespace tflite {
template <unsigned n> struct MicroMutableOpResolver {
"""
    + "".join(f"    TfLiteStatus Add{op}();\n" for op in TFLM_OPS)
    + "};\n}\n",
    "tensorflow/lite/schema/schema_generated.h": (
        "#pragma once\nnamespace tflite { struct Model; const Model *GetModel(const void *); }\n"
    ),
    "tensorflow/lite/micro/micro_interpreter.h": """\
#pragma once
#include <cstddef>
#include <cstdint>
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"
struct TfLiteTensor { struct { int8_t *int8; } data; };
namespace tflite {
struct MicroInterpreter {
    template <unsigned n>
    MicroInterpreter(const Model *, const MicroMutableOpResolver<n> &, uint8_t *, size_t);
    TfLiteStatus AllocateTensors();
    TfLiteStatus Invoke();
    TfLiteTensor *input(size_t);
    TfLiteTensor *output(size_t);
    size_t arena_used_bytes() const;
};
}
""",
    "model_data.h": "extern unsigned char model_tflite[];\n",
}


def _graph(dims: tuple[int, ...] = (1, 6, 5, 2)) -> Graph:
    builder = Builder(np.random.default_rng(1), dims)
    builder.conv2d(4, (3, 3), stride=(2, 2), activation="relu")
    builder.append("reshape", (builder.x.name,), builder.same("flat", (1, builder.x.elements)))
    builder.fully_connected(3)
    return builder.graph()


def _written(project: str, target: str, folder: Path, spec: FrontendSpec | None = None) -> Path:
    chosen = find_target(target)
    graph = _graph() if spec is None else _graph(spec.input_shape)
    write_files(project_files(generate(graph, spec, chosen, "tiny"), chosen, project), folder)
    return folder


def _stand_ins(files: dict[str, str], folder: Path) -> Path:
    write_files(files, folder)
    return folder


def _compile(*arguments: str | Path) -> None:
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_gxx
@pytest.mark.parametrize("with_frontend", [False, True])
def test_arduino_library_and_sketches_compile_as_cpp(with_frontend: bool, tmp_path: Path) -> None:
    root = _written("arduino", "cortex-m4", tmp_path / "library", SPEC if with_frontend else None)
    headers = _stand_ins({"Arduino.h": ARDUINO, "PDM.h": PDM}, tmp_path / "headers")
    properties = dict(line.split("=", 1) for line in (root / "library.properties").read_text().splitlines())
    assert properties["name"] == "tiny" and (root / "src" / properties["includes"]).is_file()
    for source in (root / "src").glob("*.c"):
        _compile("gcc", "-std=gnu11", *STRICT, "-c", source, "-o", tmp_path / "x.o")
    sketches = ["Features", *(["Microphone"] if with_frontend else [])]
    for name in sketches:  # the IDE includes Arduino.h in front of a sketch
        sketch = root / "examples" / name / f"{name}.ino"
        include = ("-I", root / "src", "-I", headers, "-include", "Arduino.h")
        _compile("g++", "-std=gnu++11", "-x", "c++", *STRICT, *include, "-c", sketch, "-o", tmp_path / "x.o")


@needs_gcc
def test_zephyr_module_lists_what_is_there_and_compiles(tmp_path: Path) -> None:
    root = _written("zephyr", "cortex-m4", tmp_path / "module")
    module = yaml.safe_load((root / "zephyr" / "module.yml").read_text())
    assert module == {"name": "tiny", "build": {"cmake": ".", "kconfig": "Kconfig"}}
    listed = next(line for line in (root / "CMakeLists.txt").read_text().splitlines() if "EDGEKIT_SOURCES s" in line)
    sources = listed.split("EDGEKIT_SOURCES ")[1].rstrip(")").split()
    assert sources == sorted(f"src/{path.name}" for path in (root / "src").glob("*.c"))
    assert "config EDGEKIT_TINY\n" in (root / "Kconfig").read_text()
    headers = _stand_ins(ZEPHYR, tmp_path / "headers")
    for source in (*sources, "sample/src/main.c"):
        include = ("-I", root / "src", "-I", headers)
        _compile("gcc", "-std=c11", *STRICT, *include, "-c", root / source, "-o", tmp_path / "x.o")


@needs_gcc
def test_esp_idf_component_and_main_compile(tmp_path: Path) -> None:
    root = _written("esp-idf", "cpu", tmp_path / "app")
    headers = _stand_ins(ESP_IDF, tmp_path / "headers")
    component = root / "components" / "model"
    sources = [*component.glob("*.c"), root / "main" / "main.c"]
    assert len(sources) >= 3 and (component / "CMakeLists.txt").is_file()
    for source in sources:
        include = ("-I", component, "-I", headers)
        _compile("gcc", "-std=gnu17", *STRICT, *include, "-c", source, "-o", tmp_path / "x.o")


@needs_gxx
def test_tflm_application_compiles_and_its_makefile_names_every_source(tmp_path: Path) -> None:
    root = _written("tflm", "cpu", tmp_path / "app")
    headers = _stand_ins(TFLM, tmp_path / "headers")
    include = ("-I", root / "edgekit", "-I", headers)
    _compile("g++", "-std=c++17", *STRICT, *include, "-c", root / "compare.cc", "-o", tmp_path / "x.o")
    makefile = (root / "Makefile").read_text()
    sources = next(line for line in makefile.splitlines() if line.startswith("SOURCES")).split("= ")[1].split()
    assert sources == sorted(f"edgekit/{path.name}" for path in (root / "edgekit").glob("*.c"))


@needs_gxx
def test_tflm_application_of_a_model_that_rounds_once_asks_for_such_a_tflm(tmp_path: Path) -> None:
    chosen = find_target("cpu")
    sources = generate(with_rounding(_graph(), "once"), None, chosen, "tiny")
    write_files(project_files(sources, chosen, "tflm"), tmp_path / "app")
    headers = _stand_ins(TFLM, tmp_path / "headers")
    command = ["g++", "-std=c++17", *STRICT, "-I", tmp_path / "app" / "edgekit", "-I", headers]
    command += ["-c", tmp_path / "app" / "compare.cc", "-o", tmp_path / "x.o"]
    with pytest.raises(AssertionError, match="build TFLM and this program with -DTFLITE_SINGLE_ROUNDING=1"):
        _compile(*command)
    _compile(*command, "-DTFLITE_SINGLE_ROUNDING=1")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="install gcc-arm-none-eabi (Debian package)")
def test_cmake_builds_an_image_that_runs(tmp_path: Path) -> None:
    pytest.importorskip("unicorn")
    tools = Path(sys.executable).parent
    cmake = shutil.which("cmake") or shutil.which("cmake", path=tools)
    ninja = shutil.which("ninja") or shutil.which("ninja", path=tools)
    if cmake is None or ninja is None:
        pytest.skip("pip install cmake ninja")
    root, target = _written("cortex-m-bare", "mps2-an386", tmp_path / "out"), find_target("mps2-an386")
    tool = f"-DCMAKE_TOOLCHAIN_FILE={root / 'project' / 'arm-none-eabi.cmake'}"
    made = root / "build"
    _compile(cmake, "-S", root / "project", "-B", made, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", tool)
    _compile(cmake, "--build", made)
    clips = np.random.default_rng(0).integers(-128, 128, (4, 6, 5, 2), dtype=np.int8)
    expected = run_integer(_graph(), clips).reshape(4, -1)
    image = Image(made / "firmware.elf", made, target, "cmake", "", "tiny")
    np.testing.assert_array_equal(emulate(image, clips, counted=0).scores, expected)
    if shutil.which(PROGRAM) is not None:
        np.testing.assert_array_equal(run_in_qemu(image, clips, 3).scores, expected)


def test_every_stub_says_what_ci_builds_and_is_in_the_overview() -> None:
    folder = find_stub("host").folder.parent
    overview = (folder / "README.md").read_text()
    for stub in sorted(path for path in folder.iterdir() if path.is_dir()):
        text = (stub / "README.md").read_text()
        assert f"| `{stub.name}` |" in overview
        assert "tests build and run" in text or "CI compiles" in text


def test_only_some_projects_are_built_by_edgekit() -> None:
    m4 = find_target("cortex-m4")
    assert has_image(m4, None) and has_image(m4, "cortex-m-bare")
    assert not any(has_image(m4, name) for name in ("arduino", "zephyr", "esp-idf", "tflm"))


def test_a_folder_of_ones_own_with_templates(tmp_path: Path) -> None:
    stub = tmp_path / "mine"
    (stub / "sub").mkdir(parents=True)
    (stub / "sub" / "@name@.txt.in").write_text("@name@ for @board@: @sources@")
    (stub / "project.toml").write_text('files = "firmware"\nsources = "gen"\nimage = false\n')
    root = _written(str(stub), "nrf52840-dk", tmp_path / "out")
    assert (root / "firmware" / "sub" / "tiny.txt").read_text() == "tiny for nrf52840-dk: gen/tiny.c gen/tiny_model.c"
    assert json.dumps(sorted(path.name for path in (root / "gen").iterdir())).count("tiny") == 4
    assert (root / "gen" / "model_config.h").is_file()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ('files = "../elsewhere"', "leaves the output folder"),
        ('sources = "/tmp"', "leaves the output folder"),
        ("image = 1", "is not known"),
        ('colour = "blue"', "is not known"),
        ("no toml", "is no TOML"),
    ],
)
def test_a_wrong_description_is_refused(told: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(told)
    with pytest.raises(BadConfigError, match=message):
        find_stub(str(tmp_path))


def test_an_unknown_value_in_a_template_is_refused(tmp_path: Path) -> None:
    stub = tmp_path / "mine"
    stub.mkdir()
    (stub / "a.in").write_text("@colour@")
    with pytest.raises(BadConfigError, match="@colour@ has no value"):
        _written(str(stub), "cortex-m4", tmp_path / "out")
    (stub / "a.in").write_bytes(b"\xff\xfe")
    with pytest.raises(BadConfigError, match="is no text"):
        _written(str(stub), "cortex-m4", tmp_path / "out")


def test_the_default_project_is_built(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    target = find_target("cortex-m3")
    assert build(generate(_graph(), None, target, "tiny"), target, tmp_path / "out").path.is_file()
