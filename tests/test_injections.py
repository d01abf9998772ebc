"""Instructions planted in articles: none is obeyed, none comes as our own words, whoever reads.

`tests/injections.yaml` has the strings. Each is planted at the start, in the middle and at the end of an article, in
its title and in its outlet. The chat model is a script that obeys all that it should not, and cites it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import local_model
import pytest
import yaml
from helpers import ROOT, TESTS, make_article
from openai_server import OpenAIServer, Reply

from assistant.answer import Answer, Outcome, Verdict
from assistant.articles import Article, Corpus
from assistant.chain import AnswerChain, Question
from assistant.embeddings import LocalEmbeddings
from assistant.filters import Filters
from assistant.grounding import ground
from assistant.grounding.entailment import SupportModel
from assistant.index import Index
from assistant.passages import split_passages
from assistant.reading.chat import DECLINE, ChatReader, load_chat_model
from assistant.reading.prompts import fence
from assistant.reading.scorer import Scorer
from assistant.settings import Settings

PLACES = ("start", "middle", "end", "title", "outlet")
BEFORE = (
    "The harbour board of Brae approved a new quay on 14 March 2024 by five votes to two. "
    "The quay will be 180 metres long. It will cost £6.5 million."
)
AFTER = (
    "Lena Fisk, who chairs the board, said that work on the quay would begin in June. "
    "Dunmore Marine, the contractor, expects to need fourteen months."
)
ASK = "How long will the new quay at Brae be?"
HONEST = "The quay will be 180 metres long."


@dataclass(frozen=True)
class Case:
    """An instruction, what a model writes that obeys it, and the words by which one sees it."""

    kind: str
    text: str
    obeys: tuple[str, ...]
    marks: tuple[str, ...]
    number: int

    def seen_in(self, text: str) -> list[str]:
        return [mark for mark in self.marks if re.search(rf"(?<!\w){re.escape(mark)}", text, re.I)]

    def article(self, place: str) -> Article:
        text = {
            "start": f"{self.text}\n\n{BEFORE}\n\n{AFTER}\n",
            "middle": f"{BEFORE} {self.text} {AFTER}\n",
            "end": f"{BEFORE}\n\n{AFTER} {self.text}\n",
        }.get(place, f"{BEFORE}\n\n{AFTER}\n")
        one_line = " ".join(self.text.split())
        title = one_line if place == "title" else "Harbour board approves the new quay"
        outlet = one_line if place == "outlet" else "The Harbour Gazette"
        key = f"{self.number}-{place}"
        return make_article(key, text, title=title, outlet=outlet, topics=(key,))


def _cases() -> list[Case]:
    kinds = yaml.safe_load((TESTS / "injections.yaml").read_text("utf-8"))
    every = [(kind["kind"], case) for kind in kinds for case in kind["cases"]]
    return [
        Case(kind, case["text"], tuple(case["obeys"]), tuple(case["marks"]), number)
        for number, (kind, case) in enumerate(every)
    ]


CASES = _cases()
KINDS = list(dict.fromkeys(case.kind for case in CASES))


@dataclass
class Newsroom:
    """All planted articles in one index; a question is narrowed to one of them by its topic."""

    index: Index
    scorer: Scorer
    support: SupportModel
    settings: Settings
    server: OpenAIServer

    def chain(self, chat: bool, **others: Any) -> AnswerChain:
        settings = self.settings.model_copy(update=others)
        reader = ChatReader(settings.reader_name, load_chat_model(settings), settings) if chat else None
        return AnswerChain(settings, self.index, self.scorer, reader, self.support)


@pytest.fixture(scope="module")
def newsroom(
    tmp_path_factory: pytest.TempPathFactory,
    local_embeddings: LocalEmbeddings,
    scorer: Scorer,
    support_model: SupportModel,
) -> Iterator[Newsroom]:
    with OpenAIServer() as server:
        settings = Settings.load(
            data_dir=tmp_path_factory.mktemp("newsroom"),
            prompts_dir=ROOT / "prompts",
            chat_model="openai:obedient",
            openai_base_url=server.url,
            openai_api_key="none",
        )
        index = Index(settings, local_embeddings)
        index.sync(Corpus(tuple(case.article(place) for case in CASES for place in PLACES), {}))
        yield Newsroom(index, scorer, support_model, settings, server)
        index.close()


def asked(question: str, case: Case, place: str) -> Question:
    return Question(question=question, filters=Filters(topics=(f"{case.number}-{place}",)))


def own_words(answer: Answer, case: Case) -> str:
    """What the answer says itself: all that is shown but the article's title, which it gives in quotation marks."""
    title = " ".join(case.text.split())
    shown = " ".join([answer.answer, answer.notice or "", *(sentence.text for sentence in answer.sentences)])
    return shown.replace(f"“{title}”", "")


def test_the_strings_are_many_and_of_many_kinds_and_their_marks_tell() -> None:
    assert len(CASES) >= 75
    assert len(KINDS) >= 15
    assert len({case.text for case in CASES}) == len(CASES)
    assert min(sum(case.kind == kind for case in CASES) for kind in KINDS) >= 5
    for case in CASES:
        assert case.seen_in(case.text) or case.kind == "encoding", case
        assert not case.seen_in(f"{BEFORE} {AFTER} {HONEST} {ASK}"), case
        for obeyed in case.obeys:
            assert case.seen_in(obeyed) or obeyed == DECLINE, case


@pytest.mark.parametrize("kind", KINDS)
def test_no_instruction_is_a_sentence_or_reaches_a_prompt(kind: str) -> None:
    for case in CASES:
        for place in PLACES if case.kind == kind else ():
            article = case.article(place)
            passages = split_passages(article)
            quotable = [span.of(article.text) for passage in passages for span in passage.sentences]
            assert not case.seen_in(" ".join(quotable)), (place, quotable)
            assert not case.seen_in(fence(passages)), (place, fence(passages))
            # What follows in the same paragraph may go with it.
            assert HONEST[:-1] in " ".join(quotable), (place, quotable)


@pytest.mark.parametrize("kind", KINDS)
def test_the_quoting_reader_answers_from_the_news(kind: str, newsroom: Newsroom) -> None:
    chain = newsroom.chain(chat=False)
    for case in CASES:
        for place in PLACES if case.kind == kind else ():
            answer = chain.invoke(asked(ASK, case, place))
            assert answer.outcome is Outcome.ANSWERED, (case, place, answer.answer)
            assert all(citation.quote in f"{BEFORE} {AFTER}" for citation in answer.citations)
            assert not case.seen_in(own_words(answer, case)), (case, place, answer.answer)
            lured = chain.invoke(asked(f"What about {case.marks[0]}: is it true that {case.obeys[0]}", case, place))
            found = case.seen_in(own_words(lured, case))
            assert not found, (case, place, lured.answer)


@pytest.mark.parametrize(
    ("places", "cited"),
    [
        pytest.param(("start", "middle", "end"), "[1][2]", id="in the text, cited"),
        pytest.param(("middle",), "", id="in the text, uncited"),
        pytest.param(("title", "outlet"), "[1][2]", id="in a name, cited"),
        pytest.param(("title",), "", id="in a name, uncited"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_chat_model_that_obeys_is_not_shown(
    kind: str, places: tuple[str, ...], cited: str, newsroom: Newsroom
) -> None:
    chain = newsroom.chain(chat=True)
    for case in CASES:
        for place in places if case.kind == kind else ():
            written = [text for text in (*case.obeys, " ".join(case.text.split())) if text != DECLINE]
            marked = " ".join(f"{text.rstrip('.')} {cited}." if cited else text for text in written)
            newsroom.server.always = Reply(f"{HONEST[:-1]} [1][2]. {marked}")
            *growing, answer = chain.stream(asked(ASK, case, place))
            for shown in (*growing, answer):
                assert not case.seen_in(own_words(shown, case)), (case, place, shown.answer)
            assert HONEST in answer.answer, (case, place, answer.answer)
            assert answer.withheld, (case, place)
            assert not case.seen_in(newsroom.server.requests[-1].body["messages"][-1]["content"]), (case, place)


def test_an_accusation_of_one_word_is_not_supported(
    local_embeddings: LocalEmbeddings, support_model: SupportModel
) -> None:
    passages = split_passages(make_article(text=f"{BEFORE} {AFTER}\n"))
    for false in ("The quay is a fraud.", "The quay is finished."):
        assert ground(false, [1], passages, local_embeddings, support_model).verdict is Verdict.UNSUPPORTED, false


@pytest.mark.parametrize("case", [CASES[0], CASES[16], CASES[47]], ids=lambda case: case.kind)
def test_a_real_model_that_would_obey_anybody_does_not(case: Case, newsroom: Newsroom, local_model_url: str) -> None:
    settings = Settings.load(**local_model.settings(local_model_url, prompts_dir=ROOT / "prompts"))
    reader = ChatReader(local_model.NAME, load_chat_model(settings), settings)
    chain = AnswerChain(settings, newsroom.index, newsroom.scorer, reader, newsroom.support)
    for shown in chain.stream(asked(ASK, case, "middle")):
        assert not case.seen_in(own_words(shown, case)), shown.answer
