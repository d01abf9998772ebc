"""How many false sentences the grounding check shows, and how many true ones it withholds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from random import Random

import pytest
import yaml
from grounding.mutations import CHANGES, Mutation, Statement, content, mutations
from helpers import ROOT, TESTS
from openai_server import OpenAIServer, Reply
from pydantic import SecretStr

from assistant.answer import Verdict
from assistant.articles import Article, load_corpus
from assistant.chain import AnswerChain, Question
from assistant.embeddings import LocalEmbeddings
from assistant.grounding import ground
from assistant.grounding.entailment import SupportModel
from assistant.passages import Passage, split_passages, split_sentences
from assistant.reading.chat import ChatReader, load_chat_model
from assistant.reading.scorer import Scorer

RETRIEVED = 8  # passages, as the chain gives them
OF_THE_ARTICLE = 5  # of these; the others are of two more articles
SHOWN = 0.05  # share of the mutated sentences that may pass
WITHHELD = 0.10  # share of the paraphrases that may be withheld
# What it reaches on sentences that it was never developed on is far from that: these only keep it from getting worse.
HELD_OUT_SHOWN, HELD_OUT_WITHHELD = 0.28, 0.31
# Grounding was developed on the articles at even places of the list; those at odd places are held out.
PARTS = ("developed on", "held out")
# Here the sentence is true, and the citation is not: it may be moved, but not shown as it is.
WRONGLY_CITED = {"wrong_passage", "nothing_cited"}


class Shelf:
    """The passages of all articles, to hand out eight as retrieval would."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self.passages = {article.id: split_passages(article) for article in articles}
        self._contents = [(passage, content(passage.text)) for each in self.passages.values() for passage in each]

    def holding(self, article: str, words: str) -> list[Passage]:
        """The passages with `words`, which may be two sentences on both sides of a cut."""
        start = self.passages[article][0].article.text.index(words)
        end = start + len(words)
        return [passage for passage in self.passages[article] if passage.start < end and start < passage.end]

    def around(self, article: str, words: str, says: str, also: Sequence[Passage] = ()) -> list[Passage]:
        """The passages with `words`, the nearest of the article, and of two others those most like `says`."""
        own = self.holding(article, words)
        near = sorted(self.passages[article], key=lambda passage: abs(passage.ordinal - own[0].ordinal))
        # What comes twice is left out.
        found = list(dict.fromkeys([*own, *also, *near]))[:OF_THE_ARTICLE]
        wanted = content(says)
        likest = sorted(self._contents, key=lambda pair: len(wanted & pair[1]), reverse=True)
        others = [passage for passage, _ in likest]
        seen = {passage.article.id for passage in found}
        ids = list(dict.fromkeys(passage.article.id for passage in others if passage.article.id not in seen))[:2]
        found += [passage for passage in others if passage.article.id in ids][: RETRIEVED - len(found)]
        Random(says).shuffle(found)
        return found


@pytest.fixture(scope="module")
def articles() -> list[Article]:
    return [article for article in load_corpus(ROOT / "corpus").articles if article.as_of is not None]


@pytest.fixture(scope="module")
def shelf(articles: list[Article]) -> Shelf:
    return Shelf(articles)


@pytest.fixture(scope="module")
def part_of(articles: list[Article]) -> dict[str, str]:
    """Which part each article belongs to."""
    return {key: PARTS[place % 2] for place, key in enumerate(sorted(article.id for article in articles))}


def _paraphrases() -> list[dict[str, str]]:
    loaded: list[dict[str, str]] = yaml.safe_load((TESTS / "grounding" / "paraphrases.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def mutated(articles: list[Article]) -> list[Mutation]:
    true = [Statement(one["article"], one["words"], one["says"]) for one in _paraphrases()]
    clauses = yaml.safe_load((TESTS / "grounding" / "false_clauses.yaml").read_text("utf-8"))
    return mutations(articles, true, clauses)


def test_paraphrases_are_of_every_article_and_their_words_verbatim(articles: list[Article]) -> None:
    texts = {article.id: article.text for article in articles}
    paraphrases = _paraphrases()
    assert len(paraphrases) >= 220
    assert {one["article"] for one in paraphrases} == set(texts)
    for one in paraphrases:
        assert one["words"] in texts[one["article"]], one
        assert one["says"] not in texts[one["article"]], one
    assert len({one["says"] for one in paraphrases}) == len(paraphrases)
    assert Counter(one["reworded"] for one in paraphrases)["heavily"] >= 70


def test_mutations_are_of_every_kind_and_change_something(articles: list[Article], mutated: list[Mutation]) -> None:
    kinds = Counter(one.kind for one in mutated)
    assert len(mutated) >= 240
    assert kinds.keys() == {change.__name__ for change in CHANGES} | {"false_clause_added", *WRONGLY_CITED}
    assert min(kinds.values()) >= 8, kinds
    texts = {article.id: article.text for article in articles}
    true = {span.of(text) for text in texts.values() for span in split_sentences(text)}
    for one in mutated:
        assert one.words in texts[one.article], one
        assert one.says != one.told.says or one.kind in WRONGLY_CITED, one
        assert one.says not in true or one.kind in WRONGLY_CITED, one
    assert len({one.article for one in mutated}) == len(texts)


def test_mutations_are_the_same_ones_every_time(articles: list[Article], mutated: list[Mutation]) -> None:
    true = [one.told for one in mutated]
    assert mutations(articles, true, ["and it rained"], seed=1) == mutations(articles, true, ["and it rained"], seed=1)


def test_mutated_sentences_are_not_shown(
    shelf: Shelf,
    mutated: list[Mutation],
    part_of: dict[str, str],
    local_embeddings: LocalEmbeddings,
    support_model: SupportModel,
) -> None:
    shown: dict[str, list[str]] = defaultdict(list)
    parts: Counter[str] = Counter()
    for one in mutated:
        also = shelf.holding(one.told.article, one.told.words) if one.kind == "wrong_passage" else ()
        passages = shelf.around(one.article, one.words, one.says, also)
        cited = [passages.index(passage) + 1 for passage in shelf.holding(one.article, one.words)]
        if one.kind == "nothing_cited":
            cited = [len(passages) + 1]
        verdict = ground(one.says, cited, passages, local_embeddings, support_model).verdict
        allowed = {Verdict.UNSUPPORTED, Verdict.MISATTRIBUTED} if one.kind in WRONGLY_CITED else {Verdict.UNSUPPORTED}
        if verdict not in allowed:
            shown[one.kind].append(f"{verdict.value}: {one.says} [{one.article}]")
            parts[part_of[one.told.article]] += 1
    totals = Counter(one.kind for one in mutated)
    share, report = _report("mutated sentences shown", shown, totals)
    _report_parts(parts, Counter(part_of[one.told.article] for one in mutated))
    assert share < SHOWN, report


def test_honest_paraphrases_are_not_withheld(
    shelf: Shelf, part_of: dict[str, str], local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    paraphrases = _paraphrases()
    withheld: dict[str, list[str]] = defaultdict(list)
    parts: Counter[str] = Counter()
    for one in paraphrases:
        passages = shelf.around(one["article"], one["words"], one["says"])
        cited = [passages.index(passage) + 1 for passage in shelf.holding(one["article"], one["words"])]
        if ground(one["says"], cited, passages, local_embeddings, support_model).verdict == Verdict.UNSUPPORTED:
            withheld[one["reworded"]].append(f"{one['says']} [{one['article']}] {one['words']}")
            parts[part_of[one["article"]]] += 1
    share, report = _report("paraphrases withheld", withheld, Counter(one["reworded"] for one in paraphrases))
    _report_parts(parts, Counter(part_of[one["article"]] for one in paraphrases))
    assert share < WITHHELD, report


def test_sentences_of_another_hand(
    shelf: Shelf, local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    """These were never looked at one by one while the check was made: what it reaches elsewhere."""
    for name, right, title, most in (
        ("paraphrases", True, "held-out paraphrases withheld", HELD_OUT_WITHHELD),
        ("falsehoods", False, "held-out falsehoods shown", HELD_OUT_SHOWN),
    ):
        written = yaml.safe_load((TESTS / "grounding" / f"held_out_{name}.yaml").read_text("utf-8"))
        assert len(written) >= 160
        failed: dict[str, list[str]] = defaultdict(list)
        kinds = [one.get("reworded") or one["kind"] for one in written]
        for kind, one in zip(kinds, written, strict=True):
            passages = shelf.around(one["article"], one["words"], one["says"])
            cited = [passages.index(passage) + 1 for passage in shelf.holding(one["article"], one["words"])]
            verdict = ground(one["says"], cited, passages, local_embeddings, support_model).verdict
            if (verdict is not Verdict.UNSUPPORTED) is not right:
                failed[kind].append(one["says"])
        share, report = _report(title, failed, Counter(kinds))
        assert share < most, report


def test_more_citations_do_not_help_a_lie(
    shelf: Shelf, mutated: list[Mutation], local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    shown: dict[str, list[str]] = defaultdict(list)
    lies = [one for one in mutated if one.kind not in WRONGLY_CITED][::3]
    for one in lies:
        passages = shelf.around(one.article, one.words, one.says)
        cited = [passages.index(passage) + 1 for passage in shelf.holding(one.article, one.words)]
        cited += [number for number in range(1, len(passages) + 1) if number not in cited][: 3 - len(cited)]
        if ground(one.says, cited, passages, local_embeddings, support_model).verdict is not Verdict.UNSUPPORTED:
            shown[one.kind].append(one.says)
    share, report = _report("mutated sentences citing three, shown", shown, Counter(one.kind for one in lies))
    assert share < SHOWN, report


def test_a_lying_model_is_not_shown(
    mutated: list[Mutation], story: AnswerChain, scorer: Scorer, support_model: SupportModel
) -> None:
    """Through the whole chain: a model writes the changed sentence and cites the passages that were found first."""
    lies = [one for one in mutated if one.kind not in WRONGLY_CITED][1::3]
    shown: dict[str, list[str]] = defaultdict(list)
    with OpenAIServer() as server:
        settings = story.settings.model_copy(
            update={"chat_model": "openai:liar", "openai_base_url": server.url, "openai_api_key": SecretStr("none")}
        )
        reader = ChatReader("openai:liar", load_chat_model(settings), settings)
        chain = AnswerChain(settings, story.index, scorer, reader, support_model)
        for one in lies:
            server.replies.append(Reply(f"{one.says[:-1]} [1][2]{one.says[-1]}"))
            for answer in chain.stream(Question(question=one.words[:400])):
                numbers = {citation.number for citation in answer.citations}
                assert all(sentence.citations and set(sentence.citations) <= numbers for sentence in answer.sentences)
            if answer.reader == "openai:liar" and answer.sentences:
                shown[one.kind].append(one.says)
            else:
                assert "Fell back to quoting" in (answer.notice or ""), one
    share, report = _report("a lying model's sentences shown", shown, Counter(one.kind for one in lies))
    assert share < SHOWN, report


def _report(title: str, failed: dict[str, list[str]], totals: Counter[str]) -> tuple[float, str]:
    """The share of failures and a text that lists them by kind; the figures are printed too."""
    count = sum(map(len, failed.values()))
    head = [f"{title}: {count} of {totals.total()} = {count / totals.total():.1%}"]
    head += [f"  {kind}: {len(failed.get(kind, []))} of {total}" for kind, total in sorted(totals.items())]
    print("\n".join(head))
    lists = [f"\n{kind}\n" + "\n".join(f"  - {item}" for item in items) for kind, items in sorted(failed.items())]
    return count / totals.total(), "\n".join(head + lists)


def _report_parts(failed: Counter[str], totals: Counter[str]) -> None:
    for part in PARTS:
        print(f"  {part}: {failed[part]} of {totals[part]} = {failed[part] / totals[part]:.1%}")
