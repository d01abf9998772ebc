"""Which sentences of the passages support a sentence best, and what objects to the others."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from assistant.embeddings import PassageEmbeddings
from assistant.grounding.amounts import amounts_fit
from assistant.grounding.dates import days_fit
from assistant.grounding.edits import replaced
from assistant.grounding.names import names_fit, quotes_fit, speakers_fit
from assistant.grounding.polarity import denies, made_certain, turned_round
from assistant.grounding.runs import Run, runs
from assistant.grounding.weighing import Support, doubted, meanings, plainly, weighed
from assistant.grounding.wording import Reading, read
from assistant.passages import Passage
from assistant.statements import name_stated

_EXAMINED, _WEIGHED = 40, 3  # runs of sentences that are checked, and weighed by meaning: those that share most words
_HALF = 0.5  # share of the words without which a citation is not moved to a run
_SURE = 0.6  # score from which synonyms need not be looked for
_LESS, _BETTER = 0.08, 0.05  # by so much more of the words, and so much better a score, an objecting run prevails


def best_support(
    text: str, passages: Sequence[Passage], embeddings: PassageEmbeddings, strict: bool = False
) -> Support | None:
    """The run of the passages' sentences that supports `text` best; nothing where there are no sentences.

    `strict`: it must itself name all that `text` names, and deny where `text` denies, in so many words.
    """
    said = read(text)
    vectors = meanings(embeddings)
    every = (run for passage in passages for run in runs(said, passage))
    candidates = (run for run in every if not strict or run.exact(said) >= _HALF)
    passing: list[Run] = []
    objecting: list[Run] = []
    for run in sorted(candidates, key=lambda run: -run.shared(said))[:_EXAMINED]:
        (objecting if objection(said, run, strict) else passing).append(run)
    passing, objecting = passing[:_WEIGHED], objecting[:_WEIGHED]
    # What objects in the run that says it best is not mended by another one that says less of it.
    least = max((run.shared(said) for run in passing), default=0.0) + _LESS
    plain = None if strict else plainly(said, passing)
    if plain and not any(run.shared(said) > least and not run.holds(plain.run) for run in objecting):
        return plain
    synonyms = False
    weights = weighed(said, passing, vectors, synonyms)
    if not any(one.told and one.score >= _SURE for one in weights):
        synonyms = True
        weights = weighed(said, passing, vectors, synonyms)
    grades = [one.grade for one in weights] + [doubted(said, run) for run in objecting]
    if not weights:
        return Support(objecting[0], 0.0, max(grades), told=False, objected=True) if objecting else None
    found = replace(max(weights, key=lambda one: one.score), grade=max(grades))
    better = [run for run in objecting if run.shared(said) > least and not run.holds(found.run)]
    if any(one.score > found.score + _BETTER for one in weighed(said, better, vectors, synonyms)):
        return replace(found, objected=True)
    return found


def objection(said: Reading, run: Run, strict: bool = False) -> str:
    """What makes the run no support whatever it means, or nothing."""
    there = run.reading
    article = run.passage.article
    context = "" if strict else read(f"{name_stated(article.title)} {name_stated(article.outlet or '')}").text
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("amounts", lambda: amounts_fit(said, there)),
        ("dates", lambda: days_fit(said, there, article.held_on)),
        ("names", lambda: names_fit(said, there, context, article.text)),
        ("speakers", lambda: speakers_fit(said, there)),
        ("quotes", lambda: quotes_fit(said, there)),
        ("edits", lambda: not any(replaced(said, sentence) for sentence in run.sentences)),
        ("polarity", lambda: not turned_round(said, there) and not (strict and denies(said) != denies(there))),
        ("certainty", lambda: not made_certain(said, there)),
    )
    return next((name for name, passes in checks if not passes()), "")
