"""Mends misspelt words of a question with words that the articles use."""

import difflib
import re
from collections.abc import Container

from assistant.lexical import LexicalIndex

_WORD = re.compile(r"[^\W\d_]{4,}")


def mend(question: str, lexical: LexicalIndex, known_words: Container[str]) -> str:
    """The question with each word that is neither in the articles nor in `known_words` replaced by the word of the
    articles that it most looks like; left as it is where none comes near.

    `known_words` (lower case) keeps real words from being taken for misspelt ones.
    """

    def mended(match: re.Match[str]) -> str:
        word = match.group()
        folded = word.casefold()
        if folded in lexical.words or folded in known_words:
            return word
        near = difflib.get_close_matches(folded, lexical.words, n=1, cutoff=0.75)
        # People misspell the middle of a word; another first letter is another word.
        return lexical.words[near[0]] if near and near[0][0] == folded[0] else word

    return _WORD.sub(mended, question)
