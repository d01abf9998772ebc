"""What those ask who run the server: is it alive, can it answer, and its metrics."""

from fastapi import APIRouter, Request, Response
from httpx import AsyncClient, HTTPError, Limits

from assistant import __version__
from assistant.answer import Frozen
from assistant.chain import AnswerChain
from assistant.telemetry.metrics import metrics

_CHROMA_SECONDS = 2.0
_FORMATS = ("text/plain", "application/openmetrics-text")


class Health(Frozen):
    """The server is alive, and what it serves."""

    status: str
    articles: int
    revision: str | None
    reader: str
    version: str


class Check(Frozen):
    """One thing that an answer needs."""

    ok: bool
    detail: str


class Readiness(Frozen):
    """Whether the server can answer, and what it needs for that."""

    ready: bool
    checks: dict[str, Check]


def operations(chain: AnswerChain) -> APIRouter:
    """The operators' endpoints. They run in the event loop, so that they answer while every thread is busy."""
    router = APIRouter(tags=["operations"])
    client = AsyncClient(timeout=_CHROMA_SECONDS, trust_env=False, limits=Limits(max_keepalive_connections=0))

    @router.get("/healthz")
    async def healthz() -> Health:
        """Whether the server is alive. Answers from memory, also while the index is read or written."""
        snapshot = chain.index.loaded
        return Health(
            status="ok",
            articles=len(snapshot.articles) if snapshot else 0,
            revision=snapshot.revision if snapshot else None,
            reader=chain.reader,
            version=__version__,
        )

    @router.get("/readyz", responses={503: {"model": Readiness}})
    async def readyz(response: Response) -> Readiness:
        """Whether questions can be answered, else status 503. The chat model is not asked: without it we quote."""
        checks = {"index": _index(chain), "models": _models(chain), "chroma": await _chroma(chain, client)}
        ready = all(check.ok for check in checks.values())
        response.status_code = 200 if ready else 503
        response.headers["Cache-Control"] = "no-store"
        return Readiness(ready=ready, checks=checks)

    # Not `async`: with many processes it reads a file of each.
    @router.get("/metrics", response_class=Response, responses={200: {"content": {kind: {} for kind in _FORMATS}}})
    def prometheus(request: Request) -> Response:
        """The metrics, in Prometheus's text format or OpenMetrics, of all worker processes together."""
        counted = metrics()
        counted.describe(__version__, chain.reader, chain.index.loaded)
        text, content_type = counted.scrape(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    return router


def _index(chain: AnswerChain) -> Check:
    snapshot = chain.index.loaded
    if snapshot is None:
        return Check(ok=False, detail="not loaded")
    if not snapshot.passages:
        return Check(ok=False, detail="no articles: put some into the corpus folder and run `assistant sync`")
    return Check(ok=True, detail=f"{len(snapshot.articles)} articles, revision {snapshot.revision}")


def _models(chain: AnswerChain) -> Check:
    return Check(ok=chain.warmed, detail="loaded" if chain.warmed else "being loaded")


async def _chroma(chain: AnswerChain, client: AsyncClient) -> Check:
    url = chain.settings.chroma_url
    if not url:
        return Check(ok=True, detail="embedded")
    try:
        reply = await client.get(f"{url.rstrip('/')}/api/v2/heartbeat")
    except HTTPError as error:
        return Check(ok=False, detail=f"the server does not answer ({type(error).__name__})")
    return Check(ok=reply.is_success, detail=f"status {reply.status_code}")
