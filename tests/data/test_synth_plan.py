from collections import Counter
from pathlib import Path

import pytest

from edgekit.core.errors import BadConfigError
from edgekit.data.synth.config import SynthConfig, config_from_json
from edgekit.data.synth.plan import NO_NOISE, NO_ROOM, plan_takes
from edgekit.data.synth.voices import EFFECTS, plan_voices
from edgekit.data.synth.words import UNKNOWN_WORDS

VARIANTS = [f"f{i}" for i in range(10)] + ["croak", "whisper"]
NOISES, DEVICES = ("white", "pink"), ("m1", "m2", "m3")


def config(**changes) -> SynthConfig:
    return SynthConfig(**{"words": ("yes", "no"), "voices": 10, "takes": 3, "silence": 20, **changes})


def takes(settings: SynthConfig):
    return plan_takes(settings, plan_voices(settings, VARIANTS), NOISES, DEVICES)


def test_a_timbre_never_crosses_splits_even_with_more_voices_than_timbres():
    voices = plan_voices(config(voices=35), VARIANTS)
    split_of: dict[str, set[str]] = {}
    for voice in voices:
        split_of.setdefault(voice.name.split("+")[1], set()).add(voice.split)
    assert len({voice.name for voice in voices}) == 35
    assert all(len(splits) == 1 for splits in split_of.values())


def test_effects_are_no_voices():
    voices = plan_voices(config(voices=80), VARIANTS)
    assert not {voice.name.split("+")[1] for voice in voices} & EFFECTS


def test_the_shares_hold_over_voices():
    found = Counter(voice.split for voice in plan_voices(config(), VARIANTS))
    assert found == {"train": 6, "validation": 2, "test": 2}
    assert Counter(v.split for v in plan_voices(config(voices=3), VARIANTS)) == {"train": 1, "validation": 1, "test": 1}


def test_too_many_voices_name_the_limit():
    with pytest.raises(BadConfigError, match=r"voices: 81 voices are too many \(espeak-ng has 80"):
        plan_voices(config(voices=81), VARIANTS)


def test_every_voice_says_every_word_the_wanted_times():
    planned = takes(config())
    words = Counter((take.speaker, take.label) for take in planned if take.text)
    assert set(Counter(label for _, label in words).items()) == {("yes", 10), ("no", 10), ("unknown", 10)}
    assert {n for (_, label), n in words.items() if label != "unknown"} == {3}
    assert {n for (_, label), n in words.items() if label == "unknown"} == {6}
    assert len({take.path for take in planned}) == len(planned)


def test_unknown_words_are_never_keywords_and_do_not_repeat_needlessly():
    planned = takes(config(words=("water", "table"), unknown=20))
    for speaker in {take.speaker for take in planned if take.text}:
        said = [take.text for take in planned if take.speaker == speaker and take.label == "unknown"]
        assert len(set(said)) == 20
        assert not set(said) & {"water", "table"}


def test_the_built_in_words_are_words_of_their_own():
    assert len(set(UNKNOWN_WORDS)) == len(UNKNOWN_WORDS) >= 100
    assert not set(UNKNOWN_WORDS) & {"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"}


def test_silence_is_shared_among_the_splits_and_always_has_noise():
    silence = [take for take in takes(config()) if take.label == "silence"]
    assert Counter(take.split for take in silence) == {"train": 14, "validation": 3, "test": 3}
    assert all(take.noise != NO_NOISE and not take.text for take in silence)


def test_rooms_never_cross_splits():
    rooms: dict[str, set[int]] = {}
    for take in takes(config(takes=40)):
        if take.room != NO_ROOM:
            rooms.setdefault(take.split, set()).add(take.room)
    assert len(rooms) == 3
    assert (
        not rooms["train"] & rooms["test"] | rooms["train"] & rooms["validation"] | rooms["test"] & rooms["validation"]
    )


def test_the_plan_depends_on_the_seed_and_nothing_else():
    assert takes(config()) == takes(config())
    assert takes(config(seed=1)) != takes(config())


def test_a_further_word_leaves_the_other_clips_as_they_are():
    few, more = takes(config()), takes(config(words=("yes", "no", "maybe")))
    assert {take.path: take for take in more if take.label == "yes"} == {
        take.path: take for take in few if take.label == "yes"
    }


def test_the_choices_cover_their_ranges():
    planned = [take for take in takes(config(takes=60, snr_db=(0.0, 10.0), clean=0.5)) if take.text]
    assert 0.4 < sum(take.noise == NO_NOISE for take in planned) / len(planned) < 0.6
    assert {take.device for take in planned} == set(DEVICES)
    assert all(0 <= take.snr_db <= 10 and 80 <= take.speed <= 450 and 0 <= take.pitch <= 99 for take in planned)
    assert min(take.place for take in planned) < 0.05 and max(take.place for take in planned) > 0.95


def test_the_configuration_survives_json():
    import json

    full = config(noise_folder=Path("/x"), unknown_words=("a", "b"), unknown=1)
    for settings in (config(), full):
        again = config_from_json(json.loads(json.dumps(settings.to_json())))
        assert again == settings
        assert again.digest == settings.digest


def test_the_digest_changes_with_every_field():
    changes = [
        {"seed": 1},
        {"rate": 8000},
        {"takes": 4},
        {"words": ("yes",)},
        {"snr_db": (1.0, 2.0)},
        {"format": "wav"},
    ]
    assert len({config(**change).digest for change in [{}, *changes]}) == len(changes) + 1


def test_spellings_change_what_is_said_and_not_the_labels():
    plain = config(words=("two", "three"), unknown_words=(), unknown=0)
    spelled = config(words=("two", "three"), unknown_words=(), unknown=0, spellings=("tuh", "sri"))
    others = takes(spelled)
    assert [take.label for take in others] == [take.label for take in takes(plain)]
    said = {(take.label, take.text) for take in others if take.label != "silence"}
    assert said == {("two", "tuh"), ("three", "sri")}
    assert spelled.digest != plain.digest
    assert "spellings" not in plain.to_json()  # sets from before there were any keep their digest
    assert config_from_json(spelled.to_json()) == spelled
    assert config_from_json(plain.to_json()) == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": ()}, "words: no keyword"),
        ({"words": ("yes", "yes")}, "'yes' is there twice"),
        ({"words": ("Yes",)}, "is no word"),
        ({"words": ("../yes",)}, "is no word"),
        ({"words": ("a_b",)}, "is no word"),
        ({"words": ("silence",)}, "a label of its own"),
        ({"unknown_words": ("yes",)}, "'yes' is a keyword as well"),
        ({"unknown_words": (), "unknown": 3}, "no unknown word to say"),
        ({"language": "de"}, "built-in words are not 'de'"),
        ({"language": "../x", "unknown_words": ()}, "is no language|is out"),
        ({"spellings": ("one", "two", "many")}, "3 spellings for"),
        ({"words": ("yes",), "spellings": ("[[j'Es]]",)}, "is no spelling"),
        ({"words": ("yes",), "spellings": (" ",)}, "is no spelling"),
        ({"voices": 2}, "voices: 2 is out of range"),
        ({"takes": 0}, "takes: 0"),
        ({"rate": 100}, "rate: 100"),
        ({"seconds": 0.0}, r"seconds: 0\.0"),
        ({"silence": -1}, "silence: -1"),
        ({"clean": 1.5}, r"clean: 1\.5"),
        ({"snr_db": (9.0, 1.0)}, "snr_db: the range runs backwards"),
        ({"level_db": (-3.0, 3.0)}, "above full scale"),
        ({"shares": (0.5, 0.5, 0.5)}, "no shares"),
        ({"format": "mp3"}, "use flac or wav"),
        ({"voices": 2000, "takes": 1000}, "more than 2,000,000 clips"),
    ],
)
def test_impossible_settings_name_the_field(change, message):
    with pytest.raises(BadConfigError, match=message):
        config(**change)
