"""Mends misspelt words of a question with words that the articles use."""

import re
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from assistant.lexical import LexicalIndex

_WORD = re.compile(r"[^\W\d_]{4,}")
_LIKE = 0.75  # share of the letters that stay, with two swapped ones counted as one change


def mend(question: str, lexical: LexicalIndex) -> str:
    """The question with each word that is neither in the articles nor in an English dictionary replaced by the word of
    the articles that it most looks like; left as it is where none comes near.
    """

    def mended(match: re.Match[str]) -> str:
        word = match.group()
        folded = word.casefold()
        if folded in lexical.words or folded in _dictionary():
            return word
        # People misspell the middle of a word; another first letter is another word.
        choices = [known for known in lexical.words if known[0] == folded[0]]
        near = process.extractOne(folded, choices, scorer=OSA.normalized_similarity, score_cutoff=_LIKE)
        return lexical.words[near[0]] if near else word

    return _WORD.sub(mended, question)


@cache
def _dictionary() -> frozenset[str]:
    """English words, lower case, from pyspellchecker's word list: real words are not misspelt ones."""
    from spellchecker import SpellChecker

    return frozenset(SpellChecker().word_frequency.dictionary)
