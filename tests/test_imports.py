"""Sets of others through the same runner, and readers' feedback as cases."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_cli import error_of
from test_cli import run as assistant

from assistant.answer import Answer, Turn
from assistant.chain import AnswerChain
from assistant.evaluation import load, run
from assistant.evaluation.drafts import drafts
from assistant.evaluation.imports import read
from assistant.evaluation.testset import TestSetError
from assistant.feedback import Feedback, FeedbackStore, Reason

TEXTS = {
    "quay": "The harbour board met. The new quay costs 34 million euros. It opens on the 19th of May.",
    "ferry": "A ferry sails to the islands. Its captain is Ada Brook.",
    "mill": "The old mill closed in 1987. Nobody bought it.",
}


@pytest.fixture
def squad(tmp_path: Path) -> Path:
    quay = TEXTS["quay"]
    answers = [
        {"text": "34 million", "answer_start": quay.index("34")},
        {"text": "34", "answer_start": quay.index("34")},
    ]
    asked = [
        {"question": "What does the new quay cost?", "answers": answers},
        {"question": "On which day of May?", "answers": [{"text": "19", "answer_start": quay.index("19th")}]},
        {"question": "Who painted the quay?", "is_impossible": True, "answers": []},
    ]
    paragraphs = [{"context": text, "qas": asked if key == "quay" else []} for key, text in TEXTS.items()]
    path = tmp_path / "squad2-tiny.json"
    path.write_text(json.dumps({"version": "v2.0", "data": [{"title": "Harbour_town", "paragraphs": paragraphs}]}))
    return path


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": key, "title": key.title(), "text": text} for key, text in TEXTS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    queries = [
        {"_id": str(n), "text": text} for n, text in enumerate(["What does the quay cost?", "Who steers it?", "Why?"])
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    rows = ["query-id\tcorpus-id\tscore", "0\tquay\t1", "0\tmill\t0", "1\tferry\t2", "9\tmill\t1"]
    (folder / "qrels" / "test.tsv").write_text("\n".join(rows) + "\n")
    return folder


def test_squad_as_cases(squad: Path) -> None:
    loaded = read(squad)
    assert [article.id for article in loaded.articles or ()] == [f"Harbour_town/{n}" for n in range(3)]
    first, second, third = loaded.cases
    assert first.evidence[0].words == ("The new quay costs 34 million euros.",)
    assert first.evidence[0].article == "Harbour_town/0"
    assert second.evidence[0].words == ("It opens on the 19th of May.",)
    assert third.declined
    assert [case.question for case in read(squad, limit=2).cases] == [
        "What does the new quay cost?",
        "On which day of May?",
    ]


def test_beir_as_cases(beir: Path) -> None:
    loaded = read(beir)
    assert [(case.question, [e.article for e in case.evidence]) for case in loaded.cases] == [
        ("What does the quay cost?", ["quay"]), ("Who steers it?", ["ferry"]),
    ]  # fmt: skip
    (beir / "qrels" / "test.tsv").unlink()
    assert read(beir).cases == []


def test_what_is_no_set(tmp_path: Path) -> None:
    (tmp_path / "set.json").write_text('{"data": [{}]}')
    with pytest.raises(TestSetError, match=r"set\.json cannot be read as SQuAD 2\.0"):
        read(tmp_path / "set.json")
    with pytest.raises(TestSetError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(TestSetError, match="cannot be read"):
        read(tmp_path / "nowhere.json")


def test_running_sets_of_others(squad: Path, beir: Path, tmp_path: Path) -> None:
    done = assistant(tmp_path, "evaluate", squad.name, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["counts"]["cases"] == 3
    first = report["cases"][0]
    assert (first["right"], first["judgement"]["ndcg"]) == (True, 1.0)
    assert first["answer"]["citations"][0]["article_id"] == "Harbour_town/0"
    done = assistant(tmp_path, "evaluate", beir.name, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"]["ndcg_10"]["n"] == 2


# -- feedback -----------------------------------------------------------------------------------------------------


def given(question: str, answer: Answer, helpful: bool, **more: object) -> Feedback:
    fields = {"question": question, "answer": answer, "helpful": helpful, "given": datetime(2026, 7, 1, tzinfo=UTC)}
    return Feedback.model_validate({**fields, **more})


def test_feedback_becomes_cases(story: AnswerChain, tmp_path: Path) -> None:
    asked, unknown = "Who leads Microsoft AI?", "Who is the pope?"
    good, declined = story.invoke("When was Sam Altman formally reinstated?"), story.invoke(unknown)
    history = (Turn(question="What is Frontier?", answer="A platform."),)
    text = drafts(
        [
            given("When was Sam Altman formally reinstated?", good, True),
            given(unknown, declined, False),
            given(unknown, story.invoke(unknown), True),  # the last word counts
            given(asked, good, False, reason=Reason.WRONG_SOURCE, comment="not: “this” - {it}", history=history),
        ]
    )
    path = tmp_path / "cases.yaml"
    path.write_text(text)
    first, second, third = load(path)
    assert [evidence.words[0] for evidence in first.evidence] == [citation.quote for citation in good.citations]
    assert second.declined
    assert third.draft
    assert third.turns == ("What is Frontier?", asked)
    assert "wrong source. “not: “this” - {it}”" in (third.why or "")
    assert good.answer in " ".join((third.why or "").split())
    result = run([first, second, third], story)
    assert [item.right for item in result.attempts] == [True, True]
    assert result.counts()["drafts"] == 1
    assert drafts([]) == ""


def test_exporting_feedback(story: AnswerChain, tmp_path: Path) -> None:
    store = FeedbackStore(tmp_path / "data" / "feedback.sqlite3")
    store.add(given("Who is the pope?", story.invoke("Who is the pope?"), True))
    done = assistant(tmp_path, "feedback", "export", "out.yaml")
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "out.yaml")[0].declined
    assert "is there already" in error_of(assistant(tmp_path, "feedback", "export", "out.yaml"))
