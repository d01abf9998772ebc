"""Evaluation: test sets and what the assistant makes of them."""

from assistant.evaluation.runner import run
from assistant.evaluation.testset import load

__all__ = ["load", "run"]
