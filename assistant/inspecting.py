"""Look inside: `assistant status`, `assistant show`, `assistant search`. Reading only, beside a running server too."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from pydantic import Field
from rich.console import Console
from rich.table import Table

from assistant.answer import Frozen
from assistant.articles import Article, load_corpus
from assistant.embeddings import PassageEmbeddings, load_embeddings
from assistant.errors import AssistantError, CorpusError
from assistant.index import Index
from assistant.lexical import stems
from assistant.settings import Settings
from assistant.snapshot import Snapshot
from assistant.terminal import plain

if TYPE_CHECKING:  # these load LangChain and the models' libraries, which other commands need not wait for
    from assistant.reading.scorer import Scorer

CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Folder of articles; else ASSISTANT_CORPUS_DIR")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON")]


class Status(Frozen):
    """What the index holds, and how it stands to the corpus folder."""

    revision: str
    synced: float | None = Field(description="Second since 1970 at which this revision became current")
    articles: int
    passages: int
    sentences: int
    outlets: dict[str, int]
    first_day: str | None
    last_day: str | None
    embedding_model: str
    store: str
    bytes_on_disk: dict[str, int]
    leftover_passages: int = Field(description="Of earlier revisions; the next sync deletes them")
    missing: tuple[str, ...] = Field(description="In the corpus folder, not in the index")
    changed: tuple[str, ...] = Field(description="Other in the corpus folder than in the index")
    gone: tuple[str, ...] = Field(description="In the index, not in the corpus folder")
    unreadable: dict[str, str]

    @property
    def in_step(self) -> bool:
        """Whether a sync would find nothing to do."""
        return not (self.missing or self.changed or self.gone)


class ShownPassage(Frozen):
    """A passage where it stands in its article, and the places of its sentences."""

    start: int
    end: int
    sentences: tuple[tuple[int, int], ...]


class Shown(Frozen):
    """An article as the index has it."""

    article: Article
    digest: str
    passages: tuple[ShownPassage, ...]
    earlier_versions: tuple[str, ...] = Field(description="Digests of what is stored of it besides")
    in_corpus: str = Field(description="same, changed, gone or unreadable")


class Found(Frozen):
    """A passage that a search found, with what each kind of search gives it."""

    article_id: str
    title: str
    start: int
    end: int
    dense: float | None = Field(description="Cosine of the passage with the question; none below the nearest 50")
    lexical: float = Field(description="BM25 of its best sentence")
    lexical_article: float = Field(description="BM25 of its whole article")
    fused: float
    scorer: float = Field(description="The learned scorer's best sentence")
    best: str


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (status, show, search):
        app.command()(command)


def status(corpus: CorpusOption = None, as_json: JsonOption = False) -> None:
    """Say what the index holds, and what a sync would change."""
    settings = Settings.load(corpus_dir=corpus)
    embeddings = load_embeddings(settings)
    found = status_of(settings, embeddings)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    rows: dict[str, str] = {
        "Articles": f"{found.articles:,} ({found.passages:,} passages, {found.sentences:,} sentences)",
        "Outlets": ", ".join(f"{plain(name)} {count}" for name, count in list(found.outlets.items())[:8])
        + (f" and {len(found.outlets) - 8} more" if len(found.outlets) > 8 else ""),
        "Dates": f"{found.first_day} to {found.last_day}" if found.first_day else "none",
        "Revision": f"{found.revision}, {_ago(found.synced)}",
        "Embedding model": found.embedding_model,
        "Index": found.store,
        "On disk": ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in found.bytes_on_disk.items()) or "nothing",
        "Left over": f"{found.leftover_passages:,} passages of earlier revisions" if found.leftover_passages else "",
    }
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    console.print(table)
    for name, ids in (("Not indexed yet", found.missing), ("Changed", found.changed), ("Gone", found.gone)):
        if ids:
            more = f" and {len(ids) - 10} more" if len(ids) > 10 else ""
            console.print(f"[yellow]{name}:[/] {plain(', '.join(ids[:10]))}{more}", soft_wrap=True)
    for problem in found.unreadable.values():
        console.print(f"[yellow]Cannot be read:[/] {plain(problem)}", soft_wrap=True)
    in_step = f"In step with {settings.corpus_dir}." if found.in_step else "Run `assistant sync` to bring it in step."
    console.print(plain(in_step), soft_wrap=True)


def show(
    article: Annotated[str, typer.Argument(help="The article's id, or a part of its id or title")],
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an article as the index has it, its passages marked."""
    settings = Settings.load(corpus_dir=corpus)
    found = shown(settings, load_embeddings(settings), article)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    console = Console(highlight=False)
    one = found.article
    console.print(f"[bold]{plain(one.title)}[/]", soft_wrap=True)
    facts = [
        one.id,
        one.outlet,
        f"as of {one.held_on}" if one.held_on else None,
        one.url,
        f"version {found.digest[:12]}",
    ]
    console.print(plain("  ·  ".join(fact for fact in facts if fact)), style="dim", soft_wrap=True)
    if found.in_corpus != "same":
        said = {
            "changed": "has another text now",
            "gone": "has it no more",
            "unreadable": "has it in a file that is broken",
        }
        console.print(f"[yellow]The corpus folder {said[found.in_corpus]}.[/]")
    for number, passage in enumerate(found.passages, 1):
        count = len(passage.sentences)
        sentences = f"{count} sentence{'' if count == 1 else 's'}"
        console.print(f"\n[cyan]── passage {number}, {passage.start}–{passage.end}, {sentences} ──[/]")
        console.print(plain(one.text[passage.start : passage.end].strip()), soft_wrap=True)
    for digest in found.earlier_versions:
        console.print(f"\n[dim]An earlier version, {digest[:12]}, is still stored; the next sync deletes it.[/]")


def search(
    words: Annotated[str, typer.Argument(help="What to search for")],
    count: Annotated[int, typer.Option(min=1, max=50, help="How many passages")] = 8,
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search as an answer would, and show what each kind of search makes of each passage."""
    from assistant.reading.scorer import Scorer

    settings = Settings.load(corpus_dir=corpus)
    found = searched(settings, load_embeddings(settings), Scorer(settings.threads), words, count)
    if as_json:
        typer.echo(json.dumps([one.model_dump() for one in found], indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if not found:
        console.print("Nothing was found.")
        return
    table = Table("", "fused", "dense", "lexical", "article", "scorer", "passage", box=None, pad_edge=False)
    for number, one in enumerate(found, 1):
        dense = "–" if one.dense is None else f"{one.dense:.3f}"
        place = f"[bold]{plain(one.article_id)}[/] {one.start}–{one.end}\n{plain(one.best)}"
        figures = (f"{one.lexical:.2f}", f"{one.lexical_article:.2f}", f"{one.scorer:.3f}", place)
        table.add_row(str(number), f"{one.fused:.3f}", dense, *figures)
    console.print(table)


# ----------------------------------------------------------------------------------------------------------------


def status_of(settings: Settings, embeddings: PassageEmbeddings) -> Status:
    """What the index holds, and how it stands to the corpus folder; a folder that is missing holds nothing."""
    index = Index(settings, embeddings)
    try:
        snapshot, stored = index.snapshot, index.stored()
    finally:
        index.close()
    try:
        corpus = load_corpus(settings.corpus_dir, settings.parsed_articles)
        articles, problems = {article.id: article for article in corpus.articles}, corpus.problems
    except CorpusError as error:
        articles, problems = {}, {"": str(error)}
    versions = snapshot.origin.versions
    days = sorted(article.held_on.isoformat() for article in snapshot.articles.values() if article.held_on)
    outlets: dict[str, int] = {}
    for article in snapshot.articles.values():
        outlets[article.outlet or "(no outlet)"] = outlets.get(article.outlet or "(no outlet)", 0) + 1
    return Status(
        revision=snapshot.revision,
        synced=stored.since,
        articles=len(snapshot.articles),
        passages=len(snapshot.passages),
        sentences=int(snapshot.first_sentence[-1]),
        outlets=dict(sorted(outlets.items(), key=lambda pair: (-pair[1], pair[0]))),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        embedding_model=embeddings.name,
        store=stored.place,
        bytes_on_disk=sizes(settings.data_dir),
        leftover_passages=stored.leftover_passages,
        missing=tuple(key for key in articles if key not in versions),
        changed=tuple(key for key in articles if key in versions and versions[key].digest != articles[key].digest),
        gone=tuple(key for key in versions if key not in articles and key not in problems),
        unreadable=problems,
    )


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of what lies in the data directory, by its name there; what is nothing is left out."""
    found: dict[str, int] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        files = path.rglob("*") if path.is_dir() else (path,)
        name = path.name.removesuffix("-wal").removesuffix("-shm")
        found[name] = found.get(name, 0) + sum(file.stat().st_size for file in files if file.is_file())
    return {name: size for name, size in found.items() if size}


def shown(settings: Settings, embeddings: PassageEmbeddings, wanted: str) -> Shown:
    """The article of this id, or the only one that has this in its id or title.

    Raises:
        AssistantError: no article, or more than one.
    """
    index = Index(settings, embeddings)
    try:
        snapshot, stored = index.snapshot, index.stored()
    finally:
        index.close()
    article = _one(snapshot, wanted)
    passages = [passage for passage in snapshot.passages if passage.article.id == article.id]
    digest = snapshot.origin.versions[article.id].digest
    return Shown(
        article=article,
        digest=digest,
        passages=tuple(
            ShownPassage(
                start=passage.start,
                end=passage.end,
                sentences=tuple((span.start, span.end) for span in passage.sentences),
            )
            for passage in passages
        ),
        earlier_versions=tuple(v.digest for v in stored.leftovers if v.article_id == article.id and v.digest != digest),
        in_corpus=_in_corpus(settings, article.id, digest),
    )


def searched(
    settings: Settings, embeddings: PassageEmbeddings, scorer: "Scorer", words: str, count: int
) -> list[Found]:
    """The passages that an answer to this would be read from, best first, with the score of every component.

    Raises:
        AssistantError: nothing is indexed.
    """
    from assistant.retrieval import HybridRetriever

    index = Index(settings, embeddings)
    try:
        snapshot = index.snapshot
        if not snapshot.passages:
            raise AssistantError("No articles are indexed. Run `assistant sync`.")
        hits = HybridRetriever(index=index, count=count).search(words, snapshot)
        vector = np.asarray(embeddings.embed_query(words), np.float32)
        dense = dict(index.nearest((vector / np.linalg.norm(vector)).tolist(), 50, snapshot))
    finally:
        index.close()
    query = stems(words)
    lexical, lexical_articles = snapshot.lexical.scores(query), snapshot.lexical_articles.scores(query)
    out = []
    for hit in hits:
        row = snapshot.row_of[hit.passage.id]
        first, end = snapshot.first_sentence[row], snapshot.first_sentence[row + 1]
        pairs = [(hit.passage.article.title, sentence.previous, sentence.text) for sentence in hit.sentences]
        scores = scorer.scores(words, pairs) if pairs else np.zeros(1, np.float32)
        place = int(np.argmax(scores))
        out.append(
            Found(
                article_id=hit.passage.article.id,
                title=hit.passage.article.title,
                start=hit.passage.start,
                end=hit.passage.end,
                dense=dense.get(row),
                lexical=float(lexical[first:end].max(initial=0.0)),
                lexical_article=float(lexical_articles[snapshot.article_of[row]]),
                fused=hit.score,
                scorer=float(scores[place]),
                best=hit.sentences[place].text if hit.sentences else "",
            )
        )
    return out


def _one(snapshot: Snapshot, wanted: str) -> Article:
    if wanted in snapshot.articles:
        return snapshot.articles[wanted]
    part = wanted.casefold()
    near = [
        article
        for article in snapshot.articles.values()
        if part in article.id.casefold() or part in article.title.casefold()
    ]
    if len(near) == 1:
        return near[0]
    if near:
        more = f" and {len(near) - 10} more" if len(near) > 10 else ""
        raise AssistantError(f"{len(near)} articles are like that: {', '.join(a.id for a in near[:10])}{more}.")
    raise AssistantError(f"There is no article {wanted!r} in the index. `assistant status` says what there is.")


def _in_corpus(settings: Settings, article_id: str, digest: str) -> str:
    try:
        corpus = load_corpus(settings.corpus_dir, settings.parsed_articles)
    except CorpusError:
        return "gone"
    if article_id in corpus.problems:
        return "unreadable"
    found = next((article for article in corpus.articles if article.id == article_id), None)
    if found is None:
        return "gone"
    return "same" if found.digest == digest else "changed"


def _ago(second: float | None) -> str:
    if second is None:
        return "never synced"
    return f"since {time.strftime('%-d %B %Y, %H:%M', time.localtime(second))}"
