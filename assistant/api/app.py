"""The server: the answer endpoint, health and the chat page in one ASGI application."""

from collections.abc import Callable, Iterable

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from assistant import __version__
from assistant.api.answers import answers
from assistant.api.mcp import mcp_endpoint
from assistant.api.openai import openai_compatible
from assistant.api.openai.errors import install_openai_errors
from assistant.api.operations import operations
from assistant.api.problems import Problem, install_problems
from assistant.chain import AnswerChain
from assistant.feedback import FEEDBACK_FILE, FeedbackStore
from assistant.passwords import Users, parse_users

_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


def create_app(chain: AnswerChain) -> FastAPI:
    """The application around one chain; interactive documentation at /docs.

    Raises:
        SettingsError: the page's users are given in another form than `name:hash`.
    """
    app = FastAPI(
        title="Story assistant",
        version=__version__,
        description="Answers about a story told by news articles. Every sentence cites the words it rests on.",
        docs_url=None,
        redoc_url=None,
        responses={code: {"model": Problem} for code in (422, 500)},
    )
    install_problems(app)
    install_openai_errors(app)
    routers = (answers(chain), operations(chain), openai_compatible(chain), mcp_endpoint(chain))
    for router in routers:
        app.include_router(router)
    from assistant.api.docs import install_docs

    install_docs(app)
    _refuse_the_rest(app, [*app.routes, *(route for router in routers for route in router.routes)])
    from assistant.ui.page import mount_ui

    settings = chain.settings
    login = Users(parse_users(settings.ui_users.get_secret_value())).check if settings.ui_users else None
    return mount_ui(app, chain, FeedbackStore(settings.data_dir / FEEDBACK_FILE), login=login)


def _refuse_the_rest(app: FastAPI, served: Iterable[BaseRoute]) -> None:
    """Answer other methods, and other paths below /api and /v1, before the page at `/` takes them for its own."""

    def refuse_method(allowed: str) -> Callable[[Request], Response]:
        def refuse(_: Request) -> Response:
            raise HTTPException(405, headers={"Allow": allowed})

        return refuse

    def refuse_path(_: Request) -> Response:
        raise HTTPException(404)

    for route in served:
        if isinstance(route, Route) and route.methods:
            allowed = ", ".join(sorted(route.methods))
            app.router.routes.append(
                Route(route.path, refuse_method(allowed), methods=sorted(_METHODS - route.methods))
            )
    for path in ("/api", "/api/{rest:path}", "/v1", "/v1/{rest:path}"):
        app.router.routes.append(Route(path, refuse_path, methods=sorted(_METHODS)))
