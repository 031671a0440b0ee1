"""Words for the label "unknown" where the user gives none: frequent English words of one to three syllables.

Chosen to cover the sounds of English and to lie at different distances from usual commands; keywords are taken out of
the list by :class:`~edgekit.data.synth.config.SynthConfig`.
"""

from __future__ import annotations

UNKNOWN_WORDS: tuple[str, ...] = (
    *("about", "after", "again", "animal", "answer", "apple", "autumn", "banana", "basket", "because"),
    *("before", "begin", "better", "bicycle", "blue", "bottle", "bread", "breakfast", "bridge", "butter"),
    *("camera", "candle", "carpet", "change", "cheese", "chicken", "children", "circle", "coffee", "corner"),
    *("country", "curtain", "dance", "doctor", "dragon", "dream", "early", "earth", "elephant", "engine"),
    *("evening", "example", "family", "father", "feather", "finger", "flower", "forest", "friend", "garden"),
    *("ghost", "giant", "glass", "golden", "green", "guitar", "hammer", "harbour", "heavy", "holiday"),
    *("honey", "hundred", "island", "jacket", "journey", "kitchen", "ladder", "lemon", "letter", "machine"),
    *("market", "measure", "minute", "monkey", "morning", "mother", "mountain", "music", "needle", "number"),
    *("ocean", "orange", "paper", "pencil", "people", "picture", "planet", "pocket", "purple", "quiet"),
    *("rabbit", "river", "school", "season", "second", "shadow", "silver", "spoon", "summer", "table"),
    *("thunder", "ticket", "tiger", "travel", "turtle", "village", "voice", "water", "weather", "yellow"),
)
