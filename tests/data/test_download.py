import hashlib
import socket

import numpy as np
import pytest
from loopback_server import Site, serving

from edgekit.core.errors import DataError
from edgekit.data import download as download_module
from edgekit.data.download import download
from edgekit.data.sources import RemoteFile

BODY = np.random.default_rng(0).bytes(700_000)
SHA = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()


@pytest.fixture
def site():
    with serving(Site({"/a.zip": BODY})) as running:
        yield running


def remote(site, **known):
    return RemoteFile(f"{site.url}/a.zip", "a.zip", **known)


def get(site, folder, **known):
    return download(remote(site, **known), folder, pause_s=0.001)


def test_a_file_arrives_whole_with_its_digest(site, tmp_path):
    seen = []
    path, sha256 = download(
        remote(site, size=len(BODY), md5=MD5, sha256=SHA),
        tmp_path,
        lambda what, done, total: seen.append((done, total)),
    )
    assert path.read_bytes() == BODY
    assert sha256 == SHA
    assert seen[-1] == (len(BODY), len(BODY))
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_a_cut_connection_goes_on_where_it_stopped(site, tmp_path):
    site.cut["/a.zip"] = [300_000, 100_000]
    path, _ = get(site, tmp_path, sha256=SHA)
    assert path.read_bytes() == BODY
    assert [span for _, span in site.log] == [None, "bytes=300000-", "bytes=400000-"]


def test_a_later_call_continues_what_an_earlier_one_left(site, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(BODY[:123_456])
    path, _ = get(site, tmp_path, sha256=SHA)
    assert path.read_bytes() == BODY
    assert site.log == [("/a.zip", "bytes=123456-")]


def test_a_part_that_is_complete_is_recognised(site, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(BODY)
    assert get(site, tmp_path, sha256=SHA)[0].read_bytes() == BODY


def test_a_part_that_is_too_long_is_thrown_away(site, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(BODY + b"more")
    assert get(site, tmp_path, sha256=SHA)[0].read_bytes() == BODY


def test_a_server_without_ranges_starts_again(site, tmp_path):
    site.ranges = False
    site.cut["/a.zip"] = [300_000]
    assert get(site, tmp_path, sha256=SHA)[0].read_bytes() == BODY


def test_a_file_that_changed_at_its_source_is_not_glued_to_the_old_part(site, tmp_path):
    site.files["/a.zip"] = bytes(700_000)
    site.ranges = False
    site.cut["/a.zip"] = [300_000] * 6
    with pytest.raises(DataError):
        get(site, tmp_path)
    site.ranges, site.etag, site.files["/a.zip"] = True, '"v2"', BODY
    site.cut.clear()
    assert get(site, tmp_path)[0].read_bytes() == BODY


def test_a_busy_server_is_asked_again(site, tmp_path):
    site.status["/a.zip"] = [503, 429, 500]
    assert get(site, tmp_path)[0].read_bytes() == BODY
    assert len(site.log) == 4


def test_a_server_that_stays_busy_is_given_up_and_the_part_is_kept(site, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(BODY[:1000])
    site.status["/a.zip"] = [503] * 100
    with pytest.raises(DataError, match=r"cut off: the server answers 503 .*run the command again later"):
        get(site, tmp_path)
    assert len(site.log) == download_module.ATTEMPTS
    assert (tmp_path / "a.zip.part").read_bytes() == BODY[:1000]


@pytest.mark.parametrize("code", [404, 403, 410])
def test_a_refusal_is_final_and_leaves_nothing(code, site, tmp_path):
    site.status["/a.zip"] = [code]
    with pytest.raises(DataError, match=f"the server answers {code}"):
        get(site, tmp_path)
    assert len(site.log) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("known", [{"sha256": "0" * 64}, {"md5": "0" * 32}])
def test_a_wrong_checksum_removes_what_arrived(known, site, tmp_path):
    with pytest.raises(DataError, match=r"wrong checksum: .* published is 000"):
        get(site, tmp_path, **known)
    assert list(tmp_path.iterdir()) == []


def test_another_size_than_published_is_refused_at_once(site, tmp_path):
    with pytest.raises(DataError, match="has 700,000 bytes, published are 5"):
        get(site, tmp_path, size=5)


def test_a_file_that_is_there_is_verified_and_not_fetched(site, tmp_path):
    (tmp_path / "a.zip").write_bytes(BODY)
    assert get(site, tmp_path, sha256=SHA) == (tmp_path / "a.zip", SHA)
    assert site.log == []


def test_no_room_is_said_before_the_download(site, tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match="needs 700,000 bytes, 1,000 are free"):
        get(site, tmp_path)


def test_nobody_listens(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match=r"cut off: .*refused"):
        download(RemoteFile(f"http://127.0.0.1:{port}/a.zip", "a.zip"), tmp_path, pause_s=0.001)
