"""Reads the outside sets in their own formats into articles and questions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.answer import Turn
from assistant.articles import Article

_TITLE_CHARS = 1000


@dataclass(frozen=True)
class Asked:
    """A question of a set. `gold` are the ids of the articles that answer it; none where nothing does."""

    question: str
    gold: frozenset[str]
    history: tuple[Turn, ...] = ()
    pool: str = ""  # the topic that its candidates have, where it brings its own


@dataclass(frozen=True)
class Spotted:
    """A question about a text, with the places of its answers as (article id, character); none where it has none."""

    question: str
    answers: tuple[tuple[str, int], ...]
    subject: str
    wordings: tuple[str, ...] = ()  # the answers' words


@dataclass(frozen=True)
class Claim:
    """A claim with the article that it cites; `supporting` are the sets of sentence numbers that carry it."""

    text: str
    label: str
    article: Article
    sentences: tuple[tuple[int, int], ...]  # character ranges of the sentences that `supporting` counts
    supporting: tuple[frozenset[int], ...]


def beir(folder: Path, split: str = "test") -> tuple[list[Article], list[Asked]]:
    """A folder of BEIR: texts, and queries with the texts that are relevant to them; queries with none are left out.

    What is relevant stands in `qrels/SPLIT.tsv`, as BEIR has it, or beside each query as `relevant`.
    """
    articles = [
        _article(str(item["_id"]), item.get("title") or "", item["text"]) for item in _lines(folder / "corpus.jsonl")
    ]
    queries = _lines(folder / "queries.jsonl")
    table = folder / "qrels" / f"{split}.tsv"
    relevant: dict[str, set[str]] = {str(item["_id"]): set(map(str, item.get("relevant", ()))) for item in queries}
    if table.exists():
        relevant = {key: set() for key in relevant}
        for line in filter(str.strip, table.read_text("utf-8").splitlines()[1:]):
            query, text, grade = line.split("\t")
            if int(grade) > 0 and query in relevant:
                relevant[query].add(text)
    asked = [Asked(item["text"], frozenset(relevant[str(item["_id"])])) for item in queries]
    return articles, [question for question in asked if question.gold]


def squad2(path: Path) -> tuple[list[Article], list[Spotted]]:
    """SQuAD 2.0: an article a paragraph, questions with and without an answer in theirs."""
    articles: list[Article] = []
    questions: list[Spotted] = []
    for item in _json(path)["data"]:
        for number, paragraph in enumerate(item["paragraphs"]):
            article = _article(f"{item['title']}/{number}", item["title"].replace("_", " "), paragraph["context"])
            articles.append(article)
            for asked in paragraph["qas"]:
                places = () if asked.get("is_impossible") else asked["answers"]
                starts = tuple((article.id, place) for place in sorted({answer["answer_start"] for answer in places}))
                wordings = tuple(dict.fromkeys(answer["text"] for answer in places))
                questions.append(Spotted(" ".join(asked["question"].split()), starts, item["title"], wordings))
    return articles, questions


def trecqa(path: Path) -> tuple[list[Article], list[Asked]]:
    """TREC QA sentence selection: each question ranks the sentences of its own pool.

    As usual with this set, questions whose sentences are all right or all wrong are left out.
    """
    articles: list[Article] = []
    questions: list[Asked] = []
    for item in _json(path):
        sentences = [*item["positives"], *item["negatives"]]
        ids = [f"{item['id']}/{number}" for number in range(len(sentences))]
        articles += [
            _article(key, "", text, topics=(str(item["id"]),)) for key, text in zip(ids, sentences, strict=True)
        ]
        if item["positives"] and item["negatives"]:
            questions.append(Asked(item["question"], frozenset(ids[: len(item["positives"])]), pool=str(item["id"])))
    return articles, questions


def inscit(path: Path) -> tuple[list[Article], list[Asked]]:
    """INSCIT: turns of conversations with the passages that answer them. Turns with none are left out."""
    data = _json(path)
    articles = [
        _article(item["id"], " – ".join(filter(None, item["titles"])), item["text"]) for item in data["passages"]
    ]
    questions = []
    for item in data["turns"]:
        said = item["context"]  # user, agent, user, …, the last one the user's
        history = tuple(Turn(question=said[place], answer=said[place + 1]) for place in range(0, len(said) - 1, 2))
        if item["gold"]:
            questions.append(Asked(said[-1], frozenset(item["gold"]), history))
    return articles, questions


def wice(path: Path) -> list[Claim]:
    """WiCE: claims of Wikipedia with the sentences of the web article that they cite."""
    claims = []
    for number, item in enumerate(_lines(path)):
        ranges: list[tuple[int, int]] = []
        text = ""
        for sentence in item["evidence"]:
            ranges.append((len(text), len(text) + len(sentence)))
            text += sentence + "\n\n"
        supporting = tuple(frozenset(ids) for ids in item["supporting_sentences"])
        claims.append(Claim(item["claim"], item["label"], _article(str(number), "", text), tuple(ranges), supporting))
    return claims


def _article(key: str, title: str, text: str, topics: Sequence[str] = ()) -> Article:
    # An article has a title here; a set's text that has none gets a neutral one.
    return Article(id=key, title=title.strip()[:_TITLE_CHARS] or "Untitled", text=text or "–", topics=tuple(topics))


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
