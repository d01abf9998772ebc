"""The documentation page in a real browser: every endpoint can be tried, with a key."""

from collections.abc import Iterator

import httpx
import pytest
from api import calling, tower
from playwright.sync_api import Browser, Page, expect

from assistant.embeddings import LocalEmbeddings
from assistant.keys import Scope, make_key
from assistant.reading.scorer import Scorer

SECRET, KEY = make_key("docs", [Scope.ADMIN])


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, local_embeddings: LocalEmbeddings, scorer: Scorer
) -> Iterator[httpx.Client]:
    away = tmp_path_factory.mktemp("docs")
    with tower(away, local_embeddings, scorer, api_keys=KEY.entry) as chain, calling(chain) as made:
        yield made


@pytest.fixture
def docs(client: httpx.Client, browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{client.base_url}docs")
    yield page
    page.close()
    assert not complaints


def test_it_asks_streams_and_lists(docs: Page) -> None:
    out = docs.locator("#out")
    docs.get_by_label("Operation").select_option("POST /api/answer")
    docs.get_by_role("button", name="Send").click()
    expect(out).to_contain_text("A key is needed")
    docs.get_by_label("Key").fill(SECRET)
    docs.get_by_label("Body").fill('{"question": "How high is the tower of Tarn?"}')
    docs.get_by_role("button", name="Send").click()
    expect(out).to_contain_text('"quote": "The tower of Tarn is 80 metres high."')
    docs.get_by_label("Body").fill('{"question": "How high is the tower of Tarn?", "stream": true}')
    docs.get_by_role("button", name="Send").click()
    expect(out).to_contain_text("event: done")
    docs.get_by_label("Operation").select_option("GET /api/articles")
    docs.get_by_role("button", name="Send").click()
    expect(out).to_contain_text('"total": 1')


def test_every_operation_is_there_with_what_it_takes(docs: Page, client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operations = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    assert docs.locator("#operation option").all_inner_texts() == operations
    assert set(operations) >= {
        "POST /api/answer",
        "GET /api/articles",
        "DELETE /api/articles/{id}",
        "POST /api/feedback",
    }
    docs.get_by_label("Operation").select_option("POST /api/articles")
    assert "Harbour board" in docs.get_by_label("Body").input_value()
