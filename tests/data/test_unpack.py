import io
import os
import stat
import tarfile
import zipfile

import pytest

from edgekit.core.errors import BadFileError
from edgekit.data import unpack as unpack_module
from edgekit.data.unpack import unpack


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in members.items():
            pack.writestr(name, content)
    return path


def tar_of(path, members):
    with tarfile.open(path, "w:gz") as pack:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            body = b"" if isinstance(content, tarfile.TarInfo) else content
            info.size = len(body)
            pack.addfile(info, io.BytesIO(body))
    return path


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    return folder


def names(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_members_arrive_with_their_content(make, tmp_path, out):
    archive = make(tmp_path / "a.zip", {"./yes/1.wav": b"one", "no/2.wav": b"two" * 1000})
    assert unpack(archive, out) == 2
    assert (out / "yes" / "1.wav").read_bytes() == b"one"
    assert (out / "no" / "2.wav").read_bytes() == b"two" * 1000


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_only_what_is_wanted_is_unpacked(make, tmp_path, out):
    members = {"repo/audio/1.wav": b"1", "repo/code.py": b"2", "repo/audio/x.txt": b"3"}
    assert unpack(make(tmp_path / "a", members), out, ["*/audio/*.wav"]) == 1
    assert names(out) == ["repo/audio/1.wav"]


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "a\\..\\..\\evil", "a\nb", ".."])
def test_no_member_leaves_the_folder(make, name, tmp_path, out):
    with pytest.raises(BadFileError, match="leaves the folder"):
        unpack(make(tmp_path / "a", {name: b"x"}), out)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind, tmp_path, out):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "../../etc/passwd"
    with pytest.raises(BadFileError, match="link or device"):
        unpack(tar_of(tmp_path / "a", {"link": info}), out)
    assert not os.listdir(out)


def test_links_in_a_zip_are_refused(tmp_path, out):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(BadFileError, match="link or device"):
        unpack(zip_of(tmp_path / "a", {info: b"/etc"}), out)


def test_a_bomb_is_refused(tmp_path, out, monkeypatch):
    monkeypatch.setattr(unpack_module, "SPARE_BYTES", 1000)
    with pytest.raises(BadFileError, match="unpacks to more than"):
        unpack(zip_of(tmp_path / "a", {"zeros": bytes(5_000_000)}), out)
    assert names(out) == []


def test_too_many_members_are_refused(tmp_path, out, monkeypatch):
    monkeypatch.setattr(unpack_module, "MAX_MEMBERS", 3)
    with pytest.raises(BadFileError, match="3 files"):
        unpack(zip_of(tmp_path / "a", {str(i): b"x" for i in range(5)}), out)


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04" + b"\0" * 100, b"\x1f\x8b" + b"\0" * 50])
def test_what_is_no_archive(content, tmp_path, out):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(BadFileError, match="no archive or is damaged"):
        unpack(tmp_path / "a.zip", out)


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_a_cut_or_changed_archive_is_damaged(make, tmp_path, out):
    archive = make(tmp_path / "a", {"1.wav": os.urandom(100_000)})
    content = bytearray(archive.read_bytes())
    content[50_000:50_010] = bytes(10)
    archive.write_bytes(content)
    with pytest.raises(BadFileError, match="no archive or is damaged"):
        unpack(archive, out)
    archive.write_bytes(content[:40_000])
    (out / "second").mkdir()
    with pytest.raises(BadFileError, match="no archive or is damaged"):
        unpack(archive, out / "second")


def test_two_members_of_one_name_are_refused(tmp_path, out):
    with zipfile.ZipFile(tmp_path / "a", "w") as pack, pytest.warns(UserWarning):
        pack.writestr("x", b"1")
        pack.writestr("x", b"2")
    with pytest.raises(BadFileError, match="twice"):
        unpack(tmp_path / "a", out)
