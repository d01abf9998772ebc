"""The scorer's training: what needs no torch, from the data to the batches and the measuring."""

import json
import random
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.cross_encoder import Pair
from assistant.embeddings import LocalEmbeddings, Vectors
from assistant.evaluation.scorer_training.changes import Swaps, thin, without_answer
from assistant.evaluation.scorer_training.data import (
    HELD_OUT_STORIES,
    Example,
    Paragraph,
    Source,
    packaged_stories,
    read_claims,
    read_squad,
    read_stories,
    read_written,
)
from assistant.evaluation.scorer_training.epochs import Epochs
from assistant.evaluation.scorer_training.measuring import Bench, answer_selection, auroc
from assistant.evaluation.scorer_training.rows import MAX_PASSAGE, Tokens, pair_row, passage_row
from assistant.reading.scorer import Scorer

HARBOUR = (
    "The harbour board approved the new quay in March 1984. It cost 40 million pounds. "
    "The mayor of Ilmen, Ada Grey, had opposed the plan."
)
FERRY = "The ferry to Ilmen sails twice a day. Its captain is Tom Reed, who came from Oslo in 1990."


class Always(random.Random):
    """Chance that never leaves anything out."""

    def random(self) -> float:
        return 0.0


def answer(text: str, words: str) -> dict[str, Any]:
    return {"text": words, "answer_start": text.index(words)}


@pytest.fixture
def squad(tmp_path: Path) -> tuple[dict[str, list[Paragraph]], list[Example]]:
    """One article of two paragraphs with three questions, read from a file."""
    harbour = [
        {"question": "What did the quay cost?", "answers": [answer(HARBOUR, "40 million pounds")]},
        {"question": "Who built the quay in 1984?", "is_impossible": True, "answers": []},
    ]
    ferry = [{"question": "Who leads the ferry?", "answers": [answer(FERRY, "Tom Reed")]}]
    paragraphs = [{"context": HARBOUR, "qas": harbour}, {"context": FERRY, "qas": ferry}]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"title": "Ilmen_(town)", "paragraphs": paragraphs}]}))
    return read_squad(path)


Squad = tuple[dict[str, list[Paragraph]], list[Example]]


def test_squad_gives_sentences_and_where_the_answer_is(squad: Squad) -> None:
    articles, (cost, impossible, captain) = squad
    assert [len(paragraph.sentences) for paragraph in articles["Ilmen_(town)"]] == [3, 2]
    assert cost.gold == (1,)
    assert cost.paragraph.sentences[1][cost.offset :].startswith("40 million pounds")
    assert impossible.gold == ()
    assert captain.paragraph.number == 1
    assert captain.paragraph.title == "Ilmen (town)"


def test_written_questions_find_their_sentence_or_fail(squad: Squad) -> None:
    line = {"title": "Ilmen_(town)", "paragraph": 0, "question": "price?", "gold": "40 million"}
    near_miss = line | {"question": "Who paid?", "gold": None}
    found, missed = read_written(squad[0], [json.dumps(line), json.dumps(near_miss)])
    assert (found.gold, found.offset, found.source) == ((1,), 8, Source.WRITTEN)
    assert missed.gold == ()
    with pytest.raises(ValueError, match="no sentence has"):
        read_written(squad[0], [json.dumps(line | {"gold": "1984. It cost"})])


def test_the_packaged_questions_are_short_runs_and_all_different() -> None:
    text = (files("assistant.evaluation.scorer_training") / "questions.jsonl").read_text(encoding="utf-8")
    items = [json.loads(line) for line in text.splitlines()]
    assert all(set(item) == {"title", "paragraph", "question", "gold"} for item in items)
    assert len({(item["title"], item["paragraph"], item["question"]) for item in items}) == len(items)
    golds = [item["gold"] for item in items if item["gold"]]
    assert 0.4 < len(golds) / len(items) < 0.6
    assert max(len(gold.split()) for gold in golds) <= 16


def test_a_story_s_question_knows_every_place_that_answers() -> None:
    articles = [{"title": "Quay opens", "text": HARBOUR}, {"title": "Ferry", "text": f"{FERRY} The quay cost a lot."}]
    gold = [{"article": 0, "words": "40 million"}, {"article": 1, "words": "cost a lot"}]
    asked = [{"question": "What did the quay cost?", "gold": gold}, {"question": "Who owns the ferry?", "gold": []}]
    story = {"story": "ilmen", "articles": articles, "questions": asked}
    first, second, unanswerable = read_stories([story])
    assert (first.gold, first.paragraph.title, first.answer) == ((1,), "Quay opens", "40 million")
    assert second.gold == (2,)
    assert first.elsewhere == second.elsewhere == {(0, 1), (1, 2)}
    assert unanswerable.gold == ()
    assert unanswerable.paragraph.title == "Ferry"
    broken = story | {"questions": [{"question": "?", "gold": [{"article": 0, "words": "41 million"}]}]}
    with pytest.raises(ValueError, match="no sentence has"):
        read_stories([broken])


def test_the_packaged_stories_are_whole_and_some_are_held_out() -> None:
    stories = packaged_stories()
    names = [story["story"] for story in stories]
    assert len(set(names)) == len(names) == 36
    assert set(names) > HELD_OUT_STORIES
    examples = read_stories(stories)
    assert 0.4 < np.mean([bool(example.gold) for example in examples]) < 0.6
    text = json.dumps(stories).casefold()
    assert not any(name in text for name in ("openai", "microsoft", "artificial intelligence"))


def test_claims_keep_those_with_one_sentence_or_none(tmp_path: Path) -> None:
    evidence = ["Menu", "The quay was opened in May by the mayor.", "Nobody from the board was there that day."]
    claims = [
        {"claim": "It opened in May.", "label": "supported", "evidence": evidence, "supporting_sentences": [[1]]},
        {"claim": "It sank.", "label": "not_supported", "evidence": evidence, "supporting_sentences": []},
        {"claim": "It opened.", "label": "partially_supported", "evidence": evidence, "supporting_sentences": [[1]]},
        {"claim": "Both.", "label": "supported", "evidence": evidence, "supporting_sentences": [[1, 2]]},
    ]
    path = tmp_path / "claims.jsonl"
    path.write_text("\n".join(map(json.dumps, claims)))
    assert [(claim.question, claim.gold) for claim in read_claims(path)] == [
        ("It opened in May.", (0,)),
        ("It sank.", ()),
    ]


def test_a_pair_is_laid_out_as_the_product_lays_it_out(
    squad: Squad, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = squad[1][0]
    row = pair_row(Tokens(), cost, cost.paragraph, 1, Always())
    read: list[Pair] = []

    def run(pairs: Sequence[Pair]) -> Vectors:
        read.extend(pairs)
        return np.zeros(len(pairs), np.float32)

    monkeypatch.setattr(scorer, "_run", run)
    scorer.scores(cost.question, [(cost.paragraph.title, cost.paragraph.sentences[0], cost.paragraph.sentences[1])])
    (segment,) = row.segments
    assert read == [Pair(row.ids, segment.start, segment.end)]
    assert segment.gold
    assert row.ids[row.answer[0] : row.answer[1] + 1] == scorer.tokens("40 million pounds")


def test_a_passage_has_its_sentences_side_by_side(squad: Squad, scorer: Scorer) -> None:
    cost = squad[1][0]
    row = passage_row(Tokens(), cost, Always())
    bodies = [row.ids[segment.start : segment.end] for segment in row.segments]
    assert bodies == [scorer.tokens(sentence) for sentence in cost.paragraph.sentences]
    assert [segment.gold for segment in row.segments] == [False, True, False]
    assert row.ids[row.answer[0] : row.answer[1] + 1] == scorer.tokens("40 million pounds")


def test_a_long_passage_is_cut_around_the_answer() -> None:
    sentences = tuple(
        f"Sentence number {number} tells of the harbour and of its many long quays." for number in range(40)
    )
    example = Example("Which?", Paragraph("Long", 0, sentences), (39,), "number 39", 9)
    row = passage_row(Tokens(), example, Always())
    assert len(row.ids) <= MAX_PASSAGE
    assert [segment.gold for segment in row.segments][-1]
    assert row.answer != (0, 0)


def test_made_questions_have_no_answer(squad: Squad) -> None:
    articles, (cost, impossible, captain) = squad
    less = without_answer(cost)
    assert less
    assert (less.gold, len(less.paragraph.sentences)) == ((), 2)
    assert without_answer(captain) is None
    swapped = Swaps(articles["Ilmen_(town)"]).swap(impossible, random.Random(3))
    assert swapped
    assert swapped.question != impossible.question
    assert swapped.question.startswith("Who built the quay in ")
    assert thin("What did the quay cost?", Always()) == "What did the quay cost"


def test_batches_keep_to_the_budget_and_never_blame_the_answer(squad: Squad) -> None:
    examples = [Example(e.question, e.paragraph, e.gold, e.answer, e.offset, Source.STORY) for e in squad[1]] * 20
    batches = Epochs(examples, [], random.Random(1)).batches(budget=400)
    rows = [row for batch in batches for group in batch for row in group]
    assert len(rows) > 60
    for batch in batches:
        sizes = [len(row.ids) for group in batch for row in group]
        assert max(sizes) * len(sizes) <= 400 or len(batch) == 1
    tokens = Tokens()
    price, asked = tokens("40 million"), tokens("cost")
    wrong = [
        row
        for row in rows
        for segment in row.segments
        if not segment.gold and asked[0] in row.ids[: row.context] and price[0] in row.ids[segment.start : segment.end]
    ]
    assert wrong == []


def test_auroc_counts_ties_half() -> None:
    assert auroc(np.array([3.0, 1.0, 1.0, 0.0]), np.array([True, True, False, False])) == 0.875


def test_the_bench_measures_the_packaged_scorer(
    squad: Squad, scorer: Scorer, local_embeddings: LocalEmbeddings, tmp_path: Path
) -> None:
    articles, examples = squad
    bench = Bench(examples, articles["Ilmen_(town)"], local_embeddings, candidates=3)
    figures, best = bench.measure(scorer)
    assert figures["paragraph top-1"] == figures["open top-1"] == 1.0
    assert figures["paragraph AUROC"] == 1.0
    assert best["paragraph"].shape == (3,)
    assert bench.baselines()["open top-3 fusion"] == 1.0
    item = {
        "question": "What did the quay cost?",
        "positives": ["It cost 40 million pounds."],
        "negatives": ["It rained."],
    }
    path = tmp_path / "trec.json"
    path.write_text(json.dumps([item]))
    assert answer_selection(path, scorer, local_embeddings)["trecqa-dev MAP"] == 1.0
