"""Single DSP instructions as C functions, each with a portable twin of the same meaning.

The twins let the very same kernels run on a host under sanitizers (Arm Architecture Reference Manual, Armv7-M, A7.7).
They hold wherever the compiler does not announce the extension with ``__ARM_FEATURE_DSP``.
"""

from __future__ import annotations

_FUNCTION = """\
/* @comment@ */
__attribute__((unused)) static inline @type@ @name@(@parameters@) {
#if defined(__ARM_FEATURE_DSP)
    @type@ result;
    __asm__("@asm@" : "=r"(result) : @operands@);
    return result;
#else
    return @twin@;
#endif
}
"""

_ROWS: tuple[tuple[str, str, str, str, str, str], ...] = (
    # name, comment, type, parameters, asm with %0 the result, twin
    (
        "dsp_even", "Bytes 0 and 2, sign-extended to two int16: SXTB16.", "uint32_t", "uint32_t bytes",
        "sxtb16 %0, %1",
        "((uint32_t)(int32_t)(int8_t)bytes & 0xFFFFu) | (uint32_t)(int32_t)(int8_t)(bytes >> 16) << 16",
    ),
    (
        "dsp_odd", "Bytes 1 and 3, sign-extended to two int16: SXTB16 of the rotated word.", "uint32_t",
        "uint32_t bytes", "sxtb16 %0, %1, ror #8",
        "((uint32_t)(int32_t)(int8_t)(bytes >> 8) & 0xFFFFu) | (uint32_t)(int32_t)(int8_t)(bytes >> 24) << 16",
    ),
    (
        "dsp_twice", "Two int16, each twice: SADD16.", "uint32_t", "uint32_t pair", "sadd16 %0, %1, %1",
        "(pair << 1) & 0xFFFEFFFEu",
    ),
    (
        "dsp_plus_even", "Two int16, bytes 0 and 2 added, sign-extended: SXTAB16.", "uint32_t",
        "uint32_t pair, uint32_t bytes", "sxtab16 %0, %1, %2",
        "((pair + (((bytes & 0xFFu) ^ 0x80u) - 0x80u)) & 0xFFFFu) | "
        "((pair & 0xFFFF0000u) + ((((bytes >> 16 & 0xFFu) ^ 0x80u) - 0x80u) << 16))",
    ),
    (
        "dsp_plus_odd", "Two int16, bytes 1 and 3 added, sign-extended: SXTAB16 of the rotated word.", "uint32_t",
        "uint32_t pair, uint32_t bytes", "sxtab16 %0, %1, %2, ror #8",
        "((pair + (((bytes >> 8 & 0xFFu) ^ 0x80u) - 0x80u)) & 0xFFFFu) | "
        "((pair & 0xFFFF0000u) + ((((bytes >> 24) ^ 0x80u) - 0x80u) << 16))",
    ),
    (
        "dsp_mla2", "sum + both products of the int16 pairs a and b: SMLAD.", "int32_t",
        "uint32_t a, uint32_t b, int32_t sum", "smlad %0, %1, %2, %3",
        "sum + (int16_t)a * (int16_t)b + (int16_t)(a >> 16) * (int16_t)(b >> 16)",
    ),
    (
        "dsp_high_plus", "c + a * b / 2^32, rounded to nearest, halves up: SMMLAR.", "int32_t",
        "int32_t a, int32_t b, int32_t c", "smmlar %0, %1, %2, %3",
        "c + (int32_t)(((int64_t)a * b + 0x80000000LL) >> 32)",
    ),
    (
        "dsp_high_floor", "c + a * b / 2^32, rounded down: SMMLA.", "int32_t", "int32_t a, int32_t b, int32_t c",
        "smmla %0, %1, %2, %3", "c + (int32_t)((int64_t)a * b >> 32)",
    ),
    (
        "dsp_shift", "x / 2^n rounded down, n in the lowest byte of the word.", "int32_t", "int32_t x, int32_t n",
        "asr %0, %1, %2", "x >> (n & 255)",
    ),
    (
        "dsp_half8", "x / 2 rounded down, saturated to int8: SSAT.", "int32_t", "int32_t x",
        "ssat %0, #8, %1, asr #1", "(x >> 1) < -128 ? -128 : ((x >> 1) > 127 ? 127 : (x >> 1))",
    ),
)  # fmt: skip

_HALVES: tuple[tuple[str, str, str], ...] = (
    ("twin_both", "Both products of the int16 pairs a and b: SMLAD.",
     "sum + (int16_t)a * (int16_t)b + (int16_t)(a >> 16) * (int16_t)(b >> 16)"),
    ("twin_low_low", "Lower half of a times lower half of b: SMLABB.", "sum + (int16_t)a * (int16_t)b"),
    ("twin_low_high", "Lower half of a times upper half of b: SMLABT.", "sum + (int16_t)a * (int16_t)(b >> 16)"),
    ("twin_high_low", "Upper half of a times lower half of b: SMLATB.", "sum + (int16_t)(a >> 16) * (int16_t)b"),
)  # fmt: skip

_HALF = """\
#if !defined(__ARM_FEATURE_DSP)
/* @comment@ */
__attribute__((unused)) static inline int32_t @name@(uint32_t a, uint32_t b, int32_t sum) {
    return @value@;
}
#endif
"""

_PAIR = """\
#if !defined(__ARM_FEATURE_DSP)
/* Two int16 in one word, the first in the lower half: PKHBT. */
__attribute__((unused)) static inline uint32_t twin_pair(int32_t low, int32_t high) {
    return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
}
#endif
"""

_LOAD = """\
/* Four bytes as they lie in memory. */
__attribute__((unused)) static inline uint32_t dsp_word(const int8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}
"""

_CHANNEL = """\
/* Requantization of one output channel: 256 * bias (the input's zero point folded in) + shift, and the factor. */
typedef struct {
    int32_t bias_shift;
    int32_t multiplier;
} dsp_channel;
"""


def _definition(name: str, comment: str, kind: str, parameters: str, asm: str, twin: str) -> str:
    names = [part.split()[-1] for part in parameters.split(",")]
    operands = ", ".join(f'"r"({name})' for name in names)
    values = {
        "comment": comment, "type": kind, "name": name, "parameters": parameters, "asm": asm, "operands": operands,
        "twin": twin,
    }  # fmt: skip
    text = _FUNCTION
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


DSP_HELPERS: tuple[tuple[str, str], ...] = (
    ("dsp_word", _LOAD),
    ("twin_pair", _PAIR),
    ("dsp_channel", _CHANNEL),
    *((row[0], _definition(*row)) for row in _ROWS),
    *(
        (row[0], _HALF.replace("@name@", row[0]).replace("@comment@", row[1]).replace("@value@", row[2]))
        for row in _HALVES
    ),
)
"""(name, definition) of the helpers that DSP kernels may use."""
