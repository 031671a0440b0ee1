import pytest

from edgekit.core.errors import BadConfigError
from edgekit.data.sources import load_sources


def test_the_registry_holds_the_public_sets():
    sources = load_sources()
    assert set(sources) == {"gsc-v1", "gsc-v2", "fsdd", "esc50", "micirp", "tau2022-mobile"}
    assert all(source.licence and source.title and source.checksums for source in sources.values())
    assert all(file.url.startswith("https://") for source in sources.values() for file in source.files)


def test_published_checksums_stand_as_they_were_published():
    """Gsc: torchaudio's and TensorFlow Datasets' tables; TAU: the Zenodo record's, as in soundata."""
    sources = load_sources()
    v2 = sources["gsc-v2"].files[0]
    assert v2.sha256 == "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
    assert sources["gsc-v2"].size == 2_428_923_189
    tau = {file.name.split("development.")[1]: file for file in sources["tau2022-mobile"].files}
    assert len(tau) == 18
    assert tau["audio.16.zip"].md5 == "6e2df8438c69f6789414aeba8cbad9d8"
    assert tau["meta.zip"].md5 == "419b6ff6570f1030730352dc80cd8d15"


def test_what_nobody_published_is_empty_and_not_invented():
    sources = load_sources()
    assert [(f.md5, f.sha256, f.size) for f in sources["fsdd"].files] == [(None, None, None)]
    assert sources["tau2022-mobile"].size is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "cannot read the registry"),
        ("a = 1", "is no table"),
        ("[a]\n", "'files' is missing"),
        ("[a]\nfiles = []", "has no files"),
        ("[a]\nfile = 1\nfiles = [{url = 'https://x.org/a.zip'}]", "unknown key 'file'"),
        ("[a]\nfiles = [{url = 'file:///etc/a.zip'}]", "no web address"),
        ("[a]\nfiles = [{url = 'https://x.org/a.exe'}]", "no name of an archive"),
        ("[a]\nfiles = [{url = 'https://x.org/a.zip', name = '../a.zip'}]", "no name of an archive"),
        ("[a]\nfiles = [{url = 'https://x.org/a.zip', md5 = 'xyz'}]", "32 lower-case"),
        ("[a]\nfiles = [{url = 'https://x.org/a.zip', bytes = -1}]", "positive whole"),
        ("['../a']\nfiles = [{url = 'https://x.org/a.zip'}]", "no name for a set"),
    ],
)
def test_a_registry_of_ones_own_is_checked(text, message, tmp_path):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BadConfigError, match=message):
        load_sources(tmp_path / "mine.toml")


def test_a_missing_registry(tmp_path):
    with pytest.raises(BadConfigError, match="cannot read the registry"):
        load_sources(tmp_path / "none.toml")
