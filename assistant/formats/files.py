"""A file of any format as it lies in a folder: archives opened, a sidecar's corrections made."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from assistant.articles import ArticleError
from assistant.formats import ARCHIVE, ARCHIVE_LARGEST, FILE_TYPES, LARGEST, Given, archive, sidecar
from assistant.formats.contents import Contents, Part
from assistant.formats.parser import Parser

#: Documents that hold articles and cannot be read: they are named, while pictures and the like are passed over.
DOCUMENTS = frozenset(".doc .rtf .odt .pages .epub .mobi .msg .mbox .mht .mhtml .ppt .pptx".split())
_ABOUT = frozenset(("readme.md", "license.md", "license.txt"))
_MB = 1_000_000


@dataclass(frozen=True)
class Local:
    """A file on this machine, and the name by which errors speak of it."""

    path: Path
    name: str
    _sidecar: Path | None = field(default=None)

    @property
    def sidecar(self) -> Path:
        """The file with corrections, which need not be there."""
        return self._sidecar or self.path.with_name(self.path.name + sidecar.SUFFIX)


def is_article(path: PurePosixPath | Path) -> bool:
    """Whether a file below a folder is taken for an article, by its name: not if it is hidden, about the folder, or a
    part of a page that a browser saved.
    """
    hidden = any(part.startswith(".") or part.endswith("_files") for part in path.parts)
    suffix = path.suffix.lower()
    return not hidden and path.name.lower() not in _ABOUT and (suffix in FILE_TYPES or suffix in DOCUMENTS)


def load(file: Local) -> tuple[bytes, bytes | None]:
    """The bytes of a file and of its sidecar.

    Raises:
        ArticleError: it cannot be read, or is too long.
    """
    suffix = file.path.suffix.lower()
    largest = ARCHIVE_LARGEST if suffix == ARCHIVE else LARGEST.get(suffix, max(LARGEST.values()))
    try:
        if file.path.stat().st_size > largest:
            raise ArticleError(f"{file.name}: longer than {largest // _MB} MB")
        raw = file.path.read_bytes()
        return raw, file.sidecar.read_bytes() if file.sidecar.is_file() else None
    except OSError as error:
        raise ArticleError(f"{file.name}: cannot be read: {error.strerror}") from None


def read(given: Given, parser: Parser, correction: bytes | None = None) -> Contents:
    """What is in a file; that of an archive has the keys of its members before its own.

    Raises:
        ArticleError: nothing of it can be read, or the correction cannot be used.
    """
    if Path(given.name).suffix.lower() == ARCHIVE and given.url is None:
        contents = _unpacked(given, parser)
    else:
        contents = parser.read(given)
    return contents if correction is None else sidecar.corrected(contents, correction, f"{given.name}{sidecar.SUFFIX}")


def _unpacked(given: Given, parser: Parser) -> Contents:
    parts: list[Part] = []
    problems: dict[str, str] = {}
    for inner, content in archive.members(given.raw, given.name, max(LARGEST.values())):
        if not is_article(PurePosixPath(inner)) and not isinstance(content, ArticleError):
            continue
        if inner.lower().endswith(ARCHIVE):
            problems[f"/{inner}"] = f"{given.name}/{inner}: an archive in an archive is not opened; unpack it"
            continue
        try:
            if isinstance(content, ArticleError):
                raise content
            found = parser.read(Given(f"{given.name}/{inner}", content))
            refuse_links(found, f"{given.name}/{inner}")
        except ArticleError as error:
            problems[f"/{inner}"] = str(error)
            continue
        key = inner.removesuffix(".md")
        parts += [part.model_copy(update={"key": f"{key}/{part.key}" if part.key else key}) for part in found.parts]
        problems.update({f"/{key}{place}": reason for place, reason in found.problems.items()})
    if not parts and not problems:
        raise ArticleError(f"{given.name}: there are no articles in it; it may hold {' '.join(LARGEST)}")
    return Contents(parts=tuple(parts), problems=problems)


def refuse_links(contents: Contents, name: str) -> None:
    """Refuse what is no article but leads to some, where nobody follows it.

    Raises:
        ArticleError: it is a feed or sitemap.
    """
    if contents.links:
        raise ArticleError(f"{name}: a feed or sitemap; put its address into feeds.yaml, or `assistant add` it")
