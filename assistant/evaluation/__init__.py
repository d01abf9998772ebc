"""Evaluation: test sets and what an assistant makes of them. `from assistant.evaluation import load, run`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.evaluation.runner import run
    from assistant.evaluation.testset import load

__all__ = ["load", "run"]


def __getattr__(name: str) -> Any:
    """The library's functions, imported when first asked for: the command line must start without the models."""
    if name == "run":
        from assistant.evaluation.runner import run

        return run
    if name == "load":
        from assistant.evaluation.testset import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
