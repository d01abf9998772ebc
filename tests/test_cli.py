"""The command line, run as users run it: in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from helpers import ROOT, write_article

from assistant.answer import Answer, Outcome
from assistant.cli import main

TOWER = "The tower of Tarn is 80 metres high. It was finished in March 1998 by Ada Brook.\n"
ASK = "How high is the tower of Tarn?"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_article(tmp_path / "corpus", "tower.md", TOWER, outlet="The Tarn Times", as_of="2024-05-01")
    return tmp_path / "corpus"


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ASSISTANT_", "OPENAI_"))}
    folders = {"ASSISTANT_CORPUS_DIR": str(tmp_path / "corpus"), "ASSISTANT_DATA_DIR": str(tmp_path / "data")}
    return {**own, **folders, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", **more}


def run(tmp_path: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assistant.cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(tmp_path, **more),
        cwd=tmp_path,
        timeout=120,
        check=False,
    )


def run_here(tmp_path: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has Python and the libraries up: for what does not need a process of its own."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in environment(tmp_path, **more).items():
            patch.setenv(name, value)
        patch.chdir(tmp_path)
        patch.setattr(sys, "argv", ["assistant", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    return subprocess.CompletedProcess(arguments, code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that fails says; never a stack trace, never on standard output."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    place = 0 if done.stderr.startswith("Error: ") else done.stderr.index("\nError: ")  # a progress bar may come first
    return " ".join(done.stderr[place:].split())


def test_sync_twice_then_ask(corpus: Path, tmp_path: Path) -> None:
    first = run(tmp_path, "sync")
    assert first.returncode == 0, first.stderr
    assert "1 added, 0 changed, 0 removed, 0 unchanged; 1 passages embedded." in first.stderr
    second = run(tmp_path, "sync", "--corpus", str(corpus))
    assert second.returncode == 0
    assert "0 added, 0 changed, 0 removed, 1 unchanged; 0 passages embedded." in second.stderr
    asked = run(tmp_path, "ask", ASK)
    assert asked.returncode == 0
    assert "The tower of Tarn is 80 metres high. [1]" in asked.stdout
    assert "[1] The Tarn Times, Tower, as of 1 May 2024" in asked.stdout
    assert "“The tower of Tarn is 80 metres high.”" in asked.stdout
    assert "Indexing" not in asked.stdout


def test_ask_as_json_indexes_what_is_new(corpus: Path, tmp_path: Path) -> None:
    asked = run(tmp_path, "ask", ASK, "--json")
    assert asked.returncode == 0, asked.stderr
    answer = Answer.model_validate_json(asked.stdout)
    assert answer.outcome is Outcome.ANSWERED
    (citation,) = answer.citations
    raw = (corpus / "tower.md").read_text("utf-8").split("---\n\n", 1)[1]
    assert raw[citation.start : citation.end] == citation.quote


def test_ask_of_some_articles(corpus: Path, tmp_path: Path) -> None:
    write_article(corpus, "bridge.md", "The bridge of Velm cost $40 million.\n", as_of="2025-01-01", topics=["money"])
    some = run(tmp_path, "ask", ASK, "--since", "2024-01-01", "--until", "2024-12-31", "--outlet", "the tarn times")
    assert "80 metres high. [1]" in some.stdout, some.stderr
    both = run_here(tmp_path, "ask", ASK, "--topic", "money", "--outlet", "The Tarn Times")
    assert both.returncode == 0
    assert "No article passes the filter (outlet The Tarn Times, topic money)" in both.stdout
    assert "The topics are: money." in error_of(run_here(tmp_path, "ask", ASK, "--topic", "monye"))
    assert run_here(tmp_path, "ask", ASK, "--since", "yesterday").returncode == 2


def test_ask_says_where_else_a_quote_is_printed(corpus: Path, tmp_path: Path) -> None:
    longer = TOWER.strip() + " The city paid for it with a loan that runs until 2031.\n"
    write_article(corpus, "tower.md", longer, outlet="The Tarn Times", as_of="2024-05-01")
    write_article(corpus, "again.md", f"Hear, hear. {longer}", outlet="[b]Post[/]", as_of="2024-05-02")
    asked = run(tmp_path, "ask", ASK)
    assert "[1] The Tarn Times, Tower, as of 1 May 2024" in asked.stdout
    assert asked.stdout.count("80 metres high") == 2, "in the answer and as the quote, not once more from the reprint"
    assert "    also in: [b]Post[/], Again\n" in asked.stdout


def test_one_broken_article_does_not_hide_the_others(corpus: Path, tmp_path: Path) -> None:
    (corpus / "broken.md").write_text("---\ntitle: fine\noutlet: one: two\n---\n\nText.\n")
    synced = run(tmp_path, "sync")
    assert synced.returncode == 1
    assert "Left out: " in synced.stderr
    assert f"{corpus / 'broken.md'}:3: broken YAML" in synced.stderr
    assert "1 added" in synced.stderr
    assert "Traceback" not in synced.stderr
    asked = run(tmp_path, "ask", ASK)
    assert asked.returncode == 0
    assert "80 metres" in asked.stdout
    assert "broken.md:3" in asked.stderr
    assert "broken.md" not in asked.stdout


def test_text_from_articles_cannot_steer_the_terminal(corpus: Path, tmp_path: Path) -> None:
    evil = "The tower of Tarn is [bold red]80 metres[/] high, \x1b[31msay\x9b31m some [link=http://x]here[/link].\n"
    write_article(corpus, "tower.md", evil, outlet="[blink]Times[/]", as_of="2024-05-01")
    asked = run(tmp_path, "ask", ASK)
    assert asked.returncode == 0, asked.stderr
    assert "[bold red]80 metres[/] high" in asked.stdout
    assert "[blink]Times[/]" in asked.stdout
    assert not {"\x1b", "\x9b"} & set(asked.stdout)


@pytest.mark.parametrize(
    ("arguments", "more", "says"),
    [
        (
            ["sync"],
            {"ASSISTANT_CORPUS_DRI": "x"},
            "Unknown setting ASSISTANT_CORPUS_DRI. Did you mean ASSISTANT_CORPUS_DIR?",
        ),
        (["ask", "x"], {"ASSISTANT_THREADS": "many"}, "ASSISTANT_THREADS"),
        (["ask", "x", "--corpus", "nowhere"], {}, "The corpus folder nowhere does not exist."),
        (["sync", "--corpus", "empty"], {}, "The corpus folder empty holds no articles"),
        (["ask", ""], {}, "The question is empty."),
        (["ask", "a" * 20_000], {}, "20,000 characters"),
        (["evaluate", "nowhere.yaml"], {}, "nowhere.yaml: cannot be read"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_the_user_can_put_right_is_said(
    arguments: list[str], more: dict[str, str], says: str, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert says in error_of(run_here(tmp_path, *arguments, **more))


def test_help_and_unknown_commands(tmp_path: Path) -> None:
    shown = run(tmp_path, "--help")
    assert shown.returncode == 0
    for command in ("sync", "ask", "serve", "evaluate"):
        assert command in shown.stdout
    assert run_here(tmp_path, "frobnicate").returncode == 2
    assert run_here(tmp_path, "serve", "--port", "70000").returncode == 2


def test_a_port_in_use_is_said_at_once(corpus: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = error_of(run(tmp_path, "serve", "--port", str(port)))
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another port with --port." in said
    assert not (tmp_path / "data").exists()


def test_evaluate_judges_reports_and_compares(corpus: Path, tmp_path: Path) -> None:
    testset = tmp_path / "set.yaml"
    good = f"- question: {ASK}\n  cites: ['80 metres high']\n  tags: [easy]\n"
    bad = "- question: Who finished the tower of Tarn?\n  cites: ['nothing of the kind']\n"
    testset.write_text(good + "- question: What is the capital of Mongolia?\n  declined: true\n" + bad)
    done = run(tmp_path, "evaluate", "set.yaml", "--json", "--save-baseline", "base.json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["counts"]["cases"], report["counts"]["answerable"], report["counts"]["unanswerable"]) == (3, 2, 1)
    assert report["figures"]["right_sentence_cited"]["value"] == 0.5
    assert report["figures"]["declined_as_it_should"]["value"] == 1.0
    folder = tmp_path / ".evaluation" / "set"
    assert {path.name for path in folder.iterdir()} == {"report.html", "report.json", "junit.xml"}
    arguments = ("--baseline", "base.json", "--fail-if-worse", "--fail-under", "right_sentence_cited=0.5")
    again = run(tmp_path, "evaluate", "set.yaml", "--out", "other", *arguments)
    assert again.returncode == 0, again.stderr
    assert "0 better, 0 worse of 3" in again.stdout
    assert "✗ Who finished the tower of Tarn?" in again.stdout
    missed = run_here(tmp_path, "evaluate", "set.yaml", "--tag", "easy", "--fail-over", "correct_answers=0.9")
    assert missed.returncode == 1
    assert "correct_answers is 1.000, over 0.9" in " ".join(missed.stderr.split())
    nothing = run_here(tmp_path, "evaluate", "set.yaml", "--tag", "easy", "--fail-under", "false_answers=0")
    assert nothing.returncode == 1
    assert "false_answers is none" in " ".join(nothing.stderr.split())


def test_what_evaluate_refuses(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text("- question: x\n  declined: true\n")
    for arguments, says in (
        (["--fail-under", "beauty=1"], "no such metric"),
        (["--fail-under", "fact_recall"], "METRIC=VALUE"),
        (["--fail-if-worse"], "needs --baseline"),
    ):
        refused = run_here(tmp_path, "evaluate", "set.yaml", *arguments)
        assert refused.returncode == 2
        assert says in refused.stderr
    assert "No case has these tags" in error_of(run_here(tmp_path, "evaluate", "set.yaml", "--tag", "none"))
    assert "is no baseline" in error_of(run_here(tmp_path, "evaluate", "set.yaml", "--baseline", "set.yaml"))
    assert "No assistant answers at" in error_of(
        run_here(tmp_path, "evaluate", "set.yaml", "--url", "http://127.0.0.1:9")
    )


def test_testset_check(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(f"- question: {ASK}\n  cites: ['80 metres high']\n")
    good = run(tmp_path, "testset", "check", "set.yaml")
    assert good.returncode == 0
    assert "1 cases, 0 to be declined, 0 drafts; 0 problems." in good.stderr
    (tmp_path / "set.yaml").write_text(f"# first\n- question: {ASK}\n  cites: ['80 feet high']\n")
    bad = run(tmp_path, "testset", "check", "set.yaml")
    assert bad.returncode == 1
    assert f"set.yaml:2: {ASK}: these words do not stand in any article: 80 feet high" in bad.stderr
    assert run_here(tmp_path, "testset", "schema").stdout.startswith("{")


def test_feedback_export_without_feedback(tmp_path: Path) -> None:
    assert "There is no feedback in" in error_of(run(tmp_path, "feedback", "export", "out.yaml"))


# -- beside a server --------------------------------------------------------------------------------------------------


@pytest.fixture
def server(corpus: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path / "serve.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant.cli", "serve", "--port", str(port)],
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(tmp_path),
        cwd=tmp_path,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{url}/healthz", timeout=1):
                    break
            except OSError:
                assert process.poll() is None, (tmp_path / "serve.log").read_text()
                time.sleep(0.1)
        yield process, url
    finally:
        process.kill()
        process.wait()
        log.close()


def test_beside_a_server_asking_works_and_writing_says_who_is_in_the_way(
    server: tuple[subprocess.Popen[str], str], corpus: Path, tmp_path: Path
) -> None:
    process, url = server
    unchanged = run(tmp_path, "sync")
    assert unchanged.returncode == 0, unchanged.stderr
    assert "1 unchanged; 0 passages embedded." in unchanged.stderr
    write_article(corpus, "bridge.md", "The bridge of Velm cost $40 million.\n", as_of="2025-01-01")
    said = error_of(run(tmp_path, "sync"))
    assert "is in use by another process, such as `assistant serve`" in said
    assert "ASSISTANT_DATA_DIR" in said
    asked = run(tmp_path, "ask", ASK)
    assert asked.returncode == 0, asked.stderr
    assert "80 metres" in asked.stdout
    assert "The index is in use elsewhere" in asked.stderr
    with urllib.request.urlopen(f"{url}/healthz", timeout=10) as reply:
        assert json.load(reply)["articles"] == 1
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    log = (tmp_path / "serve.log").read_text()
    assert "1 articles ready" in log
    assert f"Chat on {url}" in log
    assert "Traceback" not in log
    assert "1 added" in run(tmp_path, "sync").stderr


def test_add_reports_what_went_in_and_what_was_refused(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "quay.md").write_text("# The quay\n\nThe quay of Tarn opened on 3 May 2025.\n")
    first = run(tmp_path, "add", "given")
    assert first.returncode == 0, first.stderr
    assert "Added: The quay (added/the-quay-" in first.stderr
    assert "1 added, 0 changed, 0 unchanged, 0 refused." in first.stderr
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\x00")
    second = run(tmp_path, "add", "given/quay.md", "picture.png", "http://127.0.0.1:8080/x")
    assert second.returncode == 1
    assert "Refused: picture.png" in second.stderr
    assert "not on the public internet" in second.stderr
    assert "0 added, 0 changed, 1 unchanged, 2 refused." in second.stderr
    asked = run(tmp_path, "ask", "When did the quay of Tarn open?")
    assert "3 May 2025" in asked.stdout
    assert "There is no file" in error_of(run_here(tmp_path, "add", "missing.md"))
