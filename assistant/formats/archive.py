"""Zip archives: their members in memory, never on the disk, and never more than the caps allow."""

import io
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

from assistant.articles import ArticleError

_MOST_MEMBERS = 20_000
_MOST_BYTES = 500_000_000  # of all members, unpacked
_RATIO, _SMALL = 200, 10_000_000  # text shrinks to a tenth; what shrinks to a two hundredth is made to harm


def members(raw: bytes, name: str, largest: int) -> Iterator[tuple[str, bytes | ArticleError]]:
    """The files of an archive with their content, or why it is not read.

    Names are names, not places: nothing is written, and `..` and the like are refused all the same, since ids are made
    of them. Archives in archives are not opened.

    Raises:
        ArticleError: it is no archive, or unpacks to too much.
    """
    with _opened(raw, name) as archive:
        _check(archive, name)
        for info in archive.infolist():
            inner = info.filename
            if info.is_dir() or inner.startswith("__MACOSX/"):
                continue
            path = PurePosixPath(inner)
            if path.is_absolute() or ".." in path.parts or "\\" in inner or ":" in inner or not inner.isprintable():
                yield ascii(inner), ArticleError(f"{name}/{inner!a}: its name leads out of the archive; rename it")
            elif any(part.startswith(".") for part in path.parts):
                continue
            elif info.flag_bits & 1:
                yield inner, ArticleError(f"{name}/{inner}: it is locked with a password; pack it without one")
            elif info.file_size > largest:
                yield inner, ArticleError(f"{name}/{inner}: longer than {largest // 1_000_000} MB")
            else:
                yield inner, _content(archive, info, name)


def check_sizes(raw: bytes, name: str) -> None:
    """Refuse what unpacks to too much, before a library unpacks it.

    Raises:
        ArticleError: it does, or is no archive.
    """
    with _opened(raw, name) as archive:
        _check(archive, name)


def _opened(raw: bytes, name: str) -> ZipFile:
    try:
        return ZipFile(io.BytesIO(raw))
    except (BadZipFile, LargeZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ArticleError(f"{name}: the archive is broken ({type(error).__name__})") from None


def _check(archive: ZipFile, name: str) -> None:
    infos = archive.infolist()
    size, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if len(infos) > _MOST_MEMBERS:
        raise ArticleError(f"{name}: it has {len(infos):,} files, more than {_MOST_MEMBERS:,}")
    if size > _MOST_BYTES or (size > _SMALL and size > _RATIO * max(packed, 1)):
        raise ArticleError(f"{name}: it unpacks to {size // 1_000_000:,} MB, more than is taken")


def _content(archive: ZipFile, info: ZipInfo, name: str) -> bytes | ArticleError:
    try:
        # What the archive says of its sizes may be a lie: no more is read than that.
        with archive.open(info) as file:
            content = file.read(info.file_size + 1)
    except (BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError, zlib.error) as error:
        return ArticleError(f"{name}/{info.filename}: it cannot be unpacked ({type(error).__name__})")
    if len(content) > info.file_size:
        return ArticleError(f"{name}/{info.filename}: it unpacks to more than it says")
    return content
