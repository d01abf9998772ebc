"""The learned scorer: how likely a sentence is to carry the answer to a question."""

from pathlib import Path

from assistant.cross_encoder import CrossEncoder

MAX_QUESTION, MAX_TOKENS = 48, 192


class Scorer(CrossEncoder):
    """Scores pairs of a question and a sentence. Higher is likelier; about 0.5 is where chances are even.

    Trained by `assistant.evaluation.scorer_training`.
    """

    def __init__(self, threads: int = 2, model: Path | None = None) -> None:
        """Load the packaged model, or another file of the same kind."""
        super().__init__(model or "scorer.onnx", MAX_QUESTION, MAX_TOKENS, threads)
