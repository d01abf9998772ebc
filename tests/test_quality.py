"""The quality bench: its measures, its readers of outside formats, and a run over tiny sets."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from assistant.evaluation.quality import sets
from assistant.evaluation.quality.__main__ import main
from assistant.evaluation.quality.figures import auroc, average_precision, figure, mean, ndcg, reciprocal_rank

_TEXTS = {
    "quay": "Harbour board approves the new quay. The board voted 7 to 2 for the quay. It will cost 34 million euros.",
    "ferry": "The ferry to the islands runs twice a day. Captain Lene Falk has steered it since 2009.",
    "mill": "The old mill closed in 1987. Its owner, Anton Berg, sold the machines to a museum in Lund.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every set, tiny, in its own format."""
    (tmp_path / "scifact").mkdir()
    lines = [json.dumps({"_id": key, "title": key, "text": text}) for key, text in _TEXTS.items()]
    (tmp_path / "scifact" / "corpus.jsonl").write_text("\n".join(lines))
    claims = [{"_id": "1", "text": "The quay costs 34 million.", "relevant": ["quay"]}]
    claims.append({"_id": "2", "text": "A captain steers the ferry to the islands.", "relevant": ["ferry"]})
    (tmp_path / "scifact" / "queries.jsonl").write_text("\n".join(map(json.dumps, claims)))
    asked = [
        {
            "question": "What will the quay cost?",
            "answers": [{"text": "34", "answer_start": _TEXTS["quay"].index("34")}],
        },
        {"question": "Who painted the quay?", "is_impossible": True, "answers": []},
    ]
    paragraphs = [{"context": text, "qas": asked if key == "quay" else []} for key, text in _TEXTS.items()]
    (tmp_path / "squad2-tiny.json").write_text(json.dumps({"data": [{"title": "Harbour", "paragraphs": paragraphs}]}))
    pool = {"id": "7", "question": "When did the old mill close?", "positives": ["The old mill closed in 1987."]}
    others = {"id": "8", "question": "Who?", "positives": [], "negatives": ["Nobody was there in 1987."]}
    trec = [pool | {"negatives": ["The ferry is old.", "A mill grinds grain."]}, others]
    (tmp_path / "trecqa-tiny.json").write_text(json.dumps(trec))
    passages = [{"id": key, "titles": [key, ""], "text": text} for key, text in _TEXTS.items()]
    turns = [
        {"context": ["Who steers the ferry?"], "gold": ["ferry"]},
        {"context": ["Tell me about the old mill.", "It closed.", "Who was its owner?"], "gold": ["mill"]},
        {"context": ["What is love?"], "gold": []},
    ]
    (tmp_path / "inscit-tiny.json").write_text(json.dumps({"passages": passages, "turns": turns}))
    evidence = ["The old mill closed in 1987.", "Its owner, Anton Berg, sold the machines."]
    wice = [
        {
            "label": "supported",
            "claim": "The old mill closed in 1987.",
            "evidence": evidence,
            "supporting_sentences": [[0]],
        },
        {"label": "not_supported", "claim": "The mill burnt down.", "evidence": evidence, "supporting_sentences": []},
    ]
    (tmp_path / "wice-tiny.jsonl").write_text("\n".join(map(json.dumps, wice)))
    return tmp_path


def test_measures_of_ranking() -> None:
    assert ndcg([True, False, True], 2) == pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))
    assert ndcg([False] * 10 + [True], 1) == 0
    assert average_precision([False, True, False, True], 2) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert average_precision([True], 2) == 0.5  # what the ranking leaves out was not found
    assert reciprocal_rank([False, False, True]) == pytest.approx(1 / 3)
    assert reciprocal_rank([False]) == 0


def test_a_figure_has_an_interval_around_it() -> None:
    found = mean([0.0] * 50 + [1.0] * 50)
    assert found.value == 0.5
    assert found.n == 100
    assert 0.39 < found.low < 0.42
    assert 0.58 < found.high < 0.61
    assert auroc([True, True, False, False], [0.9, 0.8, 0.2, 0.1]).value == 1.0
    assert auroc([True, False], [0.5, 0.5]).value == 0.5


def test_no_figure_is_made_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean([])
    with pytest.raises(ValueError, match="one kind"):
        auroc([True, True], [0.1, 0.2])
    with pytest.raises(ValueError, match="one kind"):
        figure(lambda column: float("nan"), [1.0])


def test_places_of_answers_are_places_in_the_articles(folder: Path) -> None:
    articles, questions = sets.squad2(folder / "squad2-tiny.json")
    texts = {article.id: article.text for article in articles}
    [answerable, unanswerable] = questions
    [(key, place)] = answerable.answers
    assert texts[key][place:].startswith("34 million")
    assert unanswerable.answers == ()


def test_what_cannot_be_ranked_or_found_is_left_out(folder: Path) -> None:
    articles, questions = sets.trecqa(folder / "trecqa-tiny.json")
    assert len(articles) == 4
    assert [asked.pool for asked in questions] == ["7"]
    _, turns = sets.inscit(folder / "inscit-tiny.json")
    assert [(turn.question, len(turn.history)) for turn in turns] == [
        ("Who steers the ferry?", 0),
        ("Who was its owner?", 1),
    ]
    [supported, _] = sets.wice(folder / "wice-tiny.jsonl")
    start, end = supported.sentences[1]
    assert supported.article.text[start:end] == "Its owner, Anton Berg, sold the machines."


def _run(folder: Path, out: Path, *options: str) -> str:
    app = typer.Typer()
    app.command()(main)
    arguments = [str(folder), "--out", str(out), "--data-dir", str(out.parent / "indexes"), *options]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code in (0, 2), result.output
    return result.output


def test_every_set_is_measured(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    curve = tmp_path / "curve.svg"
    names = ["scifact", "squad2-tiny", "trecqa-tiny", "inscit-tiny", "wice-tiny"]
    said = _run(folder, out, *(f"--only={name}" for name in names), "--curve", str(curve))
    found = json.loads(out.read_text())
    assert list(found) == ["scifact", "squad2-tiny", "trecqa-tiny", "inscit-tiny", "wice-tiny"]
    for figures in found.values():
        for value in figures.values():
            assert set(value) == {"value", "low", "high", "n"}
            assert value["low"] <= value["value"] <= value["high"]
    assert found["scifact"]["ndcg@10"]["value"] == 1.0
    assert found["squad2-tiny"]["top-1"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    assert found["trecqa-tiny"]["map"]["value"] == 1.0
    assert found["inscit-tiny"]["hit@1"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 2}
    assert found["wice-tiny"]["auroc"]["n"] == 2
    assert "MiniLM .645" in said
    assert "<svg" in curve.read_text()


def test_what_is_absent_is_skipped_by_name_and_parts_can_be_switched_off(folder: Path, tmp_path: Path) -> None:
    (folder / "trecqa-tiny.json").unlink()
    out = tmp_path / "found.json"
    options = [f"--without={part}" for part in ("dense", "titles", "scorer", "kinds", "followups")]
    said = _run(folder, out, "--only=squad2-tiny", "--only=inscit-tiny", *options)
    assert "trecqa-*.json: not in" in said
    assert "Without dense" in said
    assert set(json.loads(out.read_text())) == {"squad2-tiny", "inscit-tiny"}
    assert "no such part" in _run(folder, out, "--without=magic")


def test_a_split_of_one_kind_gives_what_can_be_had(folder: Path, tmp_path: Path) -> None:
    data = json.loads((folder / "squad2-tiny.json").read_text())
    data["data"][0]["paragraphs"][0]["qas"].pop()
    (folder / "squad2-tiny.json").write_text(json.dumps(data))
    out = tmp_path / "found.json"
    _run(folder, out, "--only=squad2-tiny")
    found = json.loads(out.read_text())["squad2-tiny"]
    assert {"top-1", "top-3", "false refusals"} < set(found)
    assert not {"auroc", "false answers"} & set(found)
