"""Fits when to answer and when to decline: `python -m assistant.evaluation.quality.calibrate FOLDER`.

On texts that the learned scorer has not seen: two articles of SQuAD 2.0's development set, and the held-out stories of
`scorer_training/stories.json`. Each answerable question counts twice: as it is, and with what answers it taken away,
which is how a question that the articles do not answer looks when nobody made it up to mislead.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from assistant.articles import Article
from assistant.evaluation.quality import sets
from assistant.evaluation.quality.measure import Workbench, tracked
from assistant.evaluation.scorer_training.data import HELD_OUT, HELD_OUT_STORIES, packaged_stories
from assistant.reading.answerability import Evidence

_REFUSED = 0.15  # share of the stories' answerable questions that the threshold may refuse


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with squad2-dev.json", exists=True)],
    data_dir: Annotated[Path, typer.Option(help="Where the indexes are kept")] = Path(".quality"),
    out: Annotated[Path, typer.Option(help="Where the weights go")] = Path("assistant/data/answerability.json"),
) -> None:
    """Fit the weights, show how well they tell on questions left out of the fit, and write them."""
    console = Console()
    bench = Workbench(data_dir, tracked(console))
    squad = list(_judged(bench, "squad2-dev", *_squad(folder / "squad2-dev.json")))
    stories = [row for name, articles, questions in _stories() for row in _judged(bench, name, articles, questions)]
    groups = {
        f"{name}, {kind}": [(yes, evidence) for yes, how, evidence in rows if how in ("asked", kind)]
        for name, rows in (("SQuAD", squad), ("stories", stories))
        for kind in ("unanswerable", "removed")
    }
    x = np.array([evidence for rows in groups.values() for _, evidence in rows], float)
    y = np.array([yes for rows in groups.values() for yes, _ in rows])
    # The stories are news, as the product reads it: they count double.
    shares = [2 if name.startswith("stories") else 1 for name in groups]
    weight = np.concatenate(
        [np.full(len(rows), s / len(rows)) for s, rows in zip(shares, groups.values(), strict=True)]
    )
    spread = x.std(axis=0) + 1e-9
    model = LogisticRegression()
    fit = model.fit(x / spread, y, sample_weight=weight / weight.mean())
    folds = StratifiedKFold(10, shuffle=True, random_state=7)
    weights_too = {"sample_weight": weight / weight.mean()}
    left_out = cross_val_predict(model, x / spread, y, cv=folds, method="predict_proba", params=weights_too)[:, 1]
    at = 0
    for name, rows in groups.items():
        part = slice(at, at + len(rows))
        at += len(rows)
        console.print(f"{name}: n = {len(rows)}, AUROC {roc_auc_score(y[part], left_out[part]):.3f}")
    present = [
        p
        for p, yes in zip(
            left_out[-len(groups["stories, removed"]) :], y[-len(groups["stories, removed"]) :], strict=True
        )
        if yes
    ]
    weights = dict(zip(Evidence._fields, (fit.coef_[0] / spread).round(4).tolist(), strict=True))
    weights |= {
        "intercept": round(float(fit.intercept_[0]), 4),
        "threshold": round(float(np.quantile(present, _REFUSED)), 3),
    }
    out.write_text(json.dumps(weights, indent=1) + "\n", "utf-8")
    console.print(weights)


def _squad(path: Path) -> tuple[list[Article], list[sets.Spotted]]:
    articles, questions = sets.squad2(path)
    return articles, [asked for asked in questions if asked.subject in HELD_OUT]


def _stories() -> Iterator[tuple[str, list[Article], list[sets.Spotted]]]:
    for story in packaged_stories():
        if story["story"] not in HELD_OUT_STORIES:
            continue
        articles = [
            Article(id=f"{story['story']}/{number}", title=item["title"], published=item["date"], text=item["text"])
            for number, item in enumerate(story["articles"])
        ]
        questions = [
            sets.Spotted(
                asked["question"],
                tuple(
                    (articles[g["article"]].id, articles[g["article"]].text.index(g["words"])) for g in asked["gold"]
                ),
                story["story"],
            )
            for asked in story["questions"]
        ]
        yield story["story"], articles, questions


def _judged(
    bench: Workbench, name: str, articles: Sequence[Article], questions: Sequence[sets.Spotted]
) -> Iterator[tuple[bool, str, Evidence]]:
    """Whether the articles answer, how that came about (asked, removed, unanswerable), and the evidence."""
    with bench.index(name, articles) as index:
        retriever, reader = bench.retriever(index, 12), bench.reader
        for asked in bench.track(questions, name):
            hits = retriever.search(asked.question)
            gold = {key for key, _ in asked.answers}
            ways = [("asked", hits)] if gold else [("unanswerable", hits)]
            if gold:
                ways.append(("removed", [hit for hit in hits if hit.passage.article.id not in gold]))
            for how, found in ways:
                evidence = reader.judge(asked.question, found, index.snapshot).evidence
                if evidence is not None:
                    yield how == "asked", how, evidence


if __name__ == "__main__":
    typer.run(main)
