"""The server: the answer endpoint, health and the chat page in one ASGI application."""

from collections.abc import Callable, Iterable

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from assistant import __version__
from assistant.api.answers import answers
from assistant.api.articles import articles
from assistant.api.description import install_description
from assistant.api.docs import install_docs
from assistant.api.feedback import feedback
from assistant.api.guard import install_guard
from assistant.api.operations import operations
from assistant.api.problems import install_problems
from assistant.api.requests import REQUESTS_FILE, RecentAnswers
from assistant.chain import AnswerChain
from assistant.feedback import FEEDBACK_FILE, FeedbackStore
from assistant.passwords import Users, parse_users

_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


def create_app(chain: AnswerChain) -> FastAPI:
    """The application around one chain; interactive documentation at /docs.

    Raises:
        SettingsError: the page's users, the keys or the limits are given in a form that cannot be read.
    """
    app = FastAPI(
        title="Story assistant",
        version=__version__,
        description="Answers about a story told by news articles. Every sentence cites the words it rests on.",
        docs_url=None,
        redoc_url=None,
    )
    install_problems(app)
    settings = chain.settings
    install_guard(app, settings)
    # Nothing of the chain takes longer than its model, and then some computing.
    recent = RecentAnswers(settings.data_dir / REQUESTS_FILE, lease=settings.model_timeout + 60)
    store = FeedbackStore(settings.data_dir / FEEDBACK_FILE)
    routers = (answers(chain, recent), articles(chain), feedback(recent, store), operations(chain))
    for router in routers:
        app.include_router(router)
    install_description(app, settings)
    install_docs(app)
    _refuse_the_rest(app, [*app.routes, *(route for router in routers for route in router.routes)])
    from assistant.ui.page import mount_ui

    login = Users(parse_users(settings.ui_users.get_secret_value())).check if settings.ui_users else None
    return mount_ui(app, chain, store, login=login)


def _refuse_the_rest(app: FastAPI, served: Iterable[BaseRoute]) -> None:
    """Answer other methods, and other paths below /api, before the page at `/` takes them for its own."""

    def refuse_method(allowed: str) -> Callable[[Request], Response]:
        def refuse(_: Request) -> Response:
            raise HTTPException(405, headers={"Allow": allowed})

        return refuse

    def refuse_path(_: Request) -> Response:
        raise HTTPException(404)

    methods: dict[str, set[str]] = {}
    for route in served:
        if isinstance(route, Route) and route.methods:
            methods.setdefault(route.path, set()).update(route.methods)
    for path, allowed in methods.items():
        refuse = refuse_method(", ".join(sorted(allowed)))
        app.router.routes.append(Route(path, refuse, methods=sorted(_METHODS - allowed)))
    for path in ("/api", "/api/{rest:path}"):
        app.router.routes.append(Route(path, refuse_path, methods=sorted(_METHODS)))
