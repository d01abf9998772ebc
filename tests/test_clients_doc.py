"""The examples in docs/clients.md, run as they stand against a server on loopback."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import served
from helpers import ROOT
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from assistant.api.app import create_app
from assistant.chain import AnswerChain

DOC = (ROOT / "docs" / "clients.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:7860"
QUESTION = "What ties OpenAI to Azure?"


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC, re.M | re.S)


@pytest.fixture(scope="module")
def url(story: AnswerChain) -> Iterator[str]:
    with served(create_app(story)) as address:
        yield address.rstrip("/")


@pytest.mark.parametrize("number", range(len(examples("python"))))
def test_python_examples(url: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    code = examples("python")[number]
    assert ADDRESS in code
    assert len([line for line in code.splitlines() if line.strip()]) <= 7, "short enough to be read at a glance"
    exec(compile(code.replace(ADDRESS, url), "docs/clients.md", "exec"), {"__name__": "example"})
    said = capsys.readouterr().out
    assert "is tied to Azure" in said
    assert "[1]" in said
    assert "Sources" in said


def ask(server: Any) -> str:
    async def answer() -> str:
        async with Client(server) as client:
            (content,) = (await client.call_tool("ask", {"question": QUESTION})).content
            assert isinstance(content, TextContent)
            return content.text

    return asyncio.run(answer())


def test_configurations_of_mcp_clients(url: str, tmp_path: Path) -> None:
    process, http = (json.loads(text)["mcpServers"]["story"] for text in examples("json"))
    here = {
        "/path/to/story-assistant/.venv/bin": str(Path(sys.executable).parent),
        "/path/to/story-assistant/.assistant": str(tmp_path / "data"),
        "/path/to/story-assistant/corpus": str(ROOT / "corpus"),
    }
    text = json.dumps(process)
    for there, place in here.items():
        assert there in text
        text = text.replace(there, place)
    for server in (StdioServerParameters(**json.loads(text), cwd=tmp_path), http["url"].replace(ADDRESS, url)):
        assert "> OpenAI is tied to Azure" in ask(server)


def test_every_kind_of_example_is_run() -> None:
    assert set(re.findall(r"^```(\w+)$", DOC, re.M)) == {"python", "json"}
