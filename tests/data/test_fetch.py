import hashlib
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import numpy as np
import pytest
import soundfile
from loopback_server import Site, serving

from edgekit.core.errors import BadConfigError, BadFileError, DataError
from edgekit.data.datasets import read_manifest
from edgekit.data.fetch import data_folder, fetch


def wav() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.sin(np.arange(800) / 5) * 0.3, 8000, format="WAV")
    return out.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as pack:
        for name, content in members.items():
            pack.writestr(name, content)
    return out.getvalue()


ONE = zip_bytes({"set-1/yes/1.wav": wav(), "set-1/no/1.wav": wav(), "set-1/setup.py": b"x"})
TWO = zip_bytes({"set-1/yes/2.wav": wav()})


def entry(name: str, url: str, body: bytes | None) -> str:
    checksum = f'sha256 = "{hashlib.sha256(body).hexdigest()}"\nbytes = {len(body)}\n' if body else ""
    return f'[[{name}.files]]\nurl = "{url}"\n{checksum}'


@pytest.fixture
def site(tmp_path):
    with serving(Site({"/one.zip": ONE, "/two.zip": TWO})) as running:
        text = '[mini]\ntitle = "Mini"\nlicence = "CC0"\nkeep = ["*.wav"]\n'
        text += entry("mini", f"{running.url}/one.zip", ONE) + entry("mini", f"{running.url}/two.zip", None)
        (tmp_path / "registry.toml").write_text(text)
        yield running


def get(tmp_path, **options):
    return fetch("mini", tmp_path / "data", tmp_path / "registry.toml", pause_s=0.001, **options)


def files(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_set_of_two_archives_arrives_and_reads(site, tmp_path):
    fetched = get(tmp_path)
    assert files(fetched.folder) == ["fetch.json", "set-1/no/1.wav", "set-1/yes/1.wav", "set-1/yes/2.wav"]
    assert [(item.name, item.verified, item.files) for item in fetched.archives] == [
        ("one.zip", "sha256", 2),
        ("two.zip", "", 1),
    ]
    assert not fetched.already
    assert len(read_manifest(fetched.folder / "set-1")) == 3


def test_without_a_published_checksum_the_digest_of_what_arrived_is_said_and_kept(site, tmp_path):
    fetched = get(tmp_path)
    digest = hashlib.sha256(TWO).hexdigest()
    assert fetched.notes == (f"two.zip: no published checksum; sha256 of what arrived: {digest}",)
    record = json.loads((fetched.folder / "fetch.json").read_text())
    assert record["archives"][1]["sha256"] == digest
    assert record["licence"] == "CC0"


def test_the_second_time_nothing_is_asked(site, tmp_path):
    get(tmp_path)
    site.log.clear()
    again = get(tmp_path)
    assert again.already
    assert [item.name for item in again.archives] == ["one.zip", "two.zip"]
    assert site.log == []


def test_archives_can_be_kept(site, tmp_path):
    assert files(get(tmp_path, keep_archives=True).folder / ".archives") == ["one.zip", "two.zip"]


def test_after_a_failure_only_the_missing_archive_is_fetched(site, tmp_path):
    site.status["/two.zip"] = [404]
    with pytest.raises(DataError, match="404"):
        get(tmp_path)
    site.log.clear()
    assert len(get(tmp_path).archives) == 2
    assert [path for path, _ in site.log] == ["/two.zip"]


def test_a_wrong_checksum_leaves_nothing_of_the_set(site, tmp_path):
    site.files["/one.zip"] = ONE[:-1] + b"!"
    with pytest.raises(DataError, match="wrong checksum"):
        get(tmp_path)
    assert files(tmp_path / "data") == []


@pytest.mark.parametrize("evil", ["../../evil.wav", "/tmp/evil.wav"])
def test_an_archive_that_would_leave_its_folder_is_refused(evil, site, tmp_path):
    site.files["/two.zip"] = zip_bytes({"ok.wav": wav(), evil: b"x"})
    with pytest.raises(BadFileError, match="leaves the folder"):
        get(tmp_path)
    assert not (tmp_path / "data" / "mini" / "ok.wav").exists()
    assert not list(tmp_path.rglob("evil.wav"))


def test_a_damaged_archive_is_fetched_anew_by_the_next_call(site, tmp_path):
    site.files["/two.zip"] = b"not a zip"
    with pytest.raises(BadFileError, match="no archive"):
        get(tmp_path)
    site.files["/two.zip"] = TWO
    assert len(get(tmp_path).archives) == 2


def test_an_archive_without_anything_of_use(site, tmp_path):
    site.files["/two.zip"] = zip_bytes({"readme.txt": b"moved"})
    with pytest.raises(DataError, match="nothing in it is of use"):
        get(tmp_path)


def test_a_tar_archive(site, tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as pack:
        info = tarfile.TarInfo("./yes/3.wav")
        info.size = len(wav())
        pack.addfile(info, io.BytesIO(wav()))
    site.files["/three.tar.gz"] = out.getvalue()
    (tmp_path / "registry.toml").write_text("[mini]\n" + entry("mini", f"{site.url}/three.tar.gz", out.getvalue()))
    assert "yes/3.wav" in files(get(tmp_path).folder)


def test_an_unknown_name_suggests_the_right_one():
    with pytest.raises(BadConfigError, match="did you mean 'gsc-v2'"):
        fetch("gsc-v3")


def test_a_folder_that_cannot_be_written(site, tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match="cannot write"):
        get(tmp_path)


def test_the_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("EDGEKIT_DATA")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    assert data_folder() == tmp_path / "cache" / "datasets"


def test_a_killed_fetch_goes_on_where_it_was(site, tmp_path):
    big = zip_bytes({"set-1/big.wav": np.random.default_rng(0).bytes(3_000_000)})
    site.files["/one.zip"] = big
    (tmp_path / "registry.toml").write_text("[mini]\n" + entry("mini", f"{site.url}/one.zip", big))
    site.cut["/one.zip"] = [1_000_000]
    code = "import sys; from pathlib import Path; from edgekit.data.fetch import fetch; "
    code += f"fetch('mini', Path({str(tmp_path / 'data')!r}), Path({str(tmp_path / 'registry.toml')!r}), pause_s=600)"
    process = subprocess.Popen([sys.executable, "-c", code])
    part = tmp_path / "data" / "mini" / ".archives" / "one.zip.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size == 1_000_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    site.log.clear()
    get(tmp_path)
    assert site.log == [("/one.zip", "bytes=1000000-")]
    assert files(tmp_path / "data" / "mini") == ["fetch.json", "set-1/big.wav"]
