"""`assistant status`, `show` and `search`: what they say is what the index holds."""

import json
from pathlib import Path

import pytest
from conftest import SettingsFactory
from helpers import HashEmbeddings, corpus_of, make_article, opened, write_article
from typer.testing import CliRunner

from assistant.chain import AnswerChain, sync
from assistant.cli import app
from assistant.embeddings import LocalEmbeddings
from assistant.errors import AssistantError
from assistant.inspecting import searched, shown, status_of
from assistant.reading.scorer import Scorer
from assistant.retrieval import HybridRetriever
from assistant.settings import Settings


@pytest.fixture
def made(settings: SettingsFactory) -> Settings:
    made = settings()
    write_article(made.corpus_dir, "tower.md", "The tower is 80 metres high.\n", outlet="Oss Post", as_of="2024-05-01")
    write_article(made.corpus_dir, "quay.md", "# The quay\n\nThe quay opened. It rained.\n", outlet="Oss Post")
    with opened(made) as index:
        sync(made, index)
    return made


def test_status_of_an_index_in_step(made: Settings) -> None:
    status = status_of(made, HashEmbeddings())
    assert (status.articles, status.passages, status.sentences) == (2, 2, 3)
    assert status.outlets == {"Oss Post": 2}
    assert (status.first_day, status.last_day) == ("2024-05-01", "2024-05-01")
    assert status.in_step
    assert status.synced
    assert {"chroma", "vectors.sqlite3"} <= status.bytes_on_disk.keys()


def test_status_says_what_a_sync_would_change(made: Settings) -> None:
    write_article(made.corpus_dir, "new.md")
    write_article(made.corpus_dir, "tower.md", "The tower is 81 metres high.\n")
    (made.corpus_dir / "quay.md").unlink()
    (made.corpus_dir / "broken.md").write_text("broken")
    status = status_of(made, HashEmbeddings())
    assert (status.missing, status.changed, status.gone) == (("new",), ("tower",), ("quay",))
    assert status.unreadable.keys() == {"broken"}
    assert not status.in_step


def test_status_counts_what_is_left_of_earlier_revisions(made: Settings) -> None:
    with opened(made) as index:
        assert index.snapshot.articles  # whoever has a snapshot may still search it
        index.sync(corpus_of(make_article("other")))
    assert status_of(made, HashEmbeddings()).leftover_passages == 2


def test_status_where_nothing_was_ever_synced(settings: SettingsFactory) -> None:
    status = status_of(settings(corpus_dir=Path("nowhere")), HashEmbeddings())
    assert (status.articles, status.passages, status.synced, status.first_day) == (0, 0, None, None)
    assert "does not exist" in status.unreadable[""]


def test_show_marks_the_passages(made: Settings) -> None:
    found = shown(made, HashEmbeddings(), "quay")
    assert "".join(found.article.text[passage.start : passage.end] for passage in found.passages) == found.article.text
    sentences = [found.article.text[start:end] for passage in found.passages for start, end in passage.sentences]
    assert sentences == ["The quay opened.", "It rained."]
    assert (found.in_corpus, found.earlier_versions) == ("same", ())
    (made.corpus_dir / "quay.md").unlink()
    assert shown(made, HashEmbeddings(), "Quay").in_corpus == "gone"


def test_show_says_which_articles_could_be_meant(made: Settings) -> None:
    with pytest.raises(AssistantError, match="2 articles are like that: quay, tower"):
        shown(made, HashEmbeddings(), "")
    with pytest.raises(AssistantError, match="There is no article 'bridge'"):
        shown(made, HashEmbeddings(), "bridge")


def test_search_shows_the_components_of_what_an_answer_would_find(
    story: AnswerChain, local_embeddings: LocalEmbeddings, scorer: Scorer
) -> None:
    words = "What ties OpenAI to Azure?"
    found = searched(story.settings, local_embeddings, scorer, words, 5)
    hits = HybridRetriever(index=story.index, count=5).search(words)
    assert [(one.article_id, one.start, one.fused) for one in found] == [
        (hit.passage.article.id, hit.passage.start, hit.score) for hit in hits
    ]
    nearest = dict(story.index.nearest(local_embeddings.embed_query(words), 50))
    for one, hit in zip(found, hits, strict=True):
        assert one.dense == pytest.approx(nearest.get(story.index.snapshot.row_of[hit.passage.id]), abs=1e-5)
        assert one.best in hit.passage.text
    assert max(one.lexical for one in found) > 0


def test_ctrl_c_in_a_sync_says_what_is_kept(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings()
    write_article(made.corpus_dir, "tower.md")
    monkeypatch.setenv("ASSISTANT_CORPUS_DIR", str(made.corpus_dir))
    monkeypatch.setenv("ASSISTANT_DATA_DIR", str(made.data_dir))

    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LocalEmbeddings, "embed_passages", pressed)
        stopped = CliRunner().invoke(app, ["sync"])
    assert stopped.exit_code == 130
    assert "the next sync goes on from here" in " ".join(stopped.output.split())
    assert "1 added" in CliRunner().invoke(app, ["sync"]).output


def test_the_commands(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings()
    write_article(
        made.corpus_dir, "tower.md", "The tower is [80] metres high.\n", outlet="Oss Post", as_of="2024-05-01"
    )
    monkeypatch.setenv("ASSISTANT_CORPUS_DIR", str(made.corpus_dir))
    monkeypatch.setenv("ASSISTANT_DATA_DIR", str(made.data_dir))
    runner = CliRunner()
    before = runner.invoke(app, ["status"])
    assert "Not indexed yet: tower" in before.output
    assert "Run `assistant sync`" in before.output
    assert isinstance(runner.invoke(app, ["search", "tower"]).exception, AssistantError)
    assert runner.invoke(app, ["sync"]).exit_code == 0
    after = runner.invoke(app, ["status"])
    assert "In step with" in after.output
    assert "Oss Post 1" in after.output
    assert json.loads(runner.invoke(app, ["status", "--json"]).output)["articles"] == 1
    shown_text = runner.invoke(app, ["show", "tow"]).output
    assert "── passage 1, 0–" in shown_text
    assert "The tower is [80] metres high." in shown_text
    assert json.loads(runner.invoke(app, ["show", "tower", "--json"]).output)["in_corpus"] == "same"
    assert "The tower is [80] metres high." in runner.invoke(app, ["search", "How high is the tower?"]).output
    (found,) = json.loads(runner.invoke(app, ["search", "How high is the tower?", "--json"]).output)
    assert found["lexical"] > 0
    assert found["dense"] > 0.3
