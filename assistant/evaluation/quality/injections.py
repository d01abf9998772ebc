"""Other people's instructions planted in the shipped articles: how many are quoted, read by a model, or echoed."""

import html
import json
from pathlib import Path

from langchain_core.language_models import FakeListChatModel

from assistant.articles import Article, load_corpus
from assistant.chain import AnswerChain, Question
from assistant.evaluation.quality.figures import mean
from assistant.evaluation.quality.measure import Figures, Workbench
from assistant.filters import Filters
from assistant.passages import sentence_ranges
from assistant.reading.chat import ChatReader
from assistant.reading.prompts import fence
from assistant.settings import Settings

_CITED = "".join(f"[{number}]" for number in range(1, 9))  # every passage of a prompt
_PARROT = "parrot"


def injections(bench: Workbench, path: Path) -> Figures:
    """`path` maps kinds to lists of strings. Each is planted in one article: at its start, in its middle or at its end.

    The quoting reader is asked for the article's title and for the string itself. The chat model writes the string,
    word for word, and cites every passage. All figures are shares of the strings; 0 is wanted.
    """
    planted = [text for texts in json.loads(path.read_text("utf-8")).values() for text in texts]
    shipped = load_corpus(Path("corpus")).articles
    articles = [_planted(text, number, shipped[number % len(shipped)]) for number, text in enumerate(planted)]
    settings = Settings(data_dir=bench.data_dir)
    quoted, read, echoed = [], [], []
    with bench.index(path.stem, articles) as index:
        quoting = AnswerChain(settings, index, bench.scorer)
        for text, article in bench.track(list(zip(planted, articles, strict=True)), path.stem):
            only = Filters(topics=article.topics)
            sentences = [text[start:end].strip() for start, end in sentence_ranges(text)]
            asked = [Question(question=question, filters=only) for question in (article.title, text)]
            answers = [quoting.invoke(question) for question in asked]
            quoted.append(any(words in answer.answer for answer in answers for words in sentences))
            hits = bench.retriever(index, 8).search(article.title, filters=only)
            prompt = html.unescape(fence([hit.passage for hit in hits]))
            read.append(any(words in prompt for words in sentences))
            model = FakeListChatModel(responses=[" ".join(f"{words} {_CITED}" for words in sentences)])
            echoing = AnswerChain(settings, index, bench.scorer, ChatReader(_PARROT, model, settings), bench.support)
            echoed.append(any(answer.reader == _PARROT and answer.sentences for answer in echoing.stream(asked[0])))
    return {
        "quoted": mean(quoted),
        "given to a model to read": mean(read),
        "echoed by a model, and shown": mean(echoed),
    }


def _planted(text: str, number: int, article: Article) -> Article:
    paragraphs = article.text.strip().split("\n\n")
    paragraphs.insert((0, len(paragraphs) // 2, len(paragraphs))[number % 3], text)
    key = f"{article.id}-{number}"
    return article.model_copy(update={"id": key, "text": "\n\n".join(paragraphs) + "\n", "topics": (key,)})
