"""Word documents (.docx): paragraphs, headings, lists and tables in their order."""

import io
from typing import Any

from assistant.articles import Article, ArticleError
from assistant.formats.archive import check_sizes
from assistant.formats.contents import make, name_as_title, one_line, tidy


def read(raw: bytes, name: str) -> Article:
    """The article in a document. When it was published it does not say: its dates are those of the file's making.

    Raises:
        ArticleError: it is broken, or has no text.
    """
    from zipfile import BadZipFile

    from docx import Document
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    check_sizes(raw, name)
    try:
        document = Document(io.BytesIO(raw))
        blocks = [_block(item) for item in document.iter_inner_content()]
        title, author = (one_line(str(value or "")) for value in (_title(document), document.core_properties.author))
    except (OpcError, LxmlError, BadZipFile, KeyError, ValueError, AttributeError, OSError) as error:
        raise ArticleError(f"{name}: the document is broken ({type(error).__name__})") from None
    text = tidy("\n\n".join(block for block in blocks if block))
    return make(name, text, title=title or name_as_title(name), author="" if author == "python-docx" else author)


def _title(document: Any) -> str:
    styled = (p.text for p in document.paragraphs if p.style is not None and p.style.name in ("Title", "Heading 1"))
    return document.core_properties.title or next((text for text in styled if text.strip()), "")


def _block(item: Any) -> str:
    """A paragraph, with its marks as Markdown, or a table, a line for a row."""
    if hasattr(item, "rows"):
        rows = []
        for row in item.rows:
            cells = list(dict.fromkeys(" ".join(cell.text.split()) for cell in row.cells))  # a merged cell comes twice
            rows.append(" | ".join(cell for cell in cells if cell))
        return "\n".join(row for row in rows if row)
    text = " ".join(item.text.split())
    style = item.style.name if item.style is not None else ""
    if text and style.startswith("Heading"):
        return f"## {text}"
    if text and style.startswith("List"):
        return f"- {text}"
    return "" if style == "Title" else text
