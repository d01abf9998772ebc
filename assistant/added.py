"""The folder `added/` in the corpus folder: what is written there, whole or not at all, and what stood there before."""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from assistant.articles import Article, ArticleError, load_article

#: Below the corpus folder; what is in it came in here and may be removed here.
FOLDER = "added"
_HISTORY = ".history"  # hidden: what is in it are no articles
_STAMP = "%Y%m%dT%H%M%S%fZ"
_SLUG = 60


@dataclass(frozen=True)
class Version:
    """An article as it was, and until when it was so; `until` is None for the one that holds."""

    article: Article
    until: datetime | None


def versions(corpus_dir: Path, article: Article) -> tuple[Version, ...]:
    """All versions of an article that there are, the oldest first, the given one last.

    Those of articles below `added/` are kept; of a file that somebody else put into the corpus folder there is one.
    """
    earlier = []
    for path in sorted((corpus_dir / FOLDER / _HISTORY / Path(article.id).name).glob("*.md")):
        until = datetime.strptime(path.stem, _STAMP).replace(tzinfo=UTC)
        earlier.append(Version(load_article(path).model_copy(update={"id": article.id}), until))
    return (*(earlier if article.id.startswith(f"{FOLDER}/") else ()), Version(article, None))


class Added:
    """The files in the folder. One thread at a time may write."""

    def __init__(self, corpus_dir: Path) -> None:
        """The folder need not be there."""
        self._corpus = corpus_dir
        self._folder = corpus_dir / FOLDER
        names = self._folder.glob("*.md") if self._folder.is_dir() else ()
        self._paths = {path.stem.rpartition("-")[2]: path for path in sorted(names, reverse=True)}

    def place(self, article: Article, known: Article | None) -> Path:
        """The file that the article has: that of `known`, if it is one of ours, that of the same address or words, or a
        new one.
        """
        own = None if known is None else self._corpus / f"{known.id}.md"
        if own is not None and own.parent == self._folder and own.exists():
            return own
        identity = hashlib.sha256((article.url or f"{article.title}\0{article.text}").encode()).hexdigest()[:12]
        return self._paths.get(identity) or self._folder / f"{_slug(article.title)}-{identity}.md"

    def read(self, path: Path) -> Article | None:
        """What stands in a file of the folder now.

        Raises:
            ArticleError: it cannot be read.
        """
        return load_article(path, self._corpus) if path.exists() else None

    def write(self, path: Path, article: Article) -> None:
        """Write the file; what stood in it is kept as history.

        Raises:
            OSError: the folder cannot be written.
            ArticleError: the article would not read back the same.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = write_draft(path, article)
        try:
            if path.exists():
                past = self._folder / _HISTORY / path.stem
                past.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, past / f"{datetime.now(UTC):{_STAMP}}.md")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self._paths[path.stem.rpartition("-")[2]] = path

    def remove(self, path: Path) -> None:
        """Take a file away, with its history: whoever removes an article wants it gone.

        Raises:
            OSError: the folder cannot be written.
        """
        path.unlink(missing_ok=True)
        past = self._folder / _HISTORY / path.stem
        if past.is_dir():
            for version in past.iterdir():
                version.unlink()
            past.rmdir()


def write_draft(path: Path, article: Article) -> Path:
    """A hidden file beside `path` with the article, which reads back as the same.

    Raises:
        OSError: it cannot be written.
        ArticleError: it would not read back the same.
    """
    fields = article.model_dump(mode="json", exclude={"id", "text"}, exclude_defaults=True)
    fields["language"] = article.language  # else it would be detected
    front = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=10_000)
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(f"---\n{front}---\n{article.text}".encode())
    try:
        if load_article(draft).model_copy(update={"id": article.id}) != article:
            raise ArticleError(f"{article.title}: it cannot be stored without changing it")
    except ArticleError:
        draft.unlink()
        raise
    return draft


class Known:
    """The articles that there are, by address and by words."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self._by_url: dict[str, Article] = {}
        self._by_words: dict[tuple[str, str], Article] = {}
        for article in articles:
            self.add(article)

    def add(self, article: Article) -> None:
        """Know one more."""
        if article.url:
            self._by_url.setdefault(_address(article.url), article)
        self._by_words.setdefault((article.title, article.text), article)

    def find(self, article: Article) -> Article | None:
        """The one of the same address, or else of the same title and words, unless the two have addresses of their own:
        what two outlets print word for word are two articles.
        """
        same_page = self._by_url.get(_address(article.url)) if article.url else None
        same_words = self._by_words.get((article.title, article.text))
        return same_page or (None if article.url and same_words and same_words.url else same_words)


def _address(url: str) -> str:
    """An address without what makes no other page of it."""
    return re.sub(r"^https?://(www\.)?", "", url, flags=re.I).rstrip("/")


def _slug(title: str) -> str:
    """A file name of plain letters, figures and hyphens; nothing in it can be taken for something else."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", letters)[:_SLUG].strip("-") or "article"
