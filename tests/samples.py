"""Files of other formats, made by the programs that people make them with."""

import io
import json
import zipfile
from email.message import EmailMessage

from docx import Document
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import cm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph

QUAY = (
    "The harbour board approved the new quay on Friday. It will cost forty million euros, said Ada Brook, who has led "
    "the board since the storm of January tore away forty metres of the old wall."
)
FERRY = (
    "The long-term plan had said in 2024 that the quay would never be built. Two ferries have been without a berth "
    "for weeks, and the ministry promised to pay for half of what the work costs."
)


def pdf(*paragraphs: str, columns: int = 1, title: str | None = None, heading: str = "", locked: str = "") -> bytes:
    """A PDF with a running head and page numbers; a paragraph that begins with # is a heading."""
    out = io.BytesIO()
    styles = getSampleStyleSheet()

    def furniture(canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(2 * cm, 28.7 * cm, "The Gazette, 14 March 2026")
        canvas.drawString(10 * cm, cm, f"Page {document.page} of 99")

    document = BaseDocTemplate(out, pagesize=A4, title=title, encrypt=locked or None)
    width = (17 * cm - (columns - 1) * cm) / columns
    frames = [Frame(2 * cm + at * (width + cm), 2 * cm, width, 25 * cm, id=str(at)) for at in range(columns)]
    document.addPageTemplates([PageTemplate(frames=frames, onPage=furniture)])
    flow = [Paragraph(heading, styles["Title"])] if heading else []
    for text in paragraphs:
        flow.append(Paragraph(text.lstrip("# "), styles["Heading2" if text.startswith("#") else "BodyText"]))
    document.build(flow)
    return out.getvalue()


def lines_pdf(*pages: list[str]) -> bytes:
    """A PDF with exactly these lines on its pages."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for lines in pages:
        for at, line in enumerate(lines):
            canvas.drawString(2 * cm, 27 * cm - at * 14, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def scan(pages: int = 3) -> bytes:
    """A PDF whose pages are pictures."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for _ in range(pages):
        canvas.drawImage(ImageReader(Image.new("RGB", (200, 280), "white")), 0, 0, 21 * cm, 29 * cm)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def docx() -> bytes:
    """A Word document with a title, a heading, a list and a table."""
    document = Document()
    document.core_properties.author = "Ada Brook"
    document.add_heading("Board approves the new quay", 0)
    document.add_paragraph(QUAY)
    document.add_heading("What it costs", 1)
    document.add_paragraph("First point", style="List Bullet")
    document.add_paragraph("Second point", style="List Bullet")
    table = document.add_table(2, 2)
    for row, words in zip(table.rows, (("Year", "Cost"), ("2026", "40 million")), strict=True):
        for cell, word in zip(row.cells, words, strict=True):
            cell.text = word
    document.add_paragraph(FERRY)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def eml(html: str = "", text: str = QUAY, subject: str = "Board approves the new quay") -> bytes:
    """A message with a part in plain text and one in HTML."""
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "The Gazette <news@gazette.example>"
    message["Date"] = "Sat, 14 Mar 2026 23:30:00 -0500"
    if text:
        message.set_content(text)
    if html and text:
        message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    return message.as_bytes()


def record(**more: object) -> dict[str, object]:
    """A record of an export."""
    return {
        "headline": "Board approves the new quay",
        "articleBody": QUAY,
        "source": {"id": None, "name": "The Gazette"},
        "publishedAt": "2026-03-14T23:30:00-05:00",
        "url": "https://gazette.example/quay?utm_source=feed",
        **more,
    }


def jsonl(*records: object) -> bytes:
    """An export, a line for each record."""
    return "\n".join(json.dumps(one) for one in records).encode()


def packed(members: dict[str, bytes | str]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def rss(*items: str, title: str = "The Gazette") -> bytes:
    """A feed."""
    channel = f"<title>{title}</title>{''.join(items)}"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{channel}</channel></rss>'.encode()


def item(link: str, title: str = "A story", date: str = "Sat, 14 Mar 2026 23:30:00 -0500") -> str:
    """An entry of a feed."""
    return f"<item><title>{title}</title><link>{link}</link><guid>{link}</guid><pubDate>{date}</pubDate></item>"
