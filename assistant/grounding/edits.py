"""Edits: where a sentence repeats another one nearly word for word, a name or number put in the place of another."""

from difflib import SequenceMatcher

from assistant.grounding.dates import DATE
from assistant.grounding.names import may_be_word
from assistant.grounding.wording import Reading, Token

_NEARLY = 0.6  # share of the shorter one's words that both have in order
_SHORT = 3  # words that a replacement takes at most


def replaced(said: Reading, there: Reading) -> bool:
    """Whether `said` has other names or numbers where `there` has its own, the words around being the same."""
    mine, other = said.tokens, there.tokens
    if len(said.stems & there.stems) < _NEARLY * len(said.stems):
        return False
    matcher = SequenceMatcher(None, [_key(t) for t in mine], [_key(t) for t in other], autojunk=False)
    if sum(block.size for block in matcher.get_matching_blocks()) < _NEARLY * min(len(mine), len(other)):
        return False
    for kind, start, end, at, to in matcher.get_opcodes():
        if kind != "replace" or end - start != to - at or end - start > _SHORT:
            continue
        here, was = _fixed(said, mine[start:end]), _fixed(there, other[at:to])
        if here and was and not here & was:
            return True
    return False


def _key(token: Token) -> str:
    return token.stem or token.text.casefold()


def _fixed(reading: Reading, tokens: tuple[Token, ...]) -> set[str]:
    """The names and numbers among some words, without those of dates, which have a check of their own."""
    dates = [found.span() for found in DATE.finditer(reading.text)]
    return {
        _key(token)
        for token in tokens
        if (not token.text.islower() or token.text[0].isdigit())
        and (token.start or not may_be_word(token.text.casefold()))
        and token.stem
        and not any(start <= token.start < end for start, end in dates)
    }
