"""The support model: how likely quoted words are to support a claim."""

from pathlib import Path

from assistant.cross_encoder import CrossEncoder

MAX_CLAIM, MAX_TOKENS = 80, 224


class SupportModel(CrossEncoder):
    """Scores pairs of a claim and the words that it cites. Higher is likelier.

    Trained by `assistant.evaluation.support_training`.
    """

    def __init__(self, threads: int = 2, model: Path | None = None) -> None:
        """Load the packaged model, or another file of the same kind."""
        super().__init__(model or "support.onnx", MAX_CLAIM, MAX_TOKENS, threads)
