"""The one way in which articles come in from outside and go out again: files below `added/` in the corpus folder."""

import hashlib
import re
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml

from assistant import incoming
from assistant.articles import Article, ArticleError, load_article
from assistant.chain import sync
from assistant.errors import AssistantError, IndexLockedError
from assistant.fetching import Fetcher, FetchError
from assistant.index import Index
from assistant.settings import Settings

#: Below the corpus folder; what is in it came in here and may be removed here.
FOLDER = "added"
_SLUG = 60

#: Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


class State(StrEnum):
    """What became of an article."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    REMOVED = "removed"


@dataclass(frozen=True)
class File:
    """A file on this machine, and the name that whoever gave it knows it by."""

    path: Path
    name: str

    def read(self, fetcher: Fetcher) -> Article:
        """The article in it."""
        try:
            if self.path.stat().st_size > incoming.MAX_FILE_BYTES:
                raise ArticleError(f"{self.name}: longer than {incoming.MAX_FILE_BYTES // 1_000_000} MB")
            raw = self.path.read_bytes()
        except OSError as error:
            raise ArticleError(f"{self.name}: cannot be read: {error.strerror}") from None
        return incoming.from_file(raw, self.name)


@dataclass(frozen=True)
class Address:
    """A page on the web."""

    name: str

    def read(self, fetcher: Fetcher) -> Article:
        """The article in it."""
        return incoming.from_page(fetcher.fetch(self.name))


@dataclass(frozen=True)
class Pasted:
    """What somebody typed or pasted."""

    title: str
    text: str
    outlet: str = ""
    published: str = ""

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.title.strip() or "Pasted text"

    def read(self, fetcher: Fetcher) -> Article:
        """The article in it."""
        return incoming.from_paste(self.title, self.text, self.outlet, self.published)


Source = File | Address | Pasted


@dataclass(frozen=True)
class Entry:
    """What became of one source or article, and why where it was refused."""

    name: str
    state: State
    title: str = ""
    article_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What became of all that was given. `problem` says why the index does not have it yet."""

    entries: tuple[Entry, ...]
    problem: str = ""

    def count(self, state: State) -> int:
        """How many came to this."""
        return sum(entry.state is state for entry in self.entries)


class Adding:
    """Adds articles to a corpus folder and its index, and takes out again those that it added."""

    def __init__(self, settings: Settings, index: Index, fetcher: Fetcher | None = None) -> None:
        """Pages are fetched with `fetcher`, else with one as the settings say."""
        self._settings = settings
        self._index = index
        self._fetcher = fetcher or Fetcher(settings.fetch_hosts)
        self._writing = threading.Lock()

    def add(self, sources: Sequence[Source], progress: Progress = lambda what, done, total: None) -> Report:
        """Take in every source that can be read, then bring the index in step."""
        entries: list[Entry] = []
        for number, source in enumerate(sources):
            progress("Reading", number, len(sources))
            try:
                article = source.read(self._fetcher)
                with self._writing:
                    entries.append(self._store(source.name, article))
            except (ArticleError, FetchError) as error:
                entries.append(Entry(source.name, State.REFUSED, reason=str(error)))
        progress("Reading", len(sources), len(sources))
        if not any(entry.state in (State.ADDED, State.CHANGED) for entry in entries):
            return Report(tuple(entries))
        return Report(tuple(entries), self._sync(progress))

    def remove(self, article_id: str, progress: Progress = lambda what, done, total: None) -> Report:
        """Delete the file of an article that was added, and take it out of the index."""
        with self._writing:
            entry = self._delete(article_id)
        return Report((entry,), self._sync(progress) if entry.state is State.REMOVED else "")

    def may_remove(self, article_id: str) -> bool:
        """Whether the article came in this way."""
        return article_id.startswith(f"{FOLDER}/")

    def _sync(self, progress: Progress) -> str:
        try:
            with self._writing:
                sync(self._settings, self._index, lambda done, total: progress("Indexing", done, total))
        except IndexLockedError:
            return (
                "The index is in use by another process, such as a running server. "
                "It takes the articles in when it starts next, or with `assistant sync`."
            )
        return ""

    def _store(self, name: str, article: Article) -> Entry:
        folder = self._settings.corpus_dir / FOLDER
        identity = hashlib.sha256((article.url or f"{article.title}\0{article.text}").encode()).hexdigest()[:12]
        path = next(iter(sorted(folder.glob(f"*-{identity}.md"))), folder / f"{_slug(article.title)}-{identity}.md")
        article = article.model_copy(update={"id": f"{FOLDER}/{path.stem}"})
        before = load_article(path, self._settings.corpus_dir) if path.exists() else None
        if before is None and (known := self._known(article)):
            return known_entry(name, article, known)
        if before is not None and before.digest == article.digest:
            return Entry(name, State.UNCHANGED, article.title, article.id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._write(path, article)
        except OSError as error:
            raise ArticleError(f"{name}: cannot be stored in the corpus folder: {error.strerror}") from None
        return Entry(name, State.CHANGED if before else State.ADDED, article.title, article.id)

    def _known(self, article: Article) -> Article | None:
        """The article of the same address, or the same title and words, that the corpus has in another file."""
        others = [other for other in self._index.snapshot.articles.values() if other.id != article.id]
        same_page = (other for other in others if article.url and other.url == article.url)
        same_words = (other for other in others if other.text == article.text and other.title == article.title)
        return next(same_page, None) or next(same_words, None)

    @staticmethod
    def _write(path: Path, article: Article) -> None:
        """Write the file whole or not at all, and only what reads back as the same article."""
        fields = article.model_dump(mode="json", exclude={"id", "text"}, exclude_defaults=True)
        front = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=10_000)
        draft = path.with_name(f".{path.name}")  # hidden files are no articles
        draft.write_bytes(f"---\n{front}---\n{article.text}".encode())
        try:
            written = load_article(draft)
            if written.model_copy(update={"id": article.id}) != article:
                raise ArticleError(f"{article.title}: it cannot be stored without changing it")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def _delete(self, article_id: str) -> Entry:
        articles = self._index.snapshot.articles
        article = articles.get(article_id)
        if article is None:
            return Entry(article_id, State.REFUSED, reason="There is no such article any more.")
        file = article_id if article_id.endswith(".txt") else f"{article_id}.md"
        folder = (self._settings.corpus_dir / FOLDER).resolve()
        path = self._settings.corpus_dir / file
        if not self.may_remove(article_id) or not path.parent.resolve().is_relative_to(folder):
            reason = f"It was not added here but belongs to the corpus folder: remove the file {file} there."
            return Entry(article.title, State.REFUSED, article.title, article_id, reason)
        if len(articles) == 1:
            reason = "It is the only article, and without any there is nothing to ask. Add another one first."
            return Entry(article.title, State.REFUSED, article.title, article_id, reason)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            reason = f"The file {file} in the corpus folder cannot be removed: {error.strerror}."
            return Entry(article.title, State.REFUSED, article.title, article_id, reason)
        return Entry(article.title, State.REMOVED, article.title, article_id)


def known_entry(name: str, article: Article, known: Article) -> Entry:
    """What to say of an article that is there already in a file that is not ours."""
    if known.text == article.text:
        return Entry(name, State.UNCHANGED, known.title, known.id)
    reason = f"The corpus folder has another text from the same address: change the file {known.id}.md there."
    return Entry(name, State.REFUSED, known.title, known.id, reason)


def sources_of(words: Sequence[str]) -> list[Source]:
    """Files, all the files of folders, and addresses, as given in a command.

    Raises:
        AssistantError: there is no such file or folder.
    """
    sources: list[Source] = []
    for word in words:
        path = Path(word)
        if re.match(r"[a-z][a-z0-9+.-]*://", word, re.I):
            sources.append(Address(word))
        elif path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in incoming.FILE_TYPES)
            if not below:
                raise AssistantError(f"The folder {word} has no files of the kinds {' '.join(incoming.FILE_TYPES)}.")
            sources += [File(found, str(found)) for found in below]
        elif path.exists():
            sources.append(File(path, word))
        else:
            raise AssistantError(f"There is no file {word}. An address begins with https://.")
    return sources


def _slug(title: str) -> str:
    """A file name of plain letters, figures and hyphens; nothing in it can be taken for something else."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters)[:_SLUG].strip("-") or "article"
