"""A request sent again: the same answer, whoever computes it, in whatever process, and whatever goes wrong."""

import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import httpx
import pytest
from api import ASK, assert_problem, calling, events, tower
from helpers import Child
from scripted import say

from assistant.answer import Answer
from assistant.api import requests
from assistant.api.requests import REQUESTS_FILE, RecentAnswers
from assistant.chain import AnswerChain, Question
from assistant.embeddings import LocalEmbeddings
from assistant.errors import ProviderError, QuestionError
from assistant.reading.scorer import Scorer

TOWER = Question(question="How high is the tower?")


@pytest.fixture
def recent(tmp_path: Path) -> RecentAnswers:
    return RecentAnswers(tmp_path / REQUESTS_FILE, lease=30)


class Counting:
    """Computes answers of which each is another one, and counts."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.computed = 0
        self._seconds = seconds

    def __call__(self) -> Generator[Answer, None, None]:
        self.computed += 1
        time.sleep(self._seconds)
        yield say(f"number {self.computed}")


def last(growing: Iterator[Answer | None]) -> Answer:
    answer = list(growing)[-1]
    assert answer is not None
    return answer


def test_the_same_request_gets_the_same_answer(recent: RecentAnswers) -> None:
    compute = Counting()
    first, second = (last(recent.ask(TOWER, "bot 1", compute)) for _ in range(2))
    assert first == second
    assert last(recent.ask(TOWER, "bot 2", compute)).id != first.id
    assert last(recent.ask(TOWER, "other 1", compute)).id != first.id
    assert last(recent.ask(TOWER, None, compute)).id != first.id
    assert compute.computed == 4


def test_the_same_request_for_another_question_is_refused(recent: RecentAnswers) -> None:
    last(recent.ask(TOWER, "bot 1", Counting()))
    with pytest.raises(QuestionError, match="another question"):
        last(recent.ask(Question(question="How old is it?"), "bot 1", Counting()))


def test_many_at_once_wait_for_the_one_that_computes(recent: RecentAnswers) -> None:
    compute = Counting(seconds=0.5)
    found: list[list[Answer | None]] = []
    threads = [
        threading.Thread(target=lambda: found.append(list(recent.ask(TOWER, "bot 1", compute)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compute.computed == 1
    assert len(found) == 8
    assert len({answers[-1] and answers[-1].id for answers in found}) == 1
    assert sum(None in answers for answers in found) == 7


def test_errors_are_not_kept(recent: RecentAnswers) -> None:
    def fail() -> Generator[Answer, None, None]:
        yield say("half")
        raise ProviderError("gone")

    with pytest.raises(ProviderError):
        last(recent.ask(TOWER, "bot 1", fail))
    assert last(recent.ask(TOWER, "bot 1", Counting())).answer == "number 1"


def test_whoever_leaves_in_the_middle_blocks_nobody(recent: RecentAnswers) -> None:
    def slow() -> Generator[Answer, None, None]:
        yield say("half")
        yield say("whole")

    growing = recent.ask(TOWER, "bot 1", slow)
    assert next(growing) is not None
    growing.close()  # type: ignore[attr-defined]  # it is a generator
    assert last(recent.ask(TOWER, "bot 1", Counting())).answer == "number 1"


def test_it_is_forgotten_in_time(recent: RecentAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "REPEATED", 0.2)
    monkeypatch.setattr(requests, "KNOWN", 0.2)
    compute = Counting()
    answer = last(recent.ask(TOWER, "bot 1", compute))
    assert recent.find(answer.id) == (TOWER, answer)
    time.sleep(0.3)
    assert recent.find(answer.id) is None
    assert last(recent.ask(TOWER, "bot 1", compute)).id != answer.id


_COMPUTES = """
import sys, time
from pathlib import Path
from assistant.api.requests import RecentAnswers
from assistant.chain import Question
from scripted import say

def compute():
    print("computing", flush=True)
    sys.stdin.readline()
    yield say("from the other process")

recent = RecentAnswers(Path(sys.argv[1]), lease=float(sys.argv[2]))
answer = list(recent.ask(Question(question="How high is the tower?"), "bot 1", compute))[-1]
print(answer.id, flush=True)
"""


def test_another_process_waits_too(recent: RecentAnswers, tmp_path: Path) -> None:
    with Child(_COMPUTES, tmp_path / REQUESTS_FILE, 30) as other:
        assert other.hear() == "computing"
        growing = recent.ask(TOWER, "bot 1", Counting())
        assert next(growing) is None
        other.tell("go on")
        answer = last(growing)
        assert answer.answer == "from the other process"
        assert other.hear() == answer.id


def test_a_process_that_dies_blocks_a_request_no_longer_than_its_lease(recent: RecentAnswers, tmp_path: Path) -> None:
    with Child(_COMPUTES, tmp_path / REQUESTS_FILE, 1.5) as other:
        assert other.hear() == "computing"
        other.kill()
    found = list(recent.ask(TOWER, "bot 1", Counting()))
    assert found[-1] is not None
    assert found[-1].answer == "number 1"


def test_whoever_outlives_the_lease_takes_the_answer_that_came_first(recent: RecentAnswers, tmp_path: Path) -> None:
    with Child(_COMPUTES, tmp_path / REQUESTS_FILE, 0.2) as other:
        assert other.hear() == "computing"
        time.sleep(0.4)
        answer = last(recent.ask(TOWER, "bot 1", Counting()))
        other.tell("go on")
        assert other.hear() == answer.id


@pytest.fixture(scope="module")
def chain(
    tmp_path_factory: pytest.TempPathFactory, local_embeddings: LocalEmbeddings, scorer: Scorer
) -> Iterator[AnswerChain]:
    with tower(tmp_path_factory.mktemp("requests"), local_embeddings, scorer) as made:
        yield made


@pytest.fixture(scope="module")
def client(chain: AnswerChain) -> Iterator[httpx.Client]:
    with calling(chain) as made:
        yield made


def test_over_http_streamed_and_not(client: httpx.Client) -> None:
    asked = {**ASK, "request_id": "7f"}
    whole = client.post("/api/answer", json=asked).json()
    assert client.post("/api/answer", json=asked).json() == whole
    replayed = events(client.post("/api/answer", json={**asked, "stream": True}).text)
    assert [name for name, _ in replayed] == ["searching", "sources", "sentence", "done"]
    assert replayed[-1][1] == whole
    again = events(client.post("/api/answer", json={**asked, "stream": True}).text)
    assert again == replayed
    assert client.post("/api/answer", json={**ASK, "request_id": "80"}).json()["id"] != whole["id"]
    refused = {"question": "Who built it?", "request_id": "7f"}
    assert "another question" in assert_problem(client.post("/api/answer", json=refused), 422)["detail"]
    assert_problem(client.post("/api/answer", json={**refused, "stream": True}), 422)


def test_feedback_on_an_answer_of_the_last_hour(client: httpx.Client, chain: AnswerChain) -> None:
    from assistant.feedback import FEEDBACK_FILE, FeedbackStore

    answer = client.post("/api/answer", json=ASK).json()
    given = {"answer_id": answer["id"], "helpful": False, "reason": "missing", "comment": "in feet?"}
    reply = client.post("/api/feedback", json=given)
    assert (reply.status_code, reply.json()) == (200, {"answer_id": answer["id"]})
    (kept,) = FeedbackStore(chain.settings.data_dir / FEEDBACK_FILE).all()
    assert (kept.question, kept.helpful, kept.reason, kept.comment) == (ASK["question"], False, "missing", "in feet?")
    assert kept.answer == Answer.model_validate(answer)
    unknown = client.post("/api/feedback", json={"answer_id": "nobody's", "helpful": True})
    assert "last hour" in assert_problem(unknown, 404)["detail"]
    assert_problem(client.post("/api/feedback", json={"answer_id": answer["id"]}), 422)
