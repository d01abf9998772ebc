"""A real, weak chat model behind the whole chain, and how much of what it wrote and should not have is shown."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import httpx
import local_model
import pytest
import yaml
from browser import served
from helpers import ROOT, TESTS

from assistant.answer import Answer, Outcome, Verdict
from assistant.api.app import create_app
from assistant.articles import load_corpus
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.grounding import ground
from assistant.grounding.entailment import SupportModel
from assistant.passages import Passage, split_passages
from assistant.reading.chat import ChatReader, load_chat_model
from assistant.reading.scorer import Scorer
from assistant.settings import Settings

# Share of the sentences shown that may be false: cited as the model did, that is not at all, and with every passage of
# the prompt cited, as one does that cites without regard.
MOST_FALSE = {"as written": 0.10, "everything": 0.50}
MOST_WITHHELD = 0.25  # share of the true sentences that may be withheld
ANSWERABLE = (
    "When does OpenAI intend to go public?",
    "How much of its $13 billion commitment had Microsoft paid in by 30 September 2025?",
)
UNANSWERABLE = ("What is the capital of Australia?", "How do I make lentil soup?")


@pytest.fixture(scope="module")
def chain(story: AnswerChain, scorer: Scorer, support_model: SupportModel, local_model_url: str) -> AnswerChain:
    """The chain over the shipped articles, with the small model as its reader."""
    chosen = local_model.settings(local_model_url, prompts_dir=ROOT / "prompts", corpus_dir=ROOT / "corpus")
    settings = Settings.load(**chosen)
    reader = ChatReader(local_model.NAME, load_chat_model(settings), settings)
    return AnswerChain(settings, story.index, scorer, reader, support_model)


def assert_sound(answer: Answer, chain: AnswerChain) -> None:
    """Every marker has its citation, every citation its words, every sentence a citation that has its figures."""
    quotes = {citation.number: citation for citation in answer.citations}
    for citation in answer.citations:
        text = chain.index.snapshot.articles[citation.article_id].text
        assert text[citation.start : citation.end] == citation.quote
    assert {int(number) for number in re.findall(r"\[(\d+)\]", answer.answer)} == set(quotes)
    for sentence in answer.sentences:
        assert sentence.verdict is not Verdict.UNSUPPORTED
        assert sentence.citations, sentence
        quoted = " ".join(quotes[number].quote for number in sentence.citations)
        assert set(re.findall(r"\d[\d,.]*\d|\d", sentence.text)) <= set(re.findall(r"\d[\d,.]*\d|\d", quoted))
    if answer.outcome is Outcome.DECLINED:
        assert not answer.citations
        assert not answer.sentences


@pytest.mark.parametrize("question", ANSWERABLE + UNANSWERABLE)
def test_what_a_weak_model_writes_is_sound_and_only_grows(question: str, chain: AnswerChain) -> None:
    answers = list(chain.stream(question))
    for answer in answers:
        assert_sound(answer, chain)
    last = answers[-1]
    growing = [answer for answer in answers[:-1] if answer.reader == local_model.NAME]
    if last.reader == local_model.NAME:
        growing.append(last)
    for earlier, later in pairwise(growing):
        assert later.sentences[: len(earlier.sentences)] == earlier.sentences
    assert last.usage is not None
    assert last.usage.input_tokens > 300
    assert 0 < last.usage.output_tokens <= local_model.LONGEST
    # It fell back to quoting because of what it wrote, never because it could not be asked.
    assert not re.search(r"because the model|provider", last.notice or ""), last.notice
    if question in UNANSWERABLE:
        assert last.outcome is Outcome.DECLINED, last.answer
    print(f"{question}\n  {last.reader}, {last.withheld} withheld: {last.answer}")


def test_over_http_at_once_and_streamed_it_is_the_same_answer(chain: AnswerChain) -> None:
    asked = {"question": ANSWERABLE[1]}
    with served(create_app(chain), log_level="warning") as url, httpx.Client(base_url=url, timeout=240) as client:
        once = client.post("/api/answer", json=asked)
        assert once.status_code == 200
        with client.stream("POST", "/api/answer", json={**asked, "stream": True}) as reply:
            streamed = [json.loads(line[5:]) for line in reply.iter_lines() if line.startswith("data:")]
    answers = [Answer.model_validate(found) for found in streamed if found.get("answer")]
    for answer in answers:
        assert_sound(answer, chain)
    assert _lasting(answers[-1].model_dump(mode="json")) == _lasting(once.json())
    assert once.json()["usage"]["output_tokens"] > 0


def _lasting(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("id", "timings_ms", "usage")}


# -- the sentences that it wrote, labelled by hand -----------------------------------------------------------------


@pytest.fixture(scope="module")
def labelled() -> list[tuple[dict[str, Any], list[Passage]]]:
    """Each sentence with the passages of its prompt."""
    places = {
        (passage.article.id, passage.start, passage.end): passage
        for article in load_corpus(ROOT / "corpus").articles
        for passage in split_passages(article)
    }
    out = []
    for answer in yaml.safe_load((TESTS / "local_model_sentences.yaml").read_text("utf-8")):
        moved = [place for place in answer["passages"] if tuple(place) not in places]
        assert not moved, f"{moved} are no passages any more: label the answers on them anew, or drop them"
        passages = [places[tuple(place)] for place in answer["passages"]]
        out += [(sentence, passages) for sentence in answer["sentences"]]
    return out


def test_the_labelled_sentences_are_many_and_of_both_kinds(labelled: Sequence[tuple[dict[str, Any], Any]]) -> None:
    assert len(labelled) >= 200
    assert sum(bool(sentence["by"]) for sentence, _ in labelled) >= 40
    for sentence, passages in labelled:
        assert set(sentence["by"]) <= set(range(1, len(passages) + 1)), sentence
        assert sentence["why"], sentence


@pytest.mark.parametrize("cites", MOST_FALSE)
def test_of_what_it_wrote_the_false_is_withheld_and_the_true_is_shown(
    labelled: Sequence[tuple[dict[str, Any], list[Passage]]],
    cites: str,
    local_embeddings: LocalEmbeddings,
    support_model: SupportModel,
) -> None:
    true = shown = 0
    false_shown: list[str] = []
    true_withheld: list[str] = []
    for sentence, passages in labelled:
        numbers = sentence["cites"] if cites == "as written" else range(1, len(passages) + 1)
        found = ground(sentence["says"], numbers, passages, local_embeddings, support_model)
        holds = bool(sentence["by"])
        true += holds
        if found.verdict is Verdict.UNSUPPORTED:
            true_withheld += [sentence["says"]] if holds else []
            continue
        shown += 1
        if not {passages.index(passage) + 1 for passage, _ in found.quotes} & set(sentence["by"]):
            false_shown.append(f"{sentence['says']} ({sentence['why']})")
    report = "\n".join(
        [
            f"citing {cites}: of {len(labelled)} written {1 - true / len(labelled):.1%} are not supported",
            f"  of {shown} shown {len(false_shown)} are not = {len(false_shown) / shown:.1%}",
            *(f"    - {text}" for text in false_shown),
            f"  of {true} supported {len(true_withheld)} are withheld = {len(true_withheld) / true:.1%}",
            *(f"    - {text}" for text in true_withheld),
        ]
    )
    print(report)
    assert len(false_shown) < MOST_FALSE[cites] * shown, report
    assert len(true_withheld) < MOST_WITHHELD * true, report
