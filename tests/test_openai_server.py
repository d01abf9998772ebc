"""The stand-in for OpenAI, spoken to by OpenAI's own client."""

import json

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from openai_server import OpenAIServer, Reply

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello there"}]


def client_of(server: OpenAIServer, timeout: float = 10.0) -> openai.OpenAI:
    return openai.OpenAI(api_key="sk-test", base_url=server.url, max_retries=0, timeout=timeout)


def chat(server: OpenAIServer, timeout: float = 10.0) -> str | None:
    made = client_of(server, timeout).chat.completions.create(model="m", messages=HELLO)
    return made.choices[0].message.content


def streamed(server: OpenAIServer) -> list[str]:
    stream = client_of(server).chat.completions.create(
        model="m",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    return [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]


def test_whole_and_streamed_answers_carry_the_same_text(openai_server: OpenAIServer) -> None:
    reply = Reply(chunks=["Good ", "morning", "."])
    openai_server.replies += [reply, reply]
    assert chat(openai_server) == "Good morning."
    assert [piece for piece in streamed(openai_server) if piece] == ["Good ", "morning", "."]
    assert [request.path for request in openai_server.requests] == ["/v1/chat/completions"] * 2
    assert openai_server.requests[1].body["stream"] is True
    assert openai_server.requests[0].headers["authorization"] == "Bearer sk-test"


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, openai.AuthenticationError), (429, openai.RateLimitError), (500, openai.InternalServerError)],
)
def test_status_errors(openai_server: OpenAIServer, status: int, error: type[openai.APIStatusError]) -> None:
    openai_server.replies.append(Reply("not today", status=status))
    with pytest.raises(error, match="not today"):
        chat(openai_server)


def test_a_request_without_a_scripted_reply_is_an_error(openai_server: OpenAIServer) -> None:
    with pytest.raises(openai.BadRequestError, match="no reply is scripted"):
        chat(openai_server)


def test_a_cut_stream_gives_what_came_before_and_then_an_error(openai_server: OpenAIServer) -> None:
    openai_server.replies.append(Reply(chunks=["one ", "two ", "three"], cut_after=2))
    stream = client_of(openai_server).chat.completions.create(model="m", messages=HELLO, stream=True)
    heard: list[str] = []
    with pytest.raises(openai.APIConnectionError):
        heard.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(heard) == "one two "


def test_a_cut_answer_is_a_connection_error(openai_server: OpenAIServer) -> None:
    openai_server.replies.append(Reply("never seen whole", cut_after=20))
    with pytest.raises(openai.APIConnectionError):
        chat(openai_server)


def test_a_delay_longer_than_the_clients_patience_is_a_timeout(openai_server: OpenAIServer) -> None:
    openai_server.replies.append(Reply("late", delay=60))
    with pytest.raises(openai.APITimeoutError):
        chat(openai_server, timeout=0.2)


def test_a_body_that_is_no_json(openai_server: OpenAIServer) -> None:
    openai_server.replies.append(Reply(body="<html>"))
    with pytest.raises(json.JSONDecodeError):
        chat(openai_server)


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_embeddings_in_both_encodings(openai_server: OpenAIServer, encoding: str) -> None:
    made = client_of(openai_server).embeddings.create(
        model="m",
        input=["a cat", "a dog", "a cat"],
        dimensions=8,
        encoding_format=encoding,  # type: ignore[arg-type]
    )
    rows = [item.embedding for item in made.data]
    if encoding == "base64":  # asked for by name, the client hands it through
        assert isinstance(rows[0], str)
    else:
        assert len(rows[0]) == 8
    assert rows[0] == rows[2] != rows[1]
