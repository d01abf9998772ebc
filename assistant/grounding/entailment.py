"""The support model: whether quoted words support a claim, beyond what their wording tells."""

from pathlib import Path

from assistant.cross_encoder import CrossEncoder
from assistant.grounding.runs import Run
from assistant.statements import name_stated

MAX_CLAIM, MAX_TOKENS = 80, 224
_SURE = 10.0  # what a sentence says word for word


class SupportModel(CrossEncoder):
    """Scores pairs of a claim and the words that it cites: log-odds, higher is likelier.

    Trained by `assistant.evaluation.support_training`.
    """

    def __init__(self, threads: int = 2, model: Path | None = None) -> None:
        """Load the packaged model, or another file of the same kind."""
        super().__init__(model or "support.onnx", MAX_CLAIM, MAX_TOKENS, threads)

    def log_odds(self, claim: str, run: Run) -> float:
        """How likely the sentences of a run support a claim, with their article's title and the sentence before."""
        article = run.passage.article
        words = run.span.of(article.text)
        if claim.rstrip(" .") == words.rstrip(" ."):
            return _SURE
        before = [span for span in run.passage.sentences if span.end <= run.span.start]
        context = name_stated(article.title), before[-1].of(article.text) if before else "", words
        return float(self.scores(claim, [context])[0])
