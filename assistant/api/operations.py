"""What those ask who run the server: is it alive, and what does it serve."""

from fastapi import APIRouter

from assistant import __version__
from assistant.answer import Frozen
from assistant.chain import AnswerChain


class Health(Frozen):
    """The server is alive, and what it serves."""

    status: str
    articles: int
    revision: str
    reader: str
    version: str


def operations(chain: AnswerChain) -> APIRouter:
    """The operators' endpoints."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz")
    def healthz() -> Health:
        """Whether the server is alive."""
        snapshot = chain.index.snapshot
        return Health(
            status="ok",
            articles=len(snapshot.articles),
            revision=snapshot.revision,
            reader=chain.reader,
            version=__version__,
        )

    return router
