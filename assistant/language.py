"""Which language a text is in."""

from functools import cache
from typing import Any

DEFAULT = "en"
_LEAST = 100  # characters: below that names and figures decide
_ENOUGH = 5000
_SURE = 0.9


def language_of(text: str) -> str:
    """The ISO 639-1 code of the language; English where the text is too short or too mixed to tell."""
    if len(text.strip()) < _LEAST:
        return DEFAULT
    code, probability = _identifier().classify(text[:_ENOUGH])
    return str(code) if probability >= _SURE else DEFAULT


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
