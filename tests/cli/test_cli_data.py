import hashlib
import http.server
import io
import json
import threading
import zipfile

import numpy as np
import pytest
import soundfile

from edgekit.cli.main import main


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "set"
    for label in ("yes", "no"):
        (folder / label).mkdir(parents=True)
        for number in range(2):
            soundfile.write(folder / label / f"{number}.wav", 0.2 * np.sin(np.arange(8000) / 7), 8000)
    soundfile.write(folder / "no" / "empty.wav", np.zeros(0), 8000)
    (folder / "no" / "text.wav").write_text("a shopping list")
    return folder


def test_inspect_prints_counts_on_stdout_and_what_was_left_out_on_stderr(recordings, capsys):
    assert main(["data", "inspect", str(recordings)]) == 0
    out, err = capsys.readouterr()
    assert "4 clips, 2 labels, 8000 Hz" in out
    assert "left out 2" in out
    assert err.splitlines() == [
        "edgekit: left out no/empty.wav: no samples (0 seconds)",
        "edgekit: left out no/text.wav: not a WAV, FLAC, Ogg or AIFF file",
    ]


def test_inspect_json(recordings, capsys):
    assert main(["data", "inspect", str(recordings), "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["schema_version"] == 1
    assert body["counts"]["label"] == {"no": 2, "yes": 2}
    assert [row["path"] for row in body["rejected"]] == ["no/empty.wav", "no/text.wav"]


def test_a_long_list_of_rejected_is_shortened_and_says_so(recordings, capsys):
    for number in range(30):
        (recordings / "yes" / f"bad{number:02d}.wav").write_text("x")
    main(["data", "inspect", str(recordings)])
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[-1]) == (21, "edgekit: … and 12 more left out")
    main(["data", "inspect", str(recordings), "--all-rejected"])
    assert len(capsys.readouterr().err.splitlines()) == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder, "holds no data set"),
        (lambda folder: folder / "nowhere", "no such file or folder"),
        (lambda folder: write(folder / "m.csv", "file,class\n1.wav,yes\n"), "has no column 'path'"),
        (lambda folder: write(folder / "m.csv", "path,kind\n1.wav,yes\n"), "has no column 'label'"),
        (lambda folder: write(folder / "m.csv", "path,label\ngone.wav,yes\n"), "no usable clip"),
        (lambda folder: write(folder / "m.csv", ""), "is empty"),
        (lambda folder: write(folder / "a" / "x.wav", "text").parent.parent, "no usable clip"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_2(make, message, tmp_path, capsys):
    assert main(["data", "inspect", str(make(tmp_path))]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("edgekit: ") and len(err.splitlines()) == 1


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_list(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path))
    assert main(["data", "list"]) == 0
    assert "edgekit data fetch gsc-v2" in capsys.readouterr().out
    assert main(["data", "list", "--format", "json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["datasets"]]
    assert "tau2022-mobile" in names


@pytest.fixture
def registry(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as pack:
        pack.writestr("yes/1.wav", b"sound")
    body = out.getvalue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/a.zip" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    sets = f"[mini]\nfiles = [{{url = '{url}/a.zip'}}]\n[gone]\nfiles = [{{url = '{url}/b.zip'}}]\n"
    path = write(tmp_path / "registry.toml", sets)
    yield str(path), hashlib.sha256(body).hexdigest()
    server.shutdown()
    server.server_close()


def test_fetch_says_that_no_checksum_was_published(registry, tmp_path, capsys):
    path, digest = registry
    assert main(["data", "fetch", "mini", "--registry", path, "-o", str(tmp_path / "sets"), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert err == f"edgekit: a.zip: no published checksum; sha256 of what arrived: {digest}\n"
    assert json.loads(out)["archives"][0]["sha256"] == digest
    assert (tmp_path / "sets" / "mini" / "yes" / "1.wav").read_bytes() == b"sound"
    assert main(["data", "fetch", "mini", "--registry", path, "-o", str(tmp_path / "sets")]) == 0
    assert "was there already" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "message"), [("gone", "404"), ("minni", "did you mean 'mini'")])
def test_fetch_errors_are_one_line_and_exit_2(name, message, registry, tmp_path, capsys):
    assert main(["data", "fetch", name, "--registry", registry[0], "-o", str(tmp_path / "sets")]) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1


def test_synth_renders_a_set_that_inspect_reads(tmp_path, capsys):
    pytest.importorskip("espeakng_loader")
    output = str(tmp_path / "kw")
    command = ["data", "synth", "--words", "Yes, no", "--voices", "3", "--takes", "1", "--silence", "3", "-o", output]
    assert main([*command, "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["clips"], body["labels"]) == (3 * (2 + 2) + 3, ["no", "silence", "unknown", "yes"])
    assert body["splits"] == {"train": 5, "validation": 5, "test": 5}
    assert main(["data", "inspect", body["manifest"]]) == 0
    assert "15 clips, 4 labels, 16000 Hz" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--words", ""], "no keyword"),
        (["--words", "yes", "--voices", "1"], "voices: 1 is out of range"),
        (["--words", "yes", "--noise", "/nowhere"], "holds no background noise"),
        (["--words", "yes,unknown"], "a label of its own"),
    ],
)
def test_synth_errors_are_one_line_and_leave_nothing(options, message, tmp_path, capsys):
    assert main(["data", "synth", *options, "-o", str(tmp_path / "kw")]) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1
    assert not (tmp_path / "kw").exists()
