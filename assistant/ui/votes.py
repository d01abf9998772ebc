"""What a visitor says of an answer: the thumbs, the form for a reason, and what is checked before it is kept."""

from pydantic import BaseModel, Field, ValidationError

from assistant.answer import Answer, Citation, Copy, Turn
from assistant.articles import Article
from assistant.chain import AnswerChain
from assistant.errors import AssistantError
from assistant.feedback import Feedback, FeedbackStore, Reason
from assistant.passages import split_passages
from assistant.ui.conversation import Conversation, Vote
from assistant.ui.markup import escape

REASONS = {
    Reason.WRONG: "It is wrong",
    Reason.NOT_SUPPORTED: "The source does not say this",
    Reason.WRONG_SOURCE: "The wrong source",
    Reason.MISSING: "Something is missing",
    Reason.OTHER: "Something else",
}
#: Longer answers than the assistant gives are not taken from a browser.
_LONGEST_ANSWER, _MOST_CITATIONS, _MOST_FOUND, _MOST_STAGES = 20_000, 50, 100, 20
_LONGEST_LINE = 2_000

_UP = "M7 11v9H4a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zm0 0 4-8a2 2 0 0 1 2 2v4h6a2 2 0 0 1 2 2l-1.5 7a2 2 0 0 1-2 2H7"


class Cast(BaseModel):
    """A vote as it comes from the page, with the place of the exchange in the conversation."""

    at: int = Field(ge=0)
    helpful: bool
    reason: Reason | None = None
    comment: str = Field("", max_length=2_000)
    done: bool = Field(False, description="Whether the form was sent: it is shown until then")


class RefusedVoteError(AssistantError):
    """The vote cannot be kept; the message says why, for the visitor."""


class Votes:
    """Checks what comes back from a browser against the index, and keeps it."""

    def __init__(self, chain: AnswerChain, store: FeedbackStore) -> None:
        self._chain = chain
        self._store = store

    def cast(self, kept: Conversation, data: object) -> Conversation:
        """Keep a vote; gives the conversation with it.

        Raises:
            RefusedVoteError: it fits no answer of the conversation, or the answer does not fit the articles.
            AssistantError: the store cannot be written.
        """
        try:
            vote = Cast.model_validate(data)
            exchange = kept.exchanges[vote.at]
            if not vote.done and exchange.vote:
                # The form is open again: what it said so far still holds.
                earlier = {"reason": exchange.vote.reason, "comment": exchange.vote.comment}
                vote = vote.model_copy(update=earlier)
            feedback = Feedback(
                question=exchange.question,
                history=tuple(Turn.model_validate(turn) for turn in kept.history(vote.at)),
                answer=checked(exchange.answer, self._chain.index.snapshot.articles),
                helpful=vote.helpful,
                reason=None if vote.helpful else vote.reason,
                comment="" if vote.helpful else vote.comment.strip(),
            )
        except (ValidationError, IndexError):
            raise RefusedVoteError("That could not be kept: it does not fit this answer.") from None
        self._store.add(feedback)
        said = Vote(helpful=vote.helpful, reason=feedback.reason, comment=feedback.comment, done=vote.done)
        exchanges = list(kept.exchanges)
        exchanges[vote.at] = exchange.model_copy(update={"vote": said})
        return kept.model_copy(update={"exchanges": tuple(exchanges)})


def checked(answer: Answer, articles: dict[str, Article]) -> Answer:
    """The answer with all that the articles tell filled in from them: nothing of it is taken from the browser.

    Raises:
        RefusedVoteError: it is larger than answers are, or cites what the articles do not say at that place.
    """
    lines = [answer.reader, answer.id, answer.standalone_question, answer.notice or "", *answer.timings_ms]
    if (
        len(answer.answer) > _LONGEST_ANSWER
        or sum(len(sentence.text) + len(sentence.lead) for sentence in answer.sentences) > _LONGEST_ANSWER
        or len(answer.citations) > _MOST_CITATIONS
        or len(answer.found) > _MOST_FOUND
        or len(answer.timings_ms) > _MOST_STAGES
        or max(map(len, lines)) > _LONGEST_LINE
    ):
        raise RefusedVoteError("That could not be kept: the answer is longer than the assistant's answers are.")
    found = tuple(
        one.model_copy(update={"title": article.title})
        for one in answer.found
        if (article := articles.get(one.article_id)) and one.start <= one.end <= len(article.text)
    )
    citations = tuple(_checked_citation(citation, articles) for citation in answer.citations)
    return answer.model_copy(update={"citations": citations, "found": found})


def _checked_citation(citation: Citation, articles: dict[str, Article]) -> Citation:
    article = articles.get(citation.article_id)
    if article is None or article.text[citation.start : citation.end] != citation.quote:
        raise RefusedVoteError("The articles were changed after this answer. Ask again, then say what you think of it.")
    passage = next(one for one in split_passages(article) if citation.start < one.end)
    copies = tuple(Copy.of(other) for copy in citation.copies if (other := articles.get(copy.article_id)))
    return citation.model_copy(
        update={
            "title": article.title,
            "outlet": article.outlet,
            "url": article.url,
            "published": article.published,
            "as_of": article.held_on,
            "passage": passage.text.strip(),
            "copies": copies,
        }
    )


def thumbs(at: int, vote: Vote | None) -> list[str]:
    """The two buttons, the one that was chosen pressed."""
    return [_thumb(at, helpful, vote is not None and vote.helpful is helpful) for helpful in (True, False)]


def _thumb(at: int, helpful: bool, pressed: bool) -> str:
    name = "Helpful" if helpful else "Not helpful"
    return (
        f'<button type="button" class="thumb{"" if helpful else " down"}" data-do="vote" data-at="{at}" '
        f'data-helpful="{str(helpful).lower()}" aria-pressed="{str(pressed).lower()}" aria-label="{name}" '
        f'title="{name}"><svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="{_UP}"/></svg>'
        "</button>"
    )


def form(at: int, vote: Vote | None) -> str:
    """What follows on a vote: thanks, and for an unhelpful answer the question what was wrong. Empty without a vote."""
    if vote is None:
        return ""
    if vote.helpful:
        return '<p class="thanks" role="status">Thank you.</p>'
    if vote.done:
        why = f" You said: {REASONS[vote.reason].lower()}." if vote.reason else ""
        return (
            f'<p class="thanks" role="status">Thank you, this helps to mend it.{why} '
            f'<button type="button" class="tool" data-do="revote" data-at="{at}">Change</button></p>'
        )
    choices = "".join(
        f'<label><input type="radio" name="reason-{at}" value="{reason.value}"'
        f"{' checked' if vote.reason is reason else ''}> {label}</label>"
        for reason, label in REASONS.items()
    )
    return (
        f'<form class="why" data-at="{at}"><fieldset><legend>What was not good about it?</legend>{choices}</fieldset>'
        '<label class="comment">Anything to add? <textarea rows="2" maxlength="2000">'
        f"{escape(vote.comment)}</textarea></label>"
        '<button type="submit" class="send">Send</button></form>'
    )
