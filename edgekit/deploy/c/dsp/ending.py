"""How the sums of a channel begin and end, for outputs of int8 and of int16: what kernels of both share asks here.

Kernels multiply activations of int16, which int8 ones are widened to, with weights of int8. Where outputs are int8,
sums are twice what they stand for (requantize.py), so that one factor of each product is doubled; where they are int16,
they are not (wide_requantize.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from edgekit.deploy.c.dsp import assembly, channels, requantize, wide_requantize
from edgekit.graph.integer.params import Accumulate


class Ending(ABC):
    """Of one layer.

    Attributes:
        arithmetic: of the layer.
        kind: C type of outputs.
        nbytes: of an output.
        store: instruction that stores one.
        times: what sums are multiples of.
        row_bytes: of a channel in the table.
    """

    kind: str
    nbytes: int
    store: str
    times: int
    row_bytes: int

    def __init__(self, arithmetic: Accumulate) -> None:
        self.arithmetic = arithmetic

    @abstractmethod
    def rows(self) -> list[int]:
        """The bytes of all channels, a row each."""

    @abstractmethod
    def load(self, word: str, factor: str, row: str, free: str) -> list[str]:
        """Instructions that load a row: a word with the bias in it, and the factor; ``free`` may be overwritten."""

    @abstractmethod
    def start(self, sums: tuple[str, ...], word: str) -> list[str]:
        """Instructions that set all ``sums`` to the bias in a row's first word as it lies in the table."""

    @abstractmethod
    def begin(self, total: str, word: str) -> str:
        """The instruction that sets a sum to the bias in a loaded word."""

    @abstractmethod
    def load_end(self, word: str, factor: str, row: str, at: int) -> list[str]:
        """Instructions that load from the row ``at`` bytes from ``row`` what the end needs: word and factor."""

    @abstractmethod
    def zero(self, register: str, word: str) -> list[str]:
        """Instructions that set ``register`` to what :meth:`finish` adds."""

    @abstractmethod
    def finish(self, total: str, factor: str, word: str, zero: str) -> list[str]:
        """Instructions that make the output of the sum in ``total``."""

    @abstractmethod
    def twin_row(self, row: str) -> str:
        """A C expression: the ``dsp_channel`` of the row at the pointer ``row``."""

    @abstractmethod
    def twin_start(self, word: str) -> str:
        """A C expression: the bias in the first word of a ``dsp_channel``."""

    @abstractmethod
    def twin_words(self, channel: str) -> list[str]:
        """Declarations that :meth:`twin_value` reads, of the ``dsp_channel`` named ``channel``."""

    @abstractmethod
    def twin_word(self, channel: str) -> str:
        """A C expression: its first word, behind those declarations."""

    @abstractmethod
    def twin_value(self, total: str) -> str:
        """A C expression: the output of the sum ``total``, an expression without side effects."""


class _Narrow(Ending):
    kind, nbytes, store, times = "int8_t", 1, "strb", 2

    def __init__(self, arithmetic: Accumulate) -> None:
        super().__init__(arithmetic)
        self.row_bytes = channels.row_bytes(arithmetic)

    def rows(self) -> list[int]:
        return channels.rows(self.arithmetic)

    def load(self, word: str, factor: str, row: str, free: str) -> list[str]:
        return channels.load(self.arithmetic, word, factor, row, free)

    def start(self, sums: tuple[str, ...], word: str) -> list[str]:
        return channels.start(self.arithmetic, sums, word)

    def begin(self, total: str, word: str) -> str:
        return f"asr {total}, {word}, #7"

    def load_end(self, word: str, factor: str, row: str, at: int) -> list[str]:
        return channels.load_end(self.arithmetic, word, factor, row, at)

    def zero(self, register: str, word: str) -> list[str]:
        return assembly.zero_of(self.arithmetic, register, word)

    def finish(self, total: str, factor: str, word: str, zero: str) -> list[str]:
        return assembly.requantize(self.arithmetic, total, factor, word, zero)

    def twin_row(self, row: str) -> str:
        return channels.twin(self.arithmetic, row)

    def twin_start(self, word: str) -> str:
        return f"{word} >> 7"

    def twin_word(self, channel: str) -> str:
        return "packed"

    def twin_words(self, channel: str) -> list[str]:
        words = (f"const int32_t packed = {channel}.bias_shift;", f"const int32_t multiplier = {channel}.multiplier;")
        return [*words, requantize.zero_line(self.arithmetic, "packed").rstrip()]

    def twin_value(self, total: str) -> str:
        return requantize.finish(self.arithmetic, total, "packed", "multiplier")


class _Wide(Ending):
    kind, nbytes, store, times, row_bytes = "int16_t", 2, "strh", 1, 8

    def __init__(self, arithmetic: Accumulate, channel_axis: int) -> None:
        super().__init__(arithmetic)
        self.axis = channel_axis

    def rows(self) -> list[int]:
        words = wide_requantize.channel_words(self.arithmetic, self.axis)
        assert words is not None
        return list(words.astype("<i4").tobytes())

    def load(self, word: str, factor: str, row: str, free: str) -> list[str]:
        return [f"ldrd {word}, {factor}, [{row}]"]

    def start(self, sums: tuple[str, ...], word: str) -> list[str]:
        return [self.begin(total, word) for total in sums]

    def begin(self, total: str, word: str) -> str:
        return f"mov {total}, {word}"

    def load_end(self, word: str, factor: str, row: str, at: int) -> list[str]:
        return [f"ldr {factor}, [{row}, #{at + 4}]"]

    def zero(self, register: str, word: str) -> list[str]:
        return []

    def finish(self, total: str, factor: str, word: str, zero: str) -> list[str]:
        return wide_requantize.instructions(self.arithmetic, total, factor)

    def twin_row(self, row: str) -> str:
        return f"dsp_plain({row})"

    def twin_start(self, word: str) -> str:
        return word

    def twin_word(self, channel: str) -> str:
        return f"{channel}.bias_shift"

    def twin_words(self, channel: str) -> list[str]:
        return [f"const int32_t multiplier = {channel}.multiplier;"]

    def twin_value(self, total: str) -> str:
        return wide_requantize.value(self.arithmetic, total, "multiplier")


def ending_of(arithmetic: Accumulate, channel_axis: int) -> Ending:
    """That of a layer; ``channel_axis`` is the one of its weights that is the output channel."""
    return _Wide(arithmetic, channel_axis) if arithmetic.clamp.dtype == "int16" else _Narrow(arithmetic)


def applies(arithmetic: Accumulate, channel_axis: int) -> bool:
    """The layer's sums and factors are within the proof for its outputs."""
    if arithmetic.clamp.dtype == "int16":
        return wide_requantize.applies(arithmetic, channel_axis)
    return requantize.applies(arithmetic, channel_axis)
