"""Speech from text by espeak-ng, through ctypes, from the library in the package espeakng-loader.

espeak-ng keeps its state in globals of the process, and what it says depends a little on what it said before, even
after a restart. So an :class:`Espeak` is made once in a process, and a set that must not depend on the order of work
gives each voice a process of its own.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from edgekit.core.errors import DataError, MissingDependencyError
from edgekit.core.optional import require

# speak_lib.h: espeak_AUDIO_OUTPUT, espeak_PARAMETER, espeak_POSITION_TYPE, flags of espeak_Synth.
_SYNCHRONOUS, _RATE, _PITCH, _RANGE, _CHARACTERS, _UTF8 = 2, 1, 3, 4, 1, 1
_CHARACTERS_UTF8 = 1  # espeakCHARS_UTF8
_SEPARATED = ord("_") << 8  # phonemes by name, with an underscore between
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_QUIET = 60  # int16: below it, espeak-ng's leading and trailing samples count as silence
_MARGIN_S = 0.01

SPEEDS = (80, 450)  # words per minute that espeak-ng takes


class Espeak:
    """The speech synthesiser of this process; make it once.

    Raises:
        MissingDependencyError: the library is not installed or does not start.
    """

    def __init__(self) -> None:
        loader = require("espeakng_loader", "synth")
        try:
            self._library = ctypes.CDLL(loader.get_library_path())
        except OSError as error:
            mend = "pip install --force-reinstall espeakng-loader"
            raise MissingDependencyError(f"espeak-ng does not load: {error}", mend=mend) from error
        self._parts: list[np.ndarray] = []
        self._callback = _CALLBACK(self._take)  # must outlive the library's use of it
        data = str(loader.get_data_path()).encode()
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0))
        if self.rate <= 0:
            mend = "pip install --force-reinstall espeakng-loader"
            raise MissingDependencyError("espeak-ng does not start", mend=mend)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        self._library.espeak_ng_SetRandSeed(1)  # it starts from the time of day; breath and flutter draw from it

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int | None) -> int:
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, voice: str, speed: int, pitch: int, pitch_range: int) -> np.ndarray:
        """Speech without the silence around it.

        Args:
            text: what to say.
            voice: language, or language+variant: "en-us+f3".
            speed: words per minute, 80 to 450.
            pitch: 0 to 99, 50 is the voice's own.
            pitch_range: 0 (monotone) to 99.

        Returns:
            int16 [n] at :attr:`rate`.

        Raises:
            DataError: espeak-ng has no such voice, or says nothing.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise DataError(f"espeak-ng has no voice {voice!r}", mend='choose another language, as in "en" or "de"')
        for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        self._parts.clear()
        line = text.encode()
        self._library.espeak_Synth(line, len(line) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        speech = trim(np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16), self.rate)
        if not len(speech):
            raise DataError(f"espeak-ng says nothing for {text!r} in the voice {voice}", mend="choose another word")
        return speech

    def phonemes(self, text: str, voice: str) -> tuple[str, ...]:
        """What ``text`` sounds like, as espeak-ng's phoneme names without stress marks: ("h", "eI", "l", "a", "n", …).

        Raises:
            DataError: espeak-ng has no such voice.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise DataError(f"espeak-ng has no voice {voice!r}", mend='choose another language, as in "en" or "de"')
        call = self._library.espeak_TextToPhonemes
        call.restype = ctypes.c_char_p
        call.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
        held = ctypes.create_string_buffer(text.encode())
        place = ctypes.c_void_p(ctypes.addressof(held))
        found: list[str] = []
        while place.value:  # one clause a call
            told = call(ctypes.byref(place), _CHARACTERS_UTF8, _SEPARATED)
            for name in (told or b"").decode("utf-8", "replace").replace(" ", "_").split("_"):
                plain = name.strip("',%=:|")
                if plain:
                    found.append(plain)
        return tuple(found)


def trim(pcm: np.ndarray, rate: int) -> np.ndarray:
    """int16 [n] without the quiet at both ends, but for 10 ms."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _QUIET)
    if not len(loud):
        return pcm[:0]
    margin = round(_MARGIN_S * rate)
    return pcm[max(0, int(loud[0]) - margin) : int(loud[-1]) + margin]


def library_version() -> str:
    """Version of the package that carries espeak-ng; the voices and sounds come from it."""
    import importlib.metadata

    require("espeakng_loader", "synth")
    return importlib.metadata.version("espeakng-loader")


def list_variants() -> list[str]:
    """Names of espeak-ng's voice variants ("f3", "Andy", …), sorted."""
    folder = Path(require("espeakng_loader", "synth").get_data_path()) / "voices" / "!v"
    return sorted(file.name for file in folder.iterdir() if file.is_file())
