"""English digits with foreign accents: espeak-ng's voices of other languages read them in their own spelling.

Each language's letters stand for the nearest of its own sounds, as a speaker with a strong accent would use them: θ
becomes s, t or f, w becomes v, vowels lose their glides, r is rolled. The languages are large ones of Europe and India,
chosen before anything was trained on them.
"""

from __future__ import annotations

import dataclasses

from edgekit.data.synth.config import SynthConfig

SPELLINGS: dict[str, tuple[str, ...]] = {
    "de": ("siro", "uann", "tuh", "sri", "for", "faiw", "six", "sewwen", "eet", "nain"),
    "el": ("ζίρο", "γουάν", "τού", "θρί", "φόρ", "φάιβ", "σίξ", "σέβεν", "έιτ", "νάιν"),
    "es": ("siro", "uan", "tu", "tri", "for", "faiv", "six", "seven", "eit", "nain"),
    "fr": ("ziro", "ouane", "tou", "sri", "fore", "faïve", "sixe", "sévène", "éïte", "naïne"),
    "hi": ("ज़ीरो", "वन", "टू", "थ्री", "फोर", "फाइव", "सिक्स", "सेवन", "एट", "नाइन"),
    "it": ("ziro", "uan", "tu", "tri", "for", "faiv", "sics", "seven", "eit", "nain"),
    "nl": ("ziero", "wan", "toe", "srie", "for", "faaiv", "siks", "zeven", "eet", "nain"),
    "pl": ("ziro", "łan", "tu", "fri", "for", "fajw", "siks", "sewen", "ejt", "najn"),
    "pt": ("zirou", "uan", "tu", "tri", "fór", "faiv", "sics", "séven", "êit", "nain"),
    "ru": ("зироу", "уан", "ту", "сри", "фор", "файв", "сикс", "сэвэн", "эйт", "найн"),
    "sv": ("siro", "oann", "to", "tri", "får", "fajv", "siks", "seven", "ejt", "najn"),
}
"""Language of espeak-ng to its spelling of zero to nine."""


def accent_sets(like: SynthConfig, voices: int) -> dict[str, SynthConfig]:
    """One set a language, "digits-de" and so on, of ``voices`` voices each and otherwise as ``like``."""
    return {
        f"digits-{language}": dataclasses.replace(like, language=language, spellings=spellings, voices=voices)
        for language, spellings in SPELLINGS.items()
    }
