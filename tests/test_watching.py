"""What is counted of an answer, whatever the surface and however it ends; one process and several."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import ChainFactory
from helpers import write_article
from openai_server import OpenAIServer, Reply
from serving import samples, serving, wait_until_ready
from typer.testing import CliRunner

from assistant.answer import Turn
from assistant.chain import AnswerChain, Question
from assistant.cli import app
from assistant.errors import Failure, ProviderError, QuestionError
from assistant.telemetry.metrics import metrics, shared_metrics
from assistant.telemetry.watching import Surface, asked_on, surface_of

TOWER = "The tower of Tarn is 80 metres high."
ASK = "How high is the tower of Tarn?"
MODEL = "openai:gpt-4.1-mini"


class Counts:
    """How much more has been counted since this was made."""

    def __init__(self) -> None:
        self._before = self._now()

    def __getitem__(self, name: str) -> float:
        return self._now().get(name, 0.0) - self._before.get(name, 0.0)

    @staticmethod
    def _now() -> dict[str, float]:
        return samples(metrics().scrape("")[0].decode())


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def quoting(tmp_path: Path, make_chain: ChainFactory) -> AnswerChain:
    write_article(tmp_path / "corpus", "tower.md", f"{TOWER} It was finished in March 1998 by Ada Brook.\n")
    return make_chain(chat_model="extractive")


@pytest.fixture
def chatting(tmp_path: Path, make_chain: ChainFactory, openai_server: OpenAIServer) -> AnswerChain:
    write_article(tmp_path / "corpus", "tower.md", f"{TOWER} It was finished in March 1998 by Ada Brook.\n")
    return make_chain(openai_api_key="sk-none", openai_base_url=openai_server.url, model_timeout=3.0)


def answers(outcome: str, surface: str = "python", reader: str = MODEL) -> str:
    return f'assistant_answers_total{{outcome="{outcome}",reader="{reader}",surface="{surface}"}}'


@pytest.mark.parametrize("surface", Surface)
def test_a_surface_names_itself(surface: Surface, quoting: AnswerChain, counts: Counts) -> None:
    config = asked_on(surface)
    quoting.invoke(ASK, config)
    assert counts[answers("answered", surface, "extractive")] == 1
    list(quoting.stream(ASK, config))
    assert counts[answers("answered", surface, "extractive")] == 2
    assert surface_of({"metadata": {"surface": "nobody knows"}}) is Surface.PYTHON


def test_the_terminal_names_itself(quoting: AnswerChain, counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_CORPUS_DIR", str(quoting.settings.corpus_dir))
    monkeypatch.setenv("ASSISTANT_DATA_DIR", str(quoting.settings.data_dir))
    assert CliRunner().invoke(app, ["ask", ASK]).exit_code == 0
    assert counts[answers("answered", "terminal", "extractive")] == 1


def test_what_a_chat_model_takes(chatting: AnswerChain, openai_server: OpenAIServer, counts: Counts) -> None:
    openai_server.always = Reply(f"{TOWER[:-1]} [1]. The tower of Tarn is made of gold [1].")
    answer = chatting.invoke(ASK)
    assert answer.withheld == 1
    assert answer.usage
    assert counts[answers("partial")] == 1
    assert counts["assistant_sentences_withheld_total{}"] == 1
    tokens = 'assistant_tokens_total{{direction="{}",reader="{}"}}'
    assert counts[tokens.format("input", MODEL)] == answer.usage.input_tokens > 0
    assert counts[tokens.format("output", MODEL)] == answer.usage.output_tokens > 0
    assert counts[f'assistant_answer_seconds_count{{reader="{MODEL}"}}'] == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply("no", status=401), "key"),
        (Reply("slow down", status=429), "rate_limit"),
        (Reply("no", status=400), "request"),
        (Reply("oh", status=500), "server_error"),
        (Reply(delay=60), "timeout"),
        (Reply(""), "no_answer"),
        (Reply("half of it", chunks=["half ", "of it"], cut_after=1), "connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_provider_does_wrong(
    reply: Reply, kind: str, chatting: AnswerChain, openai_server: OpenAIServer, counts: Counts
) -> None:
    openai_server.always = reply
    assert "Fell back to quoting" in (chatting.invoke(ASK).notice or "")
    assert counts[f'assistant_provider_errors_total{{kind="{kind}"}}'] == 1
    assert counts['assistant_fallbacks_total{reason="provider"}'] == 1
    assert counts[answers("answered", reader="extractive")] == 1


def test_a_rewriting_that_fails_is_one_fallback(
    chatting: AnswerChain, openai_server: OpenAIServer, counts: Counts
) -> None:
    openai_server.always = Reply("no", status=401)
    chatting.invoke(Question(question="How high is it?", history=(Turn(question=ASK, answer=TOWER),)))
    assert counts['assistant_fallbacks_total{reason="provider"}'] == 1


def test_nothing_supported_is_a_fallback(chatting: AnswerChain, openai_server: OpenAIServer, counts: Counts) -> None:
    openai_server.always = Reply("Gold was found on the moon by a goat [1].")
    chatting.invoke(ASK)
    assert counts['assistant_fallbacks_total{reason="unsupported"}'] == 1
    assert counts['assistant_provider_errors_total{kind="other"}'] == 0


def test_how_answers_end_that_are_none(chatting: AnswerChain, openai_server: OpenAIServer, counts: Counts) -> None:
    with pytest.raises(QuestionError):
        chatting.invoke(" ")
    assert counts[answers("refused")] == 1
    openai_server.always = Reply(chunks=[f"{TOWER[:-1]} [1]. ", "It was finished in March 1998 [1].", " "], pause=0.2)
    stream = chatting.stream(ASK)
    next(stream)
    assert counts["assistant_answers_running{}"] == 1
    stream.close()  # type: ignore[attr-defined]
    assert counts[answers("stopped")] == 1
    assert counts["assistant_answers_running{}"] == 0

    class Broken:
        def search(self, *_: object) -> None:
            raise ProviderError("the embedding provider failed: RateLimitError (status 429)", Failure.RATE_LIMIT)

    chatting._retriever = Broken()  # type: ignore[assignment]
    with pytest.raises(ProviderError):
        chatting.invoke(ASK)
    assert counts[answers("failed")] == 1
    assert counts['assistant_provider_errors_total{kind="rate_limit"}'] == 1


def test_suggestions_are_no_answers(story: AnswerChain) -> None:
    before = metrics().scrape("")[0].decode()
    assert story.suggestions(None, 2)
    after = metrics().scrape("")[0].decode()
    ours = [[line for line in text.splitlines() if line.startswith("assistant_")] for text in (before, after)]
    assert ours[0] == ours[1]


# -- several processes -------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with shared_metrics():
        yield Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])


def test_one_scrape_gives_the_sum_of_all_processes(shared: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_article(tmp_path / name / "corpus", "tower.md", f"{TOWER}\n")
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    with (
        serving(tmp_path / "one", **environment) as one,
        serving(tmp_path / "other", **environment) as other,
        httpx.Client(timeout=30, trust_env=False) as client,
    ):
        wait_until_ready(other, client)
        for served, times in ((one, 2), (other, 3)):
            for _ in range(times):
                client.post(f"{served.url}/api/answer", json={"question": ASK})
        for served in (one, other):
            found = samples(client.get(f"{served.url}/metrics").text)
            assert found[answers("answered", "api", "extractive")] == 5
            assert found['assistant_answer_seconds_count{reader="extractive"}'] == 5
            assert found['assistant_answer_seconds_bucket{le="+Inf",reader="extractive"}'] == 5
            assert found["assistant_index_articles{}"] == 1  # each has that one: not the sum
            assert found["assistant_http_requests_running{}"] == 1
        together = found["process_resident_memory_bytes{}"]
        stored = found["process_cpu_seconds_total{}"]
        other.process.kill()
        other.process.wait()
        found = samples(client.get(f"{one.url}/metrics").text)
        assert found[answers("answered", "api", "extractive")] == 5  # what it has counted stays
        assert found["process_resident_memory_bytes{}"] < together * 0.8
        assert found["process_cpu_seconds_total{}"] < stored
        assert not list(shared.glob(f"gauge_live*_{other.process.pid}.db"))


def test_the_folder_is_of_this_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with shared_metrics():
        made = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        assert made.is_dir()
    assert not made.exists()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    given = tmp_path / "given"
    given.mkdir()
    (given / "counter_1.db").write_bytes(b"")
    (given / "mine.txt").write_text("")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(given))
    with shared_metrics():
        assert [path.name for path in given.iterdir()] == ["mine.txt"]
    assert given.is_dir()


def test_nothing_is_imported_before_it_is_wanted() -> None:
    code = (
        "import sys, assistant.telemetry.watching, assistant.telemetry.traces; "
        "assert assistant.telemetry.traces.tracer() is None; "
        "assert not [name for name in sys.modules if name.startswith(('prometheus_client', 'opentelemetry'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
