"""Questions worth asking: made from the articles, and each checked by really answering it."""

import heapq
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from assistant.answer import Answer, Outcome
from assistant.articles import Article
from assistant.askable import Candidate, candidates
from assistant.lexical import stems
from assistant.snapshot import Snapshot

#: Questions put to the reader before what was found by then has to do. One takes about 0.15 s.
MOST_CHECKS = 12
_NEWEST_ARTICLES = 40
_KEPT = 4_000  # verdicts and articles remembered for one revision
_ALIKE = 0.7  # share of words from which two questions ask the same

Check = Callable[[str], Answer]


class Suggestions:
    """Finds questions that the articles answer. Safe to use from any number of threads; deterministic."""

    def __init__(self, check: Check) -> None:
        """`check` answers a question by quoting."""
        self._check = check
        self._lock = threading.Lock()
        self._revision: str | None = None
        self._answered: OrderedDict[Candidate, bool] = OrderedDict()
        self._made: OrderedDict[str, list[Candidate]] = OrderedDict()

    def find(self, snapshot: Snapshot, answer: Answer | None, count: int, asked: Sequence[str] = ()) -> list[str]:
        """At most `count` questions, none of them like one in `asked`; fewer where few can be answered.

        Without an `answer`, those to start with: from the newest articles, of different kinds. With one, those to go
        on with: from the articles that it cites or that were found for it.
        """
        with self._lock:
            if snapshot.revision != self._revision:
                self._revision = snapshot.revision
                self._answered.clear()
                self._made.clear()
            chosen: list[Candidate] = []
            checks = 0
            for candidate in self._candidates(snapshot, answer):
                others = [*asked, *(one.question for one in chosen)]
                if any(_alike(candidate.question, other) for other in others):
                    continue
                if candidate not in self._answered:
                    checks += 1
                    if checks > MOST_CHECKS:
                        break
                    self._answered[candidate] = self._answers(candidate)
                    if len(self._answered) > _KEPT:
                        self._answered.popitem(last=False)
                if self._answered[candidate]:
                    chosen.append(candidate)
                    if len(chosen) == count:
                        break
            return [candidate.question for candidate in chosen]

    def _answers(self, candidate: Candidate) -> bool:
        """Whether the question is answered in full, with the very sentence that it was made from."""
        answer = self._check(candidate.question)
        return answer.outcome is Outcome.ANSWERED and any(
            citation.article_id == candidate.article_id
            and citation.start <= candidate.start
            and candidate.end <= citation.end
            for citation in answer.citations
        )

    def _candidates(self, snapshot: Snapshot, answer: Answer | None) -> Iterator[Candidate]:
        """In the order in which they are worth a check: round after round one of each article, of the rarest kind."""
        cited = {(one.article_id, one.start) for one in answer.citations} if answer else set()
        articles = _near(snapshot, answer)
        near = set(_ids(answer))
        for nearest in (True, False):
            yield from self._in_turn([one for one in articles if (one.id in near) is nearest], cited)

    def _in_turn(self, articles: Sequence[Article], cited: set[tuple[str, int]]) -> Iterator[Candidate]:
        rows = [[one for one in self._of(article) if (one.article_id, one.start) not in cited] for article in articles]
        shown = dict.fromkeys(("why", "amount", "what", "when"), 0)
        while any(rows):
            for row in rows:
                if row:
                    best = min(row, key=lambda one: shown[one.kind])
                    shown[best.kind] += 1
                    row.remove(best)
                    yield best

    def _of(self, article: Article) -> list[Candidate]:
        if article.id not in self._made:
            self._made[article.id] = candidates(article)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return self._made[article.id]


def _near(snapshot: Snapshot, answer: Answer | None) -> list[Article]:
    """The articles to make questions from: those that an answer cites, those found for it, then the newest."""
    dated = [(article.held_on.toordinal() if article.held_on else 0, article) for article in snapshot.articles.values()]
    newest = heapq.nsmallest(_NEWEST_ARTICLES, dated, key=lambda pair: (-pair[0], pair[1].id))
    ids = dict.fromkeys([*_ids(answer), *(article.id for _, article in newest)])
    return [article for one in ids if (article := snapshot.articles.get(one))]


def _ids(answer: Answer | None) -> list[str]:
    """The articles that an answer cites, and those found for it."""
    if answer is None:
        return []
    return [*(one.article_id for one in answer.citations), *(one.article_id for one in answer.found)]


def _alike(one: str, other: str) -> bool:
    left, right = set(stems(one)), set(stems(other))
    return len(left & right) >= _ALIKE * max(1, min(len(left), len(right)))
