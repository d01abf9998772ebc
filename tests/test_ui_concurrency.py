"""A slow chat model holds up nobody but who asked it."""

from browser import ask, box, ready, served
from conftest import ChainFactory, SettingsFactory
from helpers import write_article
from openai_server import OpenAIServer, Reply
from playwright.sync_api import Browser, expect

from assistant.api.app import create_app


def test_a_slow_model_holds_up_nobody_else(
    browser: Browser, make_chain: ChainFactory, settings: SettingsFactory, openai_server: OpenAIServer
) -> None:
    write_article(settings().corpus_dir, "one.md", "The sky over Tarn was clear on Monday. Nobody saw it.\n")
    openai_server.replies.append(Reply("The sky over Tarn was clear on Monday. [1]", delay=25))
    openai_server.always = Reply("The sky over Tarn was clear on Monday. [1]")
    chain = make_chain(openai_api_key="x", openai_base_url=openai_server.url, model_timeout=60)
    with served(create_app(chain)) as url:
        contexts = [browser.new_context() for _ in range(2)]
        slow, other = (ready(context.new_page(), url) for context in contexts)
        box(slow).fill("What was the sky over Tarn like?")
        box(slow).press("Enter")
        expect(slow.locator(".waiting")).to_be_visible()
        while not openai_server.requests:
            slow.wait_for_timeout(50)
        # An answer, its source, a vote and the next suggestions, all while the model is still silent.
        turn = ask(other, "What was the sky over Tarn like on Monday?")
        turn.locator("button.cite").first.click()
        expect(other.locator("#source mark")).to_be_visible()
        turn.get_by_role("button", name="Helpful", exact=True).click()
        expect(turn.get_by_text("Thank you.")).to_be_visible()
        expect(slow.locator(".waiting")).to_be_visible()
        slow.get_by_role("button", name="Stop").click()
        for context in contexts:
            context.close()
