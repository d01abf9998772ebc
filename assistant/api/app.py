"""The server: the answer endpoint, health and the chat page in one ASGI application."""

from collections.abc import Iterable

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from assistant import __version__
from assistant.api.answers import answers
from assistant.api.articles import articles
from assistant.api.description import install_description
from assistant.api.docs import install_docs
from assistant.api.feedback import feedback
from assistant.api.guard import install_guard
from assistant.api.mcp import mcp_endpoint
from assistant.api.observing import Observed
from assistant.api.openai import openai_compatible
from assistant.api.openai.errors import install_openai_errors
from assistant.api.operations import operations
from assistant.api.problems import install_problems
from assistant.api.requests import REQUESTS_FILE, RecentAnswers
from assistant.chain import AnswerChain
from assistant.feedback import FEEDBACK_FILE, FeedbackStore
from assistant.passwords import Users, parse_users
from assistant.slack.credentials import signing_secret


def create_app(chain: AnswerChain) -> Observed:
    """The application around one chain; interactive documentation at /docs.

    Raises:
        SettingsError: the page's users, the keys or the limits cannot be read, or Slack is set up in part only.
    """
    app = FastAPI(
        title="Story assistant",
        version=__version__,
        description="Answers about a story told by news articles. Every sentence cites the words it rests on.",
        docs_url=None,
        redoc_url=None,
    )
    install_problems(app)
    install_openai_errors(app)
    settings = chain.settings
    install_guard(app, settings)
    # Nothing of the chain takes longer than its model, and then some computing.
    recent = RecentAnswers(settings.data_dir / REQUESTS_FILE, lease=settings.model_timeout + 60)
    store = FeedbackStore(settings.data_dir / FEEDBACK_FILE)
    routers = [answers(chain, recent), articles(chain), feedback(recent, store), operations(chain)]
    routers += [openai_compatible(chain), mcp_endpoint(chain)]
    if signing_secret(settings):
        from assistant.slack.http import slack

        routers.append(slack(chain))
    for router in routers:
        app.include_router(router)
    install_description(app, settings)
    install_docs(app)
    _refuse_the_rest(app, [*app.routes, *(route for router in routers for route in router.routes)])
    from assistant.ui.page import mount_ui

    login = Users(parse_users(settings.ui_users.get_secret_value())).check if settings.ui_users else None
    return Observed(mount_ui(app, chain, store, login=login))


class _Refusal:
    """An ASGI application, so that its route takes every method, those too that nobody has thought of yet."""

    def __init__(self, status: int, **headers: str) -> None:
        self._status = status
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(self._status, headers=self._headers)


def _refuse_the_rest(app: FastAPI, served: Iterable[BaseRoute]) -> None:
    """Answer other methods, and other paths below /api and /v1, before the page at `/` takes them for its own."""
    methods: dict[str, set[str]] = {}
    for route in served:
        if isinstance(route, Route) and route.methods:
            methods.setdefault(route.path, set()).update(route.methods)
    for path, allowed in methods.items():
        app.router.routes.append(Route(path, _Refusal(405, Allow=", ".join(sorted(allowed)))))
    for path in ("/api", "/api/{rest:path}", "/v1", "/v1/{rest:path}"):
        app.router.routes.append(Route(path, _Refusal(404)))
