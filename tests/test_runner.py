"""Running a test set: in process and over HTTP, in parallel, continued, repeated, with a judging model."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from browser import served
from conftest import ChainFactory, SettingsFactory
from helpers import make_article, write_article
from openai_server import OpenAIServer, Reply
from scripted import Scripted, cite, decline, say

from assistant.answer import Answer, Usage
from assistant.api.app import create_app
from assistant.chain import AnswerChain, Question
from assistant.errors import AssistantError, QuestionError, SettingsError
from assistant.evaluation import run
from assistant.evaluation.asking import Deployed, InProcess
from assistant.evaluation.model_judge import ModelJudge
from assistant.evaluation.testset import TestCase
from assistant.keys import Scope, make_key

TOWER = "The tower of Tarn is 80 metres high. It was finished in March 1998 by Ada Brook.\n"
ASK = "How high is the tower of Tarn?"
CASES = [
    TestCase(question=ASK, cites=("80 metres high",), facts=("eighty metres",)),
    TestCase(turns=(ASK, "And when was it finished?"), cites=("March 1998",), facts=("1998",)),
    TestCase(question="What is the capital of Mongolia?", cites=("Ulan Bator",)),
    TestCase(question="How do I bake sourdough bread?", declined=True),
    TestCase(question="?", tags=("draft",)),
]
ARTICLE = make_article("tower", TOWER)


@pytest.fixture
def chain(make_chain: ChainFactory, tmp_path: Path) -> AnswerChain:
    write_article(tmp_path / "corpus", "tower.md", TOWER, as_of="2024-05-01")
    write_article(tmp_path / "corpus", "bridge.md", "The bridge of Velm cost $40 million.\n", as_of="2023-05-01")
    return make_chain()


def test_running_in_process(chain: AnswerChain) -> None:
    seen: list[tuple[int, int]] = []
    result = run(CASES, chain, lambda done, total: seen.append((done, total)))
    assert sorted(seen) == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [item.case for item in result.attempts] == CASES[:4]
    assert [item.right for item in result.attempts] == [True, True, False, True]
    second = result.attempts[1].answer
    assert second is not None
    assert "Tarn" in second.standalone_question
    counts = result.counts()
    assert (counts["answerable"], counts["unanswerable"], counts["drafts"]) == (3, 1, 1)
    assert {"retrieval", "reading", "asked to answered"} <= set(result.latency())
    assert "extractive" in result.identity


def test_offline_the_same_twice_whatever_the_threads(chain: AnswerChain) -> None:
    one, four = run(CASES, chain, threads=1), run(CASES, chain, threads=4)
    assert [item.judgement for item in one.attempts] == [item.judgement for item in four.attempts]
    assert [item.answer and item.answer.answer for item in one.attempts] == [
        item.answer and item.answer.answer for item in four.attempts
    ]


def test_as_of_a_day_later_articles_are_not_there(chain: AnswerChain) -> None:
    case = TestCase.model_validate({"question": ASK, "cites": ["80 metres"], "as_of": "2023-12-31"})
    (item,) = run([case], chain).attempts
    assert item.answer is not None
    assert {passage.article_id for passage in item.answer.found} <= {"bridge"}


def test_over_http_as_in_process(chain: AnswerChain) -> None:
    here = run(CASES, chain)
    with served(create_app(chain)) as url:
        there = run(CASES, Deployed(url, chain.index.snapshot.articles))
    assert [item.judgement for item in there.attempts] == [item.judgement for item in here.attempts]
    assert "127.0.0.1" in there.identity
    assert chain.index.snapshot.revision[:12] in there.identity


def test_over_http_with_a_key_and_a_limit_that_it_keeps_to(make_chain: ChainFactory, settings: SettingsFactory) -> None:
    secret, key = make_key("evaluation", [Scope.ASK])
    write_article(settings().corpus_dir, "tower.md", "The tower of Tarn is 80 metres high.\n")
    own = make_chain(api_keys=key.entry, rate_limit_key="2/second", chat_model="extractive")
    with served(create_app(own)) as url:
        there = run(CASES[:4], Deployed(url, own.index.snapshot.articles, key=secret))
        (refused,) = run(CASES[:1], Deployed(url, own.index.snapshot.articles)).attempts
    assert not [item.error for item in there.attempts if item.error]
    assert "status 401" in (refused.error or "")


def test_nobody_there_and_errors_of_a_deployed_assistant(chain: AnswerChain) -> None:
    for url in ("http://127.0.0.1:9", "nonsense"):
        with pytest.raises(AssistantError, match="No assistant answers at"):
            Deployed(url, {})
    with served(create_app(chain)) as url:
        long = TestCase(question="a" * 3000, declined=True)
        (item,) = run([long], Deployed(url, {})).attempts
    assert item.judgement is None
    assert "status 422" in (item.error or "")


def test_other_articles_than_the_deployed_ones_are_noticed(chain: AnswerChain) -> None:
    with served(create_app(chain)) as url:
        (item,) = run(CASES[:1], Deployed(url, {"tower": make_article("tower", "Other words.")})).attempts
    assert item.judgement is not None
    assert item.judgement.foreign == 1
    assert not item.right


def fails(question: Question) -> Answer:
    raise QuestionError("not today")


def test_what_cannot_be_judged_is_counted_and_not_averaged() -> None:
    result = run(CASES[2:4], Scripted({}, fails))
    assert result.counts()["not_judged"] == 2
    assert {item.error for item in result.errors} == {"not today"}
    assert result.failed == []
    assert all(figure is None for figure in result.figures().values())


def test_a_slow_pattern_spoils_its_own_case_only() -> None:
    cases = [TestCase.model_validate({"question": "a", "facts": [{"regex": "(a|aa)+$"}]}), CASES[3]]
    result = run(cases, Scripted({}, lambda question: say("a" * 60 + "!") if question.question == "a" else decline()))
    assert "takes too long" in (result.attempts[0].error or "")
    assert result.attempts[1].right


def test_questions_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=20)

    def rule(question: Question) -> Answer:
        together.wait()  # breaks unless two ask at once
        return decline()

    assert len(run(CASES[2:4], Scripted({}, rule), threads=2).attempts) == 2


def counting(limit: int) -> Callable[[Question], Answer]:
    """Declines so often, and then is interrupted."""
    done = 0

    def rule(question: Question) -> Answer:
        nonlocal done
        done += 1
        if done > limit:
            raise KeyboardInterrupt
        return decline()

    return rule


def test_a_run_that_was_broken_off_is_continued(tmp_path: Path) -> None:
    kept = tmp_path / "report" / "attempts.jsonl"
    cases = [TestCase(question=f"Question {n}?", declined=True) for n in range(6)]
    with pytest.raises(KeyboardInterrupt):
        run(cases, Scripted({}, counting(3)), kept=kept, threads=1)
    with kept.open("a") as file:
        file.write('{"key": "half a li')
    second = Scripted({}, counting(99))
    result = run(cases, second, kept=kept, threads=1)
    assert [item.question for item in second.asked] == [f"Question {n}?" for n in (3, 4, 5)]
    assert all(item.right for item in result.attempts)
    third = Scripted({}, counting(99))
    run(cases, third, kept=kept)
    assert third.asked == []
    # Another assistant, another case: nothing of it is taken over.
    other = Scripted({}, counting(99), identity="other")
    run(cases[:2], other, kept=kept)
    assert len(other.asked) == 2
    changed = Scripted({}, counting(99))
    run([TestCase(question="Question 0?", facts=("x",))], changed, kept=kept)
    assert len(changed.asked) == 1


def test_what_failed_is_asked_again(tmp_path: Path) -> None:
    kept = tmp_path / "attempts.jsonl"
    run(CASES[3:4], Scripted({}, fails), kept=kept)
    (item,) = run(CASES[3:4], Scripted({}, lambda question: decline()), kept=kept).attempts
    assert item.right
    kept.write_bytes(b"\xff\xfe")
    with pytest.raises(AssistantError, match="cannot be used"):
        run(CASES[3:4], Scripted({}, fails), kept=kept)


def test_the_code_and_the_articles_are_part_of_who_is_asked(chain: AnswerChain, tmp_path: Path) -> None:
    before = InProcess(chain).identity
    assert before == InProcess(chain).identity
    write_article(tmp_path / "corpus", "third.md", "A third article.\n")
    chain.sync()
    assert InProcess(chain).identity != before


def test_tokens_of_all_turns() -> None:
    usage = Usage(input_tokens=10, output_tokens=2)
    told = decline().model_copy(update={"usage": usage})
    result = run([CASES[1]], Scripted({}, lambda question: told))
    assert result.attempts[0].usage == Usage(input_tokens=20, output_tokens=4)
    assert result.tokens() == (Usage(input_tokens=20, output_tokens=4), 1)
    half = run([CASES[1]], Scripted({}, lambda q: told if q.history else decline()))
    assert half.tokens() is None


# -- a judging model ----------------------------------------------------------------------------------------------


def test_a_model_judges_too(openai_server: OpenAIServer, settings: SettingsFactory) -> None:
    openai_server.replies.extend(
        Reply(text) for text in ("RIGHT", "**Wrong.** It does not say.", "RIGHT", "Who knows?")
    )
    own = settings(openai_base_url=openai_server.url, openai_api_key="k")
    judge = ModelJudge("openai:judge", own)
    cases = [
        CASES[0],
        replace_question(CASES[0], "b"),
        replace_question(CASES[3], "c"),
        replace_question(CASES[3], "d"),
    ]
    high = say("80 metres", [cite(ARTICLE, 0, 36)])
    assistant = Scripted({"tower": ARTICLE}, lambda q: high if q.question in (ASK, "b", "c") else decline())
    result = run(cases, assistant, threads=1, judge_too=judge)
    assert [item.opinion for item in result.attempts] == [True, False, True, None]
    agreement = result.agreement()
    assert agreement is not None
    assert (agreement.both_right, agreement.only_rules, agreement.only_model, agreement.none) == (1, 1, 1, 1)
    assert result.figure("correct_answers") == run(cases, assistant).figure("correct_answers")
    prompt = openai_server.requests[0].body["messages"][0]["content"]
    assert ASK in prompt
    assert "It must say: eighty metres" in prompt
    assert "[1] The tower of Tarn is 80 metres high." in prompt
    assert judge.trouble == "the judging model said neither RIGHT nor WRONG"


def test_a_judging_model_that_fails_spoils_nothing(openai_server: OpenAIServer, settings: SettingsFactory) -> None:
    openai_server.replies.append(Reply("no", status=401))
    judge = ModelJudge("openai:judge", settings(openai_base_url=openai_server.url, openai_api_key="k"))
    (item,) = run(CASES[3:4], Scripted({}, lambda question: decline()), judge_too=judge).attempts
    assert (item.right, item.opinion) == (True, None)
    assert "401" in (judge.trouble or "")


def test_the_judges_prompt_is_a_file(openai_server: OpenAIServer, settings: SettingsFactory, tmp_path: Path) -> None:
    own = settings(openai_base_url=openai_server.url, openai_api_key="k", prompts_dir=tmp_path)
    with pytest.raises(SettingsError, match=r"judge\.md cannot be read"):
        ModelJudge("openai:judge", own)
    (tmp_path / "judge.md").write_text("Is {answer} right?")
    with pytest.raises(SettingsError, match="it must use"):
        ModelJudge("openai:judge", own)


def replace_question(case: TestCase, question: str) -> TestCase:
    return case.model_copy(update={"question": question})


def test_a_result_without_a_judge_has_no_agreement() -> None:
    result = run(CASES[3:4], Scripted({}, lambda question: decline()))
    assert result.agreement() is None
    assert replace(result, judge="m").agreement() is not None
