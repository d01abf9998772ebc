"""Question to Answer: the only file that knows the order of the stages. A LangChain Runnable."""

import logging
import re
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import Field

from assistant.answer import Answer, AnswerSentence, Citation, Copy, Found, Frozen, Outcome, Turn, Verdict
from assistant.articles import Article, load_corpus
from assistant.embeddings import load_embeddings
from assistant.errors import CorpusError, ProviderError, QuestionError
from assistant.filters import Filters
from assistant.followups import standalone_question
from assistant.grounding import ground, verify_quote
from assistant.grounding.entailment import SupportModel
from assistant.index import Index, Progress, SyncReport
from assistant.passages import Passage, Span
from assistant.reading.chat import Allowance, ChatReader, load_chat_model
from assistant.reading.extractive import ExtractiveReader
from assistant.reading.parts import split_question
from assistant.reading.scorer import Scorer
from assistant.reading.written import Written
from assistant.retrieval import HybridRetriever, PassageHit
from assistant.settings import Settings
from assistant.snapshot import Snapshot
from assistant.spelling import mend
from assistant.suggestions import Suggestions
from assistant.telemetry.watching import Surface, Watch, surface_of

_LOG = logging.getLogger(__name__)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_CHAT_PASSAGES = 8


class Question(Frozen):
    """What is asked, with the conversation before it, oldest first."""

    question: str
    history: tuple[Turn, ...] = Field(default=(), max_length=100)
    filters: Filters = Field(default=Filters(), description="Narrows the question to some of the articles")


@dataclass
class _Sentence:
    """A sentence on its way into an Answer, with the quotations that support it."""

    text: str
    quotes: list[tuple[Passage, Span]]
    verdict: Verdict
    lead: str = ""


@dataclass
class _Run:
    """What has been found so far for one question."""

    asked: Question
    snapshot: Snapshot
    allowance: Allowance
    watch: Watch
    hits: Sequence[PassageHit] = ()
    standalone: str = ""
    reader: str = "extractive"
    read: list[Passage] = field(default_factory=list)
    confidence: float | None = None
    withheld: int = 0
    notices: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str, model: str | None = None) -> Iterator[None]:
        start = time.perf_counter()
        try:
            with self.watch.stage(stage, model):
                yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self.timings[stage] = round(self.timings.get(stage, 0.0) + spent, 2)

    def fall_back(self, why: str, error: ProviderError | None = None) -> None:
        """Note that quoting has to answer, and why."""
        if error:
            _LOG.warning("chat reader failed: %s", error)
        self.watch.fell_back(error)
        self.notices.append(f"Fell back to quoting, because {why}.")


class AnswerChain(Runnable[Any, Answer]):
    """Answers questions from the index. Keeps nothing of a conversation.

    `stream` gives growing answers, each valid, the last one complete; `invoke` gives that last one. Input is a
    `Question`, a dict of its fields, or the bare question.
    """

    def __init__(
        self,
        settings: Settings,
        index: Index,
        scorer: Scorer,
        chat: ChatReader | None = None,
        support: SupportModel | None = None,
    ) -> None:
        """Without `chat` the chain answers by quoting; with it, `support` judges what it writes.

        Raises:
            ValueError: there is nothing to judge what `chat` writes.
        """
        if chat and not support:
            raise ValueError("a chat reader needs a support model: nothing that it writes is shown unchecked")
        self.settings = settings
        self.index = index
        self._retriever = HybridRetriever(index=index, count=12)
        self._scorer = scorer
        self._quoting = ExtractiveReader(scorer)
        self._chat = chat
        self._support = support
        self._suggestions = Suggestions(self._quote)
        #: Whether all is loaded that an answer needs: see `warm`.
        self.warmed = False

    @property
    def reader(self) -> str:
        """The reader that answers when all goes well."""
        return self._chat.name if self._chat else self._quoting.name

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """The complete answer.

        Raises:
            QuestionError: the question is empty or too long.
            CorpusError: nothing is indexed.
        """
        surface = surface_of(config)
        return self._call_with_config(
            lambda asked: list(self._watched(asked, surface))[-1], input, config, run_type="chain"
        )

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Answer]:
        """Growing answers, the last one complete. Raises as `invoke`.

        With `steps=True` two come before them that say nothing yet, for whoever shows how far it is: one as soon as the
        question is accepted, and one with the passages that were found. They are `partial` and have no sentences.
        """
        yield from self._watched(input, surface_of(config), steps=bool(kwargs.get("steps")))

    def sync(self, progress: Progress = lambda done, total: None) -> SyncReport:
        """Bring the index in step with the corpus folder."""
        return sync(self.settings, self.index, progress)

    def warm(self) -> None:
        """Do what the first question would otherwise wait for: lexical search, the vector store, the models."""
        hits = self._retriever.search("warm")
        self._quoting.read("warm", hits, self.index.snapshot)
        self.warmed = True

    def suggestions(self, answer: Answer | None, count: int, asked: Sequence[str] = ()) -> list[str]:
        """At most `count` questions that the articles answer: to go on with after `answer`, or to start with.

        Each is tried on the quoting reader first, which can take a second or two; not for where somebody waits.
        """
        return self._suggestions.find(self.index.snapshot, answer, count, asked)

    def _quote(self, question: str) -> Answer:
        """The answer of the quoting reader, whoever else answers here."""
        allowance = Allowance(self.settings.model_timeout)
        run = _Run(Question(question=question), self.index.snapshot, allowance, Watch(Surface.PYTHON, self.reader))
        run.standalone = question
        run.hits = self._retriever.search(question, run.snapshot)
        return self._by_quoting(run)

    # -- stages --------------------------------------------------------------------------------------------------

    def _watched(self, input: Any, surface: Surface, *, steps: bool = False) -> Iterator[Answer]:
        watch = Watch(surface, self.reader)
        return watch.answers(self._answers(input, watch, steps))

    def _answers(self, input: Any, watch: Watch, steps: bool) -> Generator[Answer, None, None]:
        run = _Run(self._read_question(input), self.index.snapshot, Allowance(self.settings.model_timeout), watch)
        if not run.snapshot.passages:
            raise CorpusError(
                f"No articles are indexed. Put articles into {self.settings.corpus_dir} and run `assistant sync`."
            )
        filters = run.asked.filters
        run.standalone = run.asked.question
        passing = run.snapshot.catalogue.passing(filters).any()
        if steps:
            yield _answer(run, "", Outcome.PARTIAL)
        if not passing:
            yield _answer(
                run, f"No article passes the filter ({filters}), so nothing can be answered.", Outcome.DECLINED
            )
            return
        with run.timed("standalone", self._chat.name if self._chat and run.asked.history else None):
            run.standalone = self._stand_alone(run)
        with run.timed("retrieval"):
            run.hits = self._retriever.search(run.standalone, run.snapshot, filters)
        if steps:
            yield _answer(run, "", Outcome.PARTIAL)
        if self._chat is not None and not run.notices:
            run.reader = self._chat.name
            try:
                yield from self._by_chat(run, self._chat)
                return
            except ProviderError as error:
                run.fall_back(str(error), error)
        run.reader = self._quoting.name
        yield self._by_quoting(run)

    def _read_question(self, input: Any) -> Question:
        asked = Question(question=input) if isinstance(input, str) else Question.model_validate(input)
        text = " ".join(_CONTROL.sub(" ", asked.question).split())
        if not re.search(r"\w", text):
            raise QuestionError("The question is empty. Ask something about the articles.")
        limit = self.settings.max_question_chars
        if len(text) > limit:
            raise QuestionError(f"The question has {len(text):,} characters; at most {limit:,} are read. Shorten it.")
        # An empty earlier question can come from a client's bug and must not spoil this one.
        history = tuple(turn for turn in asked.history if turn.question.strip())
        return Question(question=text, history=history, filters=asked.filters)

    def _stand_alone(self, run: _Run) -> str:
        if not run.asked.history:
            # A chat model reads through misspellings; search by words does not.
            return mend(run.asked.question, run.snapshot.lexical)
        if self._chat is not None:
            try:
                return self._chat.standalone(run.asked.question, run.asked.history, run.allowance)
            except ProviderError as error:
                run.fall_back(str(error), error)
        standalone = standalone_question(run.asked.question, run.asked.history)
        return mend(standalone, run.snapshot.lexical)

    def _by_quoting(self, run: _Run) -> Answer:
        parts = split_question(run.standalone)
        sentences: list[_Sentence] = []
        missing: list[str] = []
        for part in parts:
            found = self._quoted(run, part, several=len(parts) > 1)
            sentences += [sentence for sentence in found if sentence not in sentences]
            if not found:
                missing.append(part)
        if not sentences:
            return _declined(run)
        if not missing:
            return _compose(run, sentences, Outcome.ANSWERED)
        run.notices += [f"The articles do not answer this part: “{part}”" for part in missing]
        return _compose(run, sentences, Outcome.PARTIAL)

    def _quoted(self, run: _Run, question: str, several: bool) -> list[_Sentence]:
        """The quotations that answer a question, or one part of several, for which the passages are searched anew."""
        hits = run.hits
        if several:
            with run.timed("retrieval"):
                hits = self._retriever.search(question, run.snapshot, run.asked.filters)
            run.hits = [*run.hits, *hits]
        with run.timed("reading"):
            judged = self._quoting.judge(question, hits, run.snapshot)
            quotes = self._quoting.quotes(judged)
        run.read += [candidate.hit.passage for _, candidate in judged.ranked]
        # Of several parts the least sure one counts.
        run.confidence = min(judged.confidence, 1.0 if run.confidence is None else run.confidence)
        with run.timed("grounding"):
            return [
                _Sentence(quote.text, [(quote.passage, quote.span)], verdict, quote.lead)
                for quote in quotes
                if (verdict := verify_quote(quote.passage, quote.span)) is Verdict.SUPPORTED
            ]

    def _by_chat(self, run: _Run, chat: ChatReader) -> Iterator[Answer]:
        passages = chat.fitting(run.standalone, [hit.passage for hit in run.hits[:_CHAT_PASSAGES]])
        run.read += passages
        checked: dict[Written, _Sentence | None] = {}
        written: list[Written] = []
        start = time.perf_counter()
        with run.watch.stage("reading", chat.name):
            for written in chat.read(run.standalone, passages, run.allowance):
                with run.timed("grounding"):
                    for sentence in written:
                        if sentence not in checked:
                            checked[sentence] = self._check(sentence, passages)
                if kept := [found for sentence in written if (found := checked[sentence])]:
                    yield _compose(run, kept, Outcome.ANSWERED)
        spent = (time.perf_counter() - start) * 1000
        run.timings["reading"] = round(spent - run.timings.get("grounding", 0.0), 2)
        kept = [found for sentence in written if (found := checked[sentence])]
        run.withheld = len(written) - len(kept)
        if not written:
            yield _declined(run)
        elif not kept:
            run.fall_back(f"the articles support nothing of what {chat.name} wrote")
            run.reader = self._quoting.name
            yield self._by_quoting(run)
        elif run.withheld:
            were = "sentence was" if run.withheld == 1 else "sentences were"
            run.notices.append(f"{run.withheld} {were} withheld, because the articles do not support what was said.")
            yield _compose(run, kept, Outcome.PARTIAL)
        else:
            yield _compose(run, kept, Outcome.ANSWERED)

    def _check(self, sentence: Written, passages: Sequence[Passage]) -> _Sentence | None:
        if self._support is None:
            return None
        found = ground(sentence.text, sentence.cited, passages, self.index.embeddings, self._support)
        if found.verdict is Verdict.UNSUPPORTED:
            return None
        return _Sentence(sentence.text, list(found.quotes), found.verdict)


def _compose(run: _Run, sentences: Sequence[_Sentence], outcome: Outcome) -> Answer:
    citations: dict[tuple[str, int, int], Citation] = {}
    found = {(hit.passage.article.id, hit.passage.start): hit for hit in run.hits}
    out: list[AnswerSentence] = []
    parts: list[str] = []
    for sentence in sentences:
        numbers = []
        for passage, span in sentence.quotes:
            key = (passage.article.id, span.start, span.end)
            if key not in citations:
                hit = found.get((passage.article.id, passage.start))
                copies = hit.printed_also(span) if hit else []
                citations[key] = _citation(len(citations) + 1, passage, span, copies)
            numbers.append(citations[key].number)
        out.append(
            AnswerSentence(text=sentence.text, citations=tuple(numbers), verdict=sentence.verdict, lead=sentence.lead)
        )
        markers = "".join(f" [{number}]" for number in numbers)
        parts.append(f"{sentence.lead} {sentence.text}{markers}".strip())
    return _answer(run, " ".join(parts), outcome, tuple(out), tuple(citations.values()))


def _declined(run: _Run) -> Answer:
    nearest = list(dict.fromkeys(hit.passage.article for hit in run.hits if len(hit.sentences)))[:3]
    titles = [
        f"“{a.title}” (as of {a.held_on.day} {a.held_on:%B %Y})" if a.held_on else f"“{a.title}”" for a in nearest
    ]
    closest = f" What they cover nearest to it: {'; '.join(titles)}." if titles else ""
    return _answer(run, f"The articles do not answer this.{closest}", Outcome.DECLINED)


def _answer(
    run: _Run,
    text: str,
    outcome: Outcome,
    sentences: tuple[AnswerSentence, ...] = (),
    citations: tuple[Citation, ...] = (),
) -> Answer:
    return Answer(
        answer=text,
        outcome=outcome,
        sentences=sentences,
        citations=citations,
        standalone_question=run.standalone,
        reader=run.reader,
        notice=" ".join(run.notices) or None,
        withheld=run.withheld,
        confidence=run.confidence,
        found=_found(run),
        usage=run.allowance.usage,
        timings_ms=dict(run.timings),
        id=run.watch.id,
    )


def _found(run: _Run) -> tuple[Found, ...]:
    hits = {hit.passage.id: hit for hit in reversed(run.hits)}.values()
    read = {passage.id for passage in run.read}
    return tuple(
        Found(
            article_id=hit.passage.article.id,
            title=hit.passage.article.title,
            start=hit.passage.start,
            end=hit.passage.end,
            score=round(hit.score, 4),
            read=hit.passage.id in read,
        )
        for hit in sorted(hits, key=lambda hit: -hit.score)
    )


def _citation(number: int, passage: Passage, span: Span, copies: Sequence[Article]) -> Citation:
    article = passage.article
    return Citation(
        number=number,
        article_id=article.id,
        title=article.title,
        outlet=article.outlet,
        url=article.url,
        published=article.published,
        as_of=article.held_on,
        quote=span.of(article.text),
        start=span.start,
        end=span.end,
        passage=passage.text.strip(),
        copies=tuple(Copy.of(other) for other in copies),
    )


def sync(settings: Settings, index: Index, progress: Progress = lambda done, total: None) -> SyncReport:
    """Bring `index` in step with the corpus folder.

    Raises:
        CorpusError: the folder is missing, or neither it nor the index holds an article.
        IndexLockedError: see `Index.sync`.
    """
    corpus = load_corpus(settings.corpus_dir, settings.parsed_articles)
    if not corpus.articles and not corpus.problems:
        raise CorpusError(
            f"The corpus folder {settings.corpus_dir} holds no articles. Put some in, or `assistant add` some."
        )
    if not corpus.articles and not index.snapshot.passages:
        raise CorpusError("No article can be read:\n" + "\n".join(corpus.problems.values()))
    return index.sync(corpus, progress)


def build_chain(settings: Settings) -> AnswerChain:
    """Load the models and open the index, as the settings say.

    Raises:
        AssistantError: a setting, a model or the data directory cannot be used.
    """
    index = Index(settings, load_embeddings(settings))
    chat, support = None, None
    if settings.reader_name != "extractive":
        chat = ChatReader(settings.reader_name, load_chat_model(settings), settings)
        support = SupportModel(settings.threads)
    return AnswerChain(settings, index, Scorer(settings.threads), chat, support)
