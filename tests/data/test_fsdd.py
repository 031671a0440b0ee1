from edgekit.data.datasets import read_manifest


def test_the_original_layout_is_found_below_the_archives_folder(write_audio, tmp_path):
    root = tmp_path / "free-spoken-digit-dataset-1.0.10"
    for name in ("0_jackson_0.wav", "0_jackson_5.wav", "9_theo_49.wav"):
        write_audio(root / "recordings" / name, rate=8000)
    write_audio(root / "recordings" / "notes.wav", rate=8000)
    found = read_manifest(tmp_path)
    assert found.labels == ("0", "9")
    assert [(c.id, c.label, c.speaker, c.split) for c in found.clips] == [
        ("0_jackson_0.wav", "0", "jackson", "test"),
        ("0_jackson_5.wav", "0", "jackson", "train"),
        ("9_theo_49.wav", "9", "theo", "train"),
    ]
    assert [item.path for item in found.rejected] == ["notes.wav"]


def test_the_csv_layout_has_the_official_split(data_root):
    found = read_manifest(data_root / "fsdd", "fsdd")
    test = found.select(split="test")
    assert (len(found), len(test)) == (3000, 300)
    assert {int(clip.id.rsplit("_", 1)[1].split(".")[0]) for clip in test.clips} == set(range(5))
