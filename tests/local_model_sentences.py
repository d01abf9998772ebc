"""Collects sentences that a small model writes about the shipped corpus, for labelling by hand.

`python -m tests.local_model_sentences FILE` asks the questions of `tests/story.yaml` and writes what came as YAML: for
each answer the question, the passages of its prompt as article, start and end, and its sentences with the numbers that
they cite. To be added by hand: `by`, the numbers of the passages each of which alone supports the sentence, and `why`.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from langchain_core.language_models import BaseChatModel

from assistant.chain import build_chain
from assistant.errors import ProviderError
from assistant.passages import Passage
from assistant.reading.chat import Allowance, ChatReader, load_chat_model
from assistant.retrieval import HybridRetriever
from assistant.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))
import local_model
from helpers import ROOT, TESTS

_PASSAGES = 8  # found for a question; the prompt's length decides how many are shown
#: A prompt that a model of this size follows more often: it cites, and copies rather than invents.
_EASY = {
    "answer.system.md": "You answer a question from numbered news passages. Answer in one or two short sentences with "
    "words of the passages, and end each sentence with the number of its passage in square brackets, like this: [1].\n",
    "answer.user.md": "{passages}\n\nQuestion: {question}\n"
    "Answer in one or two sentences, each ending with a number in square brackets:\n",
}
#: Name of the setting, its prompts, the prompt's length in tokens as estimated, temperature, every how many questions.
_SETTINGS = (("shipped", False, 1700, 0.0, 2), ("easy", True, 700, 0.0, 2), ("easy, warm", True, 1000, 0.7, 3))


def main() -> None:
    """Ask, and write what came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder, local_model.serving() as url, out.open("w", encoding="utf-8") as file:
        for answer in _answers(url, Path(folder)):
            yaml.safe_dump([answer], file, allow_unicode=True, sort_keys=False, width=1000, default_flow_style=None)
            file.flush()


def _answers(url: str, folder: Path) -> Iterator[dict[str, Any]]:
    easy = folder / "prompts"
    easy.mkdir()
    for name, text in _EASY.items():
        (easy / name).write_text(text, "utf-8")
    for path in (ROOT / "prompts").glob("standalone.*"):
        (easy / path.name).write_text(path.read_text("utf-8"), "utf-8")
    shared = {"corpus_dir": ROOT / "corpus", "data_dir": folder / "data", "prompts_dir": ROOT / "prompts"}
    chain = build_chain(Settings.load(**{**shared, "chat_model": "extractive"}))
    chain.sync()
    retriever = HybridRetriever(index=chain.index, count=_PASSAGES)
    cases = yaml.safe_load((TESTS / "story.yaml").read_text("utf-8"))
    questions = [case["question"] for case in cases if "question" in case]  # the others are conversations
    for offset, (name, simple, tokens, temperature, step) in enumerate(_SETTINGS):
        own = local_model.settings(url, prompt_tokens=tokens, prompts_dir=easy if simple else ROOT / "prompts")
        settings = Settings.load(**{**shared, **own})
        reader = ChatReader(local_model.NAME, _at(temperature, load_chat_model(settings)), settings)
        for question in questions[offset % step :: step]:
            passages = reader.fitting(question, [hit.passage for hit in retriever.search(question)])
            try:
                (*_, written) = reader.read(question, passages, Allowance(settings.model_timeout))
            except ProviderError as error:
                print(f"{question}: {error}", file=sys.stderr)
                continue
            said = [{"says": sentence.text, "cites": list(sentence.cited)} for sentence in written]
            if said:
                yield {"setting": name, "question": question, "passages": _places(passages), "sentences": said}
    chain.index.close()


def _at(temperature: float, model: BaseChatModel) -> BaseChatModel:
    return model.model_copy(update={"temperature": temperature, "seed": 1})


def _places(passages: Sequence[Passage]) -> list[list[Any]]:
    return [[passage.article.id, passage.start, passage.end] for passage in passages]


if __name__ == "__main__":
    main()
