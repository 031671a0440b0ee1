"""Exported programs of torch: counts against torch itself, and archives that are damaged or hostile."""

from __future__ import annotations

import json
import struct
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.budget.counting import count
from edgekit.budget.counts import Counts
from edgekit.core.errors import BadConfigError, BadFileError, EdgekitError
from edgekit.graph.readers.pt2_archive import MAX_JSON
from edgekit.graph.readers.pt2_reader import read_pt2
from edgekit.graph.tensor import Unknown

torch = pytest.importorskip("torch")
nn = torch.nn
functional = nn.functional


class Recurrent(nn.Module):
    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        self.layer = kind(10, 8, batch_first=True, **options)

    def forward(self, x: Any) -> Any:
        return self.layer(x)[0]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.layer(x, x, x, need_weights=False)[0]


class Products(nn.Module):
    def forward(self, x: Any) -> Any:
        scores = torch.softmax(x @ x.transpose(1, 2), -1)
        mixed = torch.bmm(scores, x)
        return torch.einsum("bij,bjk->bik", scores, mixed) + functional.scaled_dot_product_attention(x, x, x)


def convolutions() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8, padding="same"),
        nn.Hardswish(), nn.Conv2d(8, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5), nn.Softmax(-1),
    )  # fmt: skip


CASES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "convolutions": (convolutions, (1, 1, 20, 16)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 5, dilation=2), (2, 4, 30)),
    "conv3d": (lambda: nn.Conv3d(2, 3, 3, padding=1), (1, 2, 6, 6, 6)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1), (1, 4, 6, 6)),
    "linear on 3-D": (lambda: nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 4, bias=False)), (1, 7, 8)),
    "multi-head attention": (Attention, (1, 9, 16)),
    "products": (Products, (2, 6, 8)),
}


def export(module: Any, inputs: tuple[Any, ...], path: Path, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module.eval(), inputs, **options), path)
    return path


def value(counts: Counts, key: str) -> Any:
    quantity = counts.tallies[key].quantity
    return None if quantity is None else quantity.value


@pytest.mark.parametrize("name", CASES)
def test_counts_are_those_of_torch(name: str, tmp_path: Path) -> None:
    """MACs are half of FlopCounterMode's operations, parameters those of the module."""
    from torch.utils.flop_counter import FlopCounterMode

    build, shape = CASES[name]
    module, x = build().eval(), torch.randn(shape)
    counts = count(read_pt2(export(module, (x,), tmp_path / "m.pt2")))
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        module(x)
    assert value(counts, "macs_true") == counter.get_total_flops() // 2
    assert value(counts, "parameters") == sum(p.numel() for p in module.parameters())
    buffers = sum(b.numel() * 4 for key, b in module.named_buffers() if key.endswith(("mean", "var")))
    stored = 4 * sum(p.numel() for p in module.parameters())
    assert value(counts, "parameter_bytes_true") == stored + buffers
    assert value(counts, "peak_ram") is not None


@pytest.mark.parametrize("kind,gates,activations", [("LSTM", 4, 5), ("GRU", 3, 3), ("RNN", 1, 1)])
@pytest.mark.parametrize("both", [False, True])
def test_recurrences_by_their_formula(tmp_path: Path, kind: str, gates: int, activations: int, both: bool) -> None:
    """Two layers, 12 steps: gates × hidden × (inputs + hidden) a step and layer."""
    module = Recurrent(getattr(nn, kind), num_layers=2, bidirectional=both)
    counts = count(read_pt2(export(module, (torch.randn(1, 12, 10),), tmp_path / "m.pt2")))
    ways = 2 if both else 1
    assert value(counts, "macs_true") == 12 * ways * gates * 8 * ((10 + 8) + (8 * ways + 8))
    assert value(counts, "parameters") == sum(p.numel() for p in module.parameters())
    assert value(counts, "other_ops") == 2 * 12 * ways * 2 * activations * 8


def test_dynamic_dimensions_are_bound_by_symbol(tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return self.layer(x.reshape(x.shape[0] * 2, 4))

    dynamic = {"x": {0: torch.export.Dim("N", min=1, max=64)}}
    path = export(Model(), (torch.randn(5, 8),), tmp_path / "m.pt2", dynamic_shapes=dynamic)
    graph = read_pt2(path)
    (symbol,) = [dim.name for dim in graph.tensor(graph.inputs[0]).shape if isinstance(dim, Unknown)]
    counts = count(graph)
    assert value(counts, "macs_true") is None
    assert counts.tallies["macs_true"].reasons[0].mend == f"say what it is: --dim {symbol}=…"
    assert value(count(read_pt2(path, {symbol: 7})), "macs_true") == 14 * 4 * 3
    with pytest.raises(BadConfigError, match=symbol):
        read_pt2(path, {"batch": 7})


def test_neither_torch_is_imported_nor_a_weight_read(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = export(convolutions(), (torch.randn(1, 1, 20, 16),), tmp_path / "m.pt2")
    script = (
        "import sys; from edgekit.cli.main import main; code = main(['check-budget', sys.argv[1]]);"
        "sys.exit(10 if {'torch', 'onnx', 'tflite'} & set(sys.modules) else code)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Entries of a good archive."""
    path = export(convolutions(), (torch.randn(1, 1, 20, 16),), tmp_path_factory.mktemp("pt2") / "m.pt2")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(folder: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "m.pt2"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def changed(entries: dict[str, bytes], change: Callable[[Any], None]) -> dict[str, bytes]:
    """The entries with the program's description edited."""
    program = json.loads(entries["m/models/model.json"])
    change(program)
    return {**entries, "m/models/model.json": json.dumps(program).encode()}


def shape_of(program: Any, name: str) -> Any:
    return program["graph_module"]["graph"]["tensor_values"][name]["sizes"]


def test_the_older_layout_is_read(tmp_path: Path, good: dict[str, bytes]) -> None:
    entries = {"serialized_exported_program.json": good["m/models/model.json"], "serialized_state_dict.pt": b"\x80"}
    assert value(count(read_pt2(pack(tmp_path, entries))), "parameters") == 80 + 16 + 80 + 144 + 85


@pytest.mark.parametrize(
    "change",
    [
        lambda p: shape_of(p, "relu")[2].update(as_int=1),
        lambda p: shape_of(p, "conv2d")[2].update(as_int=1),
        lambda p: shape_of(p, "input")[2].update(as_int=2**40),
        lambda p: shape_of(p, "input")[2].update(as_int=-4),
        lambda p: shape_of(p, "p_0_weight")[0].update(as_int=4),
        lambda p: shape_of(p, "linear")[1].update(as_int=1),
        lambda p: p["graph_module"]["graph"]["nodes"].reverse(),
        lambda p: p["graph_module"]["graph"]["nodes"].append(p["graph_module"]["graph"]["nodes"][0]),
        lambda p: p["graph_module"]["graph"].update(outputs=[]),
        lambda p: p["graph_module"]["graph"].update(outputs=[{"as_tensor": {"name": "ghost"}}]),
        lambda p: p["graph_module"]["graph"].update(nodes="many"),
        lambda p: p["graph_module"].pop("signature"),
        lambda p: p["graph_module"]["graph"]["nodes"][0].update(target=7),
        lambda p: p.clear(),
    ],
)
def test_a_program_that_contradicts_itself_is_refused_or_undecided(
    tmp_path: Path, good: dict[str, bytes], change: Callable[[Any], None]
) -> None:
    path = pack(tmp_path, changed(good, change))
    try:
        counts = count(read_pt2(path))
    except EdgekitError as error:
        assert "\n" not in str(error)
    else:
        assert value(counts, "macs_true") is None


def without(entries: dict[str, bytes], part: str) -> dict[str, bytes]:
    return {name: data for name, data in entries.items() if part not in name}


def test_archives_without_their_parts_are_refused(tmp_path: Path, good: dict[str, bytes]) -> None:
    for part in ("model.json", "weights_config", "weights/weight_0"):
        with pytest.raises(BadFileError):
            read_pt2(pack(tmp_path, without(good, part)))
    with pytest.raises(BadFileError, match="do not fit"):
        read_pt2(pack(tmp_path, {**good, "m/data/weights/weight_0": b"1234"}))
    with pytest.raises(BadFileError, match="2 exported programs"):
        read_pt2(pack(tmp_path, {**good, "m/models/other.json": b"{}"}))


def test_an_entry_marked_as_a_folder_is_refused(tmp_path: Path, good: dict[str, bytes]) -> None:
    """torch.export.load finds nothing in it; zipfile reads it all the same."""
    path = tmp_path / "m.pt2"
    for attributes, broken in ((0o644 << 16, False), (0x30, True)):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in good.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = attributes if name.endswith("weight_0") else 0
                archive.writestr(entry, data)
        if broken:
            with pytest.raises(BadFileError, match="table of contents is damaged"):
                read_pt2(path)
        else:
            assert read_pt2(path).nodes


@pytest.mark.parametrize("disks", [0, 1, 2])
def test_an_archive_of_other_than_one_disk_is_refused(tmp_path: Path, good: dict[str, bytes], disks: int) -> None:
    """As torch writes it, with a 64-bit end; its reader calls any other number an unsupported multidisk archive."""
    path = pack(tmp_path, good)
    data = path.read_bytes()
    end = data.rfind(b"PK\x05\x06")
    count, length, offset = struct.unpack_from("<HII", data, end + 10)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, disks)
    path.write_bytes(data[:end] + record + locator + data[end:])
    if disks == 1:
        assert read_pt2(path).nodes
    else:
        with pytest.raises(BadFileError, match="table of contents is damaged"):
            read_pt2(path)


def test_an_entry_with_a_flag_that_torch_does_not_know_is_refused(tmp_path: Path, good: dict[str, bytes]) -> None:
    """Bit 13 of the table of contents: a masked local header."""
    path = pack(tmp_path, good)
    assert read_pt2(path).nodes
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 9] |= 0x20
    path.write_bytes(data)
    with pytest.raises(BadFileError, match="table of contents is damaged"):
        read_pt2(path)


@pytest.mark.parametrize(
    "text,message",
    [
        (b" " * (MAX_JSON + 2), "larger than"),
        (b"[" * 2_000_000, "lists and objects"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b"[{}]", "no exported program"),
        (b'{"graph_module": {"graph": {"nodes": 5, "tensor_values": {}}, "signature": {}}}', "makes no sense"),
    ],
)
def test_bombs_and_nonsense_are_refused_at_once(tmp_path: Path, text: bytes, message: str) -> None:
    """Deflated, two million brackets are two kilobytes."""
    entries = {"m/models/model.json": text, "m/data/weights/model_weights_config.json": b'{"config": {}}'}
    path = pack(tmp_path, entries, zipfile.ZIP_DEFLATED)
    begin = time.process_time()
    with pytest.raises(BadFileError, match=message):
        read_pt2(path)
    assert time.process_time() - begin < 1


def test_a_deflate_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("m/models/model.json", "w") as entry:
        for _ in range(512):
            entry.write(b"0" * 2**20)
    assert path.stat().st_size < 2**20
    begin = time.process_time()
    with pytest.raises(BadFileError, match="larger than"):
        read_pt2(path)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "data", [b"", b"PK\x05\x06" + bytes(18), b"no archive at all" * 9, b"PK\x05\x06" + b"\xff" * 18]
)
def test_files_that_are_no_archives(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(data)
    with pytest.raises(BadFileError) as caught:
        read_pt2(path)
    assert "\n" not in str(caught.value)


def test_mutated_archives_end_in_a_graph_or_a_clear_error(
    tmp_path: Path, good: dict[str, bytes], mutate: Callable[[bytes, int], bytes]
) -> None:
    data = pack(tmp_path, good).read_bytes()
    path = tmp_path / "mutated.pt2"
    for seed in range(300):
        path.write_bytes(mutate(data, seed))
        try:
            count(read_pt2(path))
        except EdgekitError as error:
            assert "\n" not in str(error)
