"""The commands of the evaluation: `evaluate`, `testset check`, `testset schema`, `feedback export`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assistant.errors import AssistantError
from assistant.settings import Settings
from assistant.terminal import ERR, plain, progress_bar, report_problems, sync_if_free

if TYPE_CHECKING:  # these load the models' libraries, which other commands need not wait for
    from assistant.evaluation.asking import Assistant
    from assistant.evaluation.imports import Loaded
    from assistant.evaluation.results import Result
    from assistant.evaluation.testset import TestCase

testset = typer.Typer(no_args_is_help=True, help="Check test sets.")
feedback = typer.Typer(no_args_is_help=True, help="What readers said of answers.")
CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Folder of articles; else ASSISTANT_CORPUS_DIR")]
_HALF_DONE = "attempts.jsonl"


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(evaluate)
    app.add_typer(testset, name="testset")
    app.add_typer(feedback, name="feedback")


def evaluate(
    path: Annotated[
        Path, typer.Argument(metavar="TESTSET", help="Test set (YAML), SQuAD 2.0 (.json), or BEIR's folder")
    ],
    corpus: CorpusOption = None,
    url: Annotated[str | None, typer.Option(help="Ask the assistant deployed there; --corpus has its articles")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the reports; default .evaluation/NAME")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Questions asked at the same time")] = 2,
    repeat: Annotated[int, typer.Option(min=1, help="Ask each case so often, for readers that sample")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many cases, evenly over the set")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only cases with this tag; repeatable")] = None,
    without_tag: Annotated[list[str] | None, typer.Option(help="No cases with this tag; repeatable")] = None,
    judge: Annotated[str | None, typer.Option(help="Let a chat model judge too, provider:model")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Prices of a million tokens by reader (YAML), for the cost")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="Compare with this")] = None,
    save_baseline: Annotated[Path | None, typer.Option(help="Keep the outcome here, to compare with later")] = None,
    fail_under: Annotated[list[str] | None, typer.Option(metavar="METRIC=VALUE", help="Fail below; repeatable")] = None,
    fail_over: Annotated[list[str] | None, typer.Option(metavar="METRIC=VALUE", help="Fail above; repeatable")] = None,
    fail_if_worse: Annotated[bool, typer.Option(help="Fail if worse than --baseline beyond noise")] = False,
    fresh: Annotated[bool, typer.Option(help="Do not continue a run that was broken off")] = False,
) -> None:
    """Ask the questions of a test set, judge the answers, and write report.html, report.json and junit.xml."""
    from assistant.evaluation.comparison import Baseline, compare
    from assistant.evaluation.imports import read
    from assistant.evaluation.model_judge import ModelJudge
    from assistant.evaluation.prices import load_prices
    from assistant.evaluation.report import Report
    from assistant.evaluation.runner import run
    from assistant.evaluation.summary import print_summary

    bounds = [(*_bound(text), True) for text in fail_under or ()] + [(*_bound(text), False) for text in fail_over or ()]
    if fail_if_worse and not baseline:
        raise typer.BadParameter("--fail-if-worse needs --baseline")
    before = Baseline.load(baseline) if baseline else None
    table = load_prices(prices) if prices else None
    loaded = read(path, limit)
    cases = _chosen(loaded.cases, tag or (), without_tag or ())
    settings = Settings.load(corpus_dir=corpus)
    second = ModelJudge(judge, settings) if judge else None
    folder = out or Path(".evaluation") / path.stem
    kept = folder / _HALF_DONE
    if fresh:
        kept.unlink(missing_ok=True)
    with _assistant(settings, path, loaded, url) as assistant, progress_bar("Asking") as progress:
        result = run(cases, assistant, progress, threads=threads, repeat=repeat, kept=kept, judge_too=second)
    report = Report(path.name, result, compare(result, before) if before else None, table)
    report.write(folder)
    kept.unlink(missing_ok=True)
    if save_baseline:
        Baseline.of(result).save(save_baseline)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        print_summary(report, Console(highlight=False))
    if second and second.trouble:
        ERR.print(f"[yellow]The judging model did not always judge:[/] {plain(second.trouble)}", highlight=False)
    ERR.print(f"Report: {plain(str(folder / 'report.html'))}", highlight=False, soft_wrap=True)
    failures = _missed(result, bounds)
    if fail_if_worse and report.comparison and report.comparison.beyond_noise:
        failures.append(f"{len(report.comparison.worse)} cases are worse than in {baseline}, beyond noise")
    if result.errors and (bounds or fail_if_worse):
        failures.append(f"{len(result.errors)} answers could not be judged")
    if failures:
        raise AssistantError("The test set failed: " + "; ".join(failures) + ".")


@testset.command("check")
def check_testset(
    path: Annotated[Path, typer.Argument(metavar="TESTSET", help="Test set, a YAML file")], corpus: CorpusOption = None
) -> None:
    """See whether every quote is in the articles, and whether every case can be got right."""
    from assistant.articles import load_corpus
    from assistant.evaluation.checking import check
    from assistant.evaluation.testset import load

    cases = load(path)
    articles = load_corpus(Settings.load(corpus_dir=corpus).corpus_dir)
    report_problems(articles.problems)
    problems = check(cases, {article.id: article for article in articles.articles})
    for case, problem in problems:
        ERR.print(f"{plain(f'{path}:{case.line}: {case.name}: {problem}')}", highlight=False, soft_wrap=True)
    drafts = sum(case.draft for case in cases)
    ERR.print(
        f"{len(cases)} cases, {sum(case.declined for case in cases)} to be declined, {drafts} drafts; "
        f"{len(problems)} problems.",
        highlight=False,
    )
    if problems:
        raise typer.Exit(1)


@testset.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of the format, for editors."""
    from assistant.evaluation.testset import schema

    typer.echo(schema(), nl=False)


@feedback.command("export")
def export_feedback(
    out: Annotated[Path, typer.Argument(metavar="OUT.yaml", help="Where the cases go; must not be there yet")],
    store: Annotated[
        Path | None, typer.Option(help="SQLite file of the feedback; else that of the data folder")
    ] = None,
) -> None:
    """Make cases of a test set out of what readers said: of good answers whole ones, of bad ones drafts."""
    from assistant.evaluation.drafts import drafts
    from assistant.feedback import FeedbackStore

    source = store or Settings.load().data_dir / "feedback.sqlite3"
    text = drafts(FeedbackStore(source).all())
    if not text:
        raise AssistantError(f"There is no feedback in {source}.")
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise AssistantError(f"{out} is there already. Give another name, or delete it.") from None
    except OSError as error:
        raise AssistantError(f"{out} cannot be written: {error.strerror}.") from None
    ERR.print(f"Written to {plain(str(out))}. Finish the drafts, then: assistant testset check {plain(str(out))}")


@contextmanager
def _assistant(settings: Settings, path: Path, loaded: "Loaded", url: str | None) -> Iterator["Assistant"]:
    """Who is asked: the assistant at `url`, or the chain over the corpus, or over the articles that the set brings."""
    from assistant.articles import Corpus, load_corpus
    from assistant.chain import build_chain
    from assistant.evaluation.asking import Deployed, InProcess

    corpus = Corpus(tuple(loaded.articles), {}) if loaded.articles is not None else None
    if url:
        there = corpus or load_corpus(settings.corpus_dir)
        key = settings.evaluate_key.get_secret_value() if settings.evaluate_key else None
        yield Deployed(url, {article.id: article for article in there.articles}, key=key)
        return
    if corpus:
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "imported" / path.stem})
    chain = build_chain(settings)
    try:
        sync_if_free(chain, corpus)
        yield InProcess(chain)
    finally:
        chain.index.close()


def _chosen(cases: Sequence["TestCase"], tags: Sequence[str], without: Sequence[str]) -> list["TestCase"]:
    chosen = [case for case in cases if (not tags or set(tags) & set(case.tags)) and not set(without) & set(case.tags)]
    if not chosen:
        raise AssistantError("No case has these tags.")
    return chosen


def _bound(text: str) -> tuple[str, float]:
    from assistant.evaluation.metrics import METRICS

    name, _, value = text.partition("=")
    if name not in METRICS:
        raise typer.BadParameter(f"{name}: no such metric; there are {', '.join(METRICS)}.")
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"{text}: write METRIC=VALUE, {name}=0.7 for example.") from None


def _missed(result: "Result", bounds: Sequence[tuple[str, float, bool]]) -> list[str]:
    """What is on the wrong side of its bound. A metric of nothing holds no bound."""
    out = []
    for name, bound, under in bounds:
        figure = result.figure(name)
        if figure is None:
            out.append(f"{name} is none, and {bound:g} is asked for")
        elif figure.value < bound if under else figure.value > bound:
            out.append(f"{name} is {figure.value:.3f}, {'under' if under else 'over'} {bound:g}")
    return out
