"""Asks the questions of a test set, in parallel, and continues a run that was broken off."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from assistant.answer import Answer, Frozen, Turn, Usage
from assistant.chain import AnswerChain, Question
from assistant.errors import AssistantError
from assistant.evaluation.asking import Assistant, InProcess
from assistant.evaluation.facts import SlowPatternError
from assistant.evaluation.judging import Sources, judge
from assistant.evaluation.results import Judged, Result
from assistant.evaluation.testset import TestCase
from assistant.filters import Filters
from assistant.index import Progress


class Judge(Protocol):
    """A second opinion on an answer, a model's for example."""

    name: str

    def opinion(self, case: TestCase, answer: Answer) -> bool | None:
        """Whether the answer is right; None where the judge gives no opinion."""


class Attempt(Frozen):
    """One case asked once: the answer to its last question, or why there is none."""

    key: str
    answer: Answer | None = None
    error: str | None = None
    wall_ms: float = Field(0.0, description="From the first question to the last answer")
    usage: Usage | None = Field(None, description="Of all turns; None where not every turn tells")
    opinion: bool | None = None


def run(
    cases: Sequence[TestCase],
    assistant: AnswerChain | Assistant,
    progress: Progress = lambda done, total: None,
    *,
    threads: int = 2,
    repeat: int = 1,
    kept: Path | None = None,
    judge_too: Judge | None = None,
) -> Result:
    """Ask every case and judge the answers; drafts are counted, not asked.

    `progress` gets attempts done and attempts in all. `repeat` asks each case several times, for readers that sample.
    `kept` is a file to which every attempt is appended as soon as it is there: a later run with the same cases and the
    same assistant takes them from it and asks only the rest, and what failed. The caller deletes it when all is done.

    Raises:
        AssistantError: `kept` cannot be written.
    """
    asked = InProcess(assistant) if isinstance(assistant, AnswerChain) else assistant
    identity = asked.identity + (f", judged by {judge_too.name}" if judge_too else "")
    finished = [case for case in cases if not case.draft]
    jobs = [(case, _key(case, identity, number)) for case in finished for number in range(repeat)]
    memory = _Memory(kept)
    done = 0
    counting = threading.Lock()

    def attempt(case: TestCase, key: str) -> Attempt:
        nonlocal done
        found = memory.known.get(key)
        if found is None:
            found = _ask(case, key, asked, judge_too)
            memory.add(found)
        with counting:
            done += 1
            progress(done, len(jobs))
        return found

    pool = ThreadPoolExecutor(threads)
    try:
        futures = [pool.submit(attempt, case, key) for case, key in jobs]
        attempts = [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)
    sources = Sources(asked.articles)
    judged = [_judged(case, found, sources) for (case, _), found in zip(jobs, attempts, strict=True)]
    drafts = tuple(case for case in cases if case.draft)
    return Result(tuple(judged), drafts, asked.identity, judge_too.name if judge_too else None, asked.articles)


def _ask(case: TestCase, key: str, assistant: Assistant, judge_too: Judge | None) -> Attempt:
    filters = Filters(until=case.as_of)
    history: list[Turn] = []
    used: list[Usage | None] = []
    start = time.perf_counter()
    try:
        for question in case.asked:
            answer = assistant.ask(Question(question=question, history=tuple(history), filters=filters))
            history.append(Turn(question=question, answer=answer.answer))
            used.append(answer.usage)
        spent = (time.perf_counter() - start) * 1000
        opinion = judge_too.opinion(case, answer) if judge_too else None
    except AssistantError as error:
        return Attempt(key=key, error=str(error))
    return Attempt(key=key, answer=answer, wall_ms=round(spent, 1), usage=_sum(used), opinion=opinion)


def _sum(used: Sequence[Usage | None]) -> Usage | None:
    told = [usage for usage in used if usage]
    if len(told) < len(used):
        return None
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in told),
        output_tokens=sum(usage.output_tokens for usage in told),
    )


def _judged(case: TestCase, found: Attempt, sources: Sources) -> Judged:
    error, judgement = found.error, None
    if found.answer is not None:
        try:
            judgement = judge(case, found.answer, sources)
        except SlowPatternError as slow:
            error = str(slow)
    return Judged(case, found.answer, judgement, error, found.wall_ms, found.usage, found.opinion)


def _key(case: TestCase, identity: str, number: int) -> str:
    return hashlib.sha256(f"{case.digest}\n{identity}\n{number}".encode()).hexdigest()[:24]


class _Memory:
    """The attempts of a run that was broken off, one JSON object a line."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.known: dict[str, Attempt] = {}
        if path and path.exists():
            for line in self._guarded(lambda: path.read_text("utf-8")).splitlines():
                with suppress(ValidationError):  # the last line of a run that was killed while writing
                    found = Attempt.model_validate_json(line)
                    if not found.error:
                        self.known[found.key] = found

    def add(self, attempt: Attempt) -> None:
        if self._path:
            with self._lock:
                self._guarded(lambda: self._append(attempt.model_dump_json() + "\n"))

    def _append(self, line: str) -> str:
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        broken = self._path.exists() and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * broken + line)
        return line

    def _guarded(self, work: Callable[[], str]) -> str:
        try:
            return work()
        except (OSError, UnicodeDecodeError) as error:
            raise AssistantError(f"{self._path} cannot be used: {error}. Delete it, or give another folder.") from None
