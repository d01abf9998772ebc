"""Makes cases of a test set out of what readers said of answers."""

from collections.abc import Iterable
from typing import Any

import yaml

from assistant.answer import Outcome
from assistant.evaluation.testset import DRAFT
from assistant.feedback import Feedback

_HEAD = """\
# Cases made of readers' feedback. A case with the tag `draft` is not asked: put in what a right answer says and cites,
# or `declined: true`, and take the tag away.
"""


def drafts(given: Iterable[Feedback]) -> str:
    """A test set in YAML, a case for each question; of several words on one question the last one counts.

    An answer that helped gives a whole case: its quotes are the evidence. One that did not gives a draft.
    """
    last = {(*(turn.question for turn in item.history), item.question): item for item in given}
    blocks = [_block(asked, item) for asked, item in last.items()]
    if not blocks:
        return ""
    dumped = (yaml.safe_dump([block], allow_unicode=True, sort_keys=False, width=118) for block in blocks)
    return _HEAD + "".join(dumped)


def _block(asked: tuple[str, ...], item: Feedback) -> dict[str, Any]:
    block: dict[str, Any] = {"question": asked[0]} if len(asked) == 1 else {"turns": list(asked)}
    answer = item.answer
    day = item.given.date().isoformat()
    if not item.helpful:
        what = item.reason.replace("_", " ") if item.reason else "not helpful"
        comment = f" “{item.comment}”" if item.comment else ""
        why = f"{day}: a reader found the answer {what}.{comment} The answer was: {answer.answer}"
        return {**block, "tags": ["feedback", DRAFT], "why": why}
    if answer.outcome is Outcome.DECLINED:
        block["declined"] = True
    else:
        block["cites"] = [{"article": quote.article_id, "words": quote.quote} for quote in answer.citations]
        if answer.outcome is Outcome.PARTIAL and not answer.withheld:
            block["partial"] = True
    return {**block, "tags": ["feedback"], "why": f"{day}: a reader found this answer good"}
