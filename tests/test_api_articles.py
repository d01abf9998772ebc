"""The articles over HTTP: listed, read, added in three ways, removed."""

import base64
from collections.abc import Iterator

import httpx
import pytest
from api import assert_problem, calling, tower
from helpers import write_article

from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.reading.scorer import Scorer

BRIDGE = {"title": "The bridge", "text": "The bridge of Tarn carries 400 carts a day.\n", "outlet": "The Tarn Times"}


@pytest.fixture(scope="module")
def chain(
    tmp_path_factory: pytest.TempPathFactory, local_embeddings: LocalEmbeddings, scorer: Scorer
) -> Iterator[AnswerChain]:
    away = tmp_path_factory.mktemp("articles")
    for number in range(1, 6):
        write_article(
            away / "corpus",
            f"deep/er/day {number}.md",
            f"Day {number} was dry.\n",
            published=f"2025-01-0{number}",
            outlet="The Quay Courier",
            topics=["weather", f"day {number}"],
        )
    with tower(away, local_embeddings, scorer) as made:
        yield made


@pytest.fixture(scope="module")
def client(chain: AnswerChain) -> Iterator[httpx.Client]:
    with calling(chain) as made:
        yield made


def ids(client: httpx.Client, **wanted: object) -> list[str]:
    reply = client.get("/api/articles", params=wanted)  # type: ignore[arg-type]
    assert reply.status_code == 200, reply.text
    return [article["id"] for article in reply.json()["articles"]]


def test_the_newest_come_first_a_page_at_a_time(client: httpx.Client, chain: AnswerChain) -> None:
    body = client.get("/api/articles", params={"limit": 2}).json()
    assert (body["total"], body["limit"], body["offset"]) == (6, 2, 0)
    assert body["revision"] == chain.index.snapshot.revision
    assert [article["id"] for article in body["articles"]] == ["deep/er/day 5", "deep/er/day 4"]
    pages = [ids(client, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 2, 0]
    assert [*pages[0], *pages[1], *pages[2]] == ids(client) == [*(f"deep/er/day {n}" for n in (5, 4, 3, 2, 1)), "tower"]
    article = body["articles"][0]
    assert "text" not in article
    assert (article["as_of"], article["outlet"], article["removable"]) == ("2025-01-05", "The Quay Courier", False)
    assert article["characters"] == len(chain.index.snapshot.articles["deep/er/day 5"].text)


def test_the_list_is_narrowed_as_a_question_is(client: httpx.Client) -> None:
    assert ids(client, since="2025-01-02", until="2025-01-03") == ["deep/er/day 3", "deep/er/day 2"]
    assert ids(client, outlet="the tarn times") == ["tower"]
    assert ids(client, topic=["day 1", "day 2"]) == ["deep/er/day 2", "deep/er/day 1"]
    assert "The outlets are" in assert_problem(client.get("/api/articles", params={"outlet": "x"}), 422)["detail"]
    for wrong in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"since": "soon"}, {"outlets": "x"}):
        assert_problem(client.get("/api/articles", params=wrong), 422)


def test_an_article_is_read_by_its_id_slashes_and_all(client: httpx.Client, chain: AnswerChain) -> None:
    for path in ("/api/articles/deep/er/day%203", "/api/articles/deep%2Fer%2Fday%203"):
        body = client.get(path).json()
        assert body["text"] == chain.index.snapshot.articles["deep/er/day 3"].text
        assert body["topics"] == ["weather", "day 3"]
    for unknown in ("/api/articles/", "/api/articles/nothing", "/api/articles/../tower", "/api/articles/tower/"):
        assert_problem(client.get(unknown), 404)


def test_articles_are_added_and_removed(client: httpx.Client, chain: AnswerChain) -> None:
    file = "---\ntitle: The ferry\npublished: 2025-03-01\n---\nThe ferry sinks on 3 May 2025.\n"
    given = [
        {**BRIDGE, "published": "2025-02", "topics": ["carts"], "url": "https://example.org/b", "author": "Ann Lee"},
        {"name": "ferry.md", "file": base64.b64encode(file.encode()).decode()},
        {"url": "http://127.0.0.1:9/"},
        {"name": "picture.png", "file": "AAAA"},
    ]
    reply = client.post("/api/articles", json={"articles": given})
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert [entry["state"] for entry in body["articles"]] == ["added", "added", "refused", "refused"]
    assert all(entry["reason"] for entry in body["articles"][2:])
    assert body["problem"] == ""
    bridge, ferry = (entry["article_id"] for entry in body["articles"][:2])
    read = client.get(f"/api/articles/{bridge}").json()
    assert (read["published"], read["topics"], read["author"]) == ("2025-02-01", ["carts"], "Ann Lee")
    assert read["text"] == BRIDGE["text"]
    again = client.post("/api/articles", json={"articles": given[:1]}).json()
    assert [entry["state"] for entry in again["articles"]] == ["unchanged"]
    answer = client.post("/api/answer", json={"question": "How many carts does the bridge of Tarn carry a day?"}).json()
    assert [citation["article_id"] for citation in answer["citations"]] == [bridge]
    for id in (bridge, ferry):
        removed = client.delete(f"/api/articles/{id}").json()
        assert [entry["state"] for entry in removed["articles"]] == ["removed"]
        assert_problem(client.get(f"/api/articles/{id}"), 404)
        assert_problem(client.delete(f"/api/articles/{id}"), 404)
    assert len(chain.index.snapshot.articles) == 6


def test_only_what_was_added_can_be_removed(client: httpx.Client) -> None:
    assert "belongs to the corpus folder" in assert_problem(client.delete("/api/articles/tower"), 409)["detail"]
    assert_problem(client.delete("/api/articles/added%2F..%2Ftower"), 404)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"title": "x"}, "articles.0.url"),
        ({"text": "x"}, "articles.0.text.title"),
        ({"title": "", "text": "x"}, "title"),
        ({"name": "x.md", "file": "no base64!"}, "not base64"),
        ({"url": "https://example.org", "name": "x"}, "name"),
        ({**BRIDGE, "published": "soon"}, "published"),
        ("https://example.org", "articles.0"),
        (7, "articles.0"),
    ],
)
def test_what_is_no_article_is_refused_by_name(client: httpx.Client, item: object, says: str) -> None:
    assert says in assert_problem(client.post("/api/articles", json={"articles": [item]}), 422)["detail"]


def test_none_and_too_many(client: httpx.Client) -> None:
    for articles in ([], [BRIDGE] * 21):
        assert "articles" in assert_problem(client.post("/api/articles", json={"articles": articles}), 422)["detail"]


def test_methods(client: httpx.Client) -> None:
    for path, allowed in (("/api/articles", "GET, POST"), ("/api/articles/tower", "DELETE, GET")):
        reply = client.put(path)
        assert_problem(reply, 405)
        assert reply.headers["allow"] == allowed
