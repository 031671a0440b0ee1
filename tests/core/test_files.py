from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.core.digest import canonical_json, digest_file, digest_json
from edgekit.core.errors import BadFileError
from edgekit.core.files import atomic_folder, atomic_path, write_bytes, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "model.tflite"
    write_bytes(target, b"old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_bytes(b"half of the new")
        raise RuntimeError("power cut")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]


def test_a_failed_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "out") as temporary:
        (temporary / "a.c").write_text("int a;")
        raise RuntimeError("compiler fell over")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_filled_and_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with atomic_folder(tmp_path / "out") as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a.c").write_text("int a;")
    assert sorted(p.name for p in (tmp_path / "out").rglob("*") if p.is_file()) == ["a.c", "mine.txt"]


def test_an_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFileError, match="cannot write"):
        write_text(tmp_path / "file" / "below.txt", "x")


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_canonical_json_does_not_depend_on_key_order() -> None:
    assert canonical_json({"b": 1, "a": [1.5, "ü"]}) == '{"a":[1.5,"\\u00fc"],"b":1}'
    assert digest_json({"b": 1, "a": 2}) == digest_json({"a": 2, "b": 1})
    assert digest_json({"a": 2}) == "sha256:" + hashlib.sha256(b'{"a":2}').hexdigest()


def test_digest_of_a_file_equals_hashlib(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "x").write_bytes(data)
    assert digest_file(tmp_path / "x", chunk=1000) == "sha256:" + hashlib.sha256(data).hexdigest()
    assert json.loads(canonical_json({"x": 1})) == {"x": 1}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EFBIG, "File too large"),
        RuntimeError("I/O error: No space left on device (os error 28)"),  # as safetensors says it
    ],
)
def test_a_full_disk_is_a_clear_error_and_the_old_file_stays(tmp_path: Path, error: Exception) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(BadFileError, match="file: no room left to write it"), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from edgekit.core.files import atomic_folder, atomic_path
folder = Path(sys.argv[1])
with atomic_path(folder / "a.txt") as file, atomic_folder(folder / "b") as below:
    file.write_text("half")
    (below / "c.txt").write_text("half")
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9 and len(list(tmp_path.iterdir())) == 2
    with atomic_path(tmp_path / "other.txt") as mine:
        mine.write_text("whole")
        assert [path for path in tmp_path.iterdir() if path != mine] == []
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_temporary_files_of_living_processes_and_of_users_stay(tmp_path: Path) -> None:
    (tmp_path / ".a.txt.swp").write_text("an editor's")
    code = """
import sys
from pathlib import Path
from edgekit.core.files import atomic_path
with atomic_path(Path(sys.argv[1])) as file:
    file.write_text("x")
    print("ready", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.txt")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        write_text(tmp_path / "b.txt", "x")
        assert len(list(tmp_path.iterdir())) == 3
        other.communicate("")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.txt.swp", "a.txt", "b.txt"]
