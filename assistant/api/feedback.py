"""`POST /api/feedback`: what a reader said of an answer."""

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException
from fastapi.openapi.models import Example
from pydantic import Field, StrictBool

from assistant.answer import Frozen
from assistant.api.requests import RecentAnswers
from assistant.feedback import Feedback, FeedbackStore, Reason

_EXAMPLES: dict[str, Example] = {
    "helpful": {"summary": "It helped", "value": {"answer_id": "7d0c…", "helpful": True}},
    "wrong": {
        "summary": "It did not, and why",
        "value": {"answer_id": "7d0c…", "helpful": False, "reason": "wrong", "comment": "That was in 2023."},
    },
}


class FeedbackRequest(Frozen):
    """A reader's word on an answer of the last hour."""

    answer_id: str = Field(min_length=1, max_length=200, description="The `id` of the answer")
    helpful: StrictBool
    reason: Reason | None = Field(None, description="What was not good about it")
    comment: str = Field("", max_length=2_000)


class Kept(Frozen):
    """The feedback is kept."""

    answer_id: str


def feedback(recent: RecentAnswers, store: FeedbackStore) -> APIRouter:
    """The feedback endpoint."""
    router = APIRouter(tags=["feedback"])

    @router.post("/api/feedback", responses={404: {"description": "No answer of the last hour has that id"}})
    def give(request: Annotated[FeedbackRequest, Body(openapi_examples=_EXAMPLES)]) -> Kept:
        """Say whether an answer helped. The server has the answers of the last hour; the last word on one stays."""
        known = recent.find(request.answer_id)
        if known is None:
            raise HTTPException(404, "No answer of the last hour has that id.")
        question, answer = known
        store.add(
            Feedback(
                question=question.question,
                history=question.history,
                answer=answer,
                helpful=request.helpful,
                reason=request.reason,
                comment=request.comment,
            )
        )
        return Kept(answer_id=answer.id)

    return router
