"""Generated requests against a real server: everything that its OpenAPI document describes, with schemathesis.

`python tests/fuzz.py EXAMPLES` makes that many for each operation and kind of test, and fails on a status of 500 or
more, on a reply that is not as documented, and on silence.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from api import tower
from browser import served

from assistant.api.app import create_app
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings
from assistant.keys import KEYS_FILE, KeyStore, Scope
from assistant.reading.scorer import Scorer

# Not checked: whether every request of the right form succeeds, as a question may name an outlet that no article has;
# and whether what was added is there, as each article may be refused by itself.
_UNCHECKED = "positive_data_acceptance,ensure_resource_availability"
_COUNT = re.compile(r"Test cases:\s*([\d,]+) generated")


class FuzzFailure(AssertionError):
    """A reply was not as it must be; the message is what schemathesis reports."""


def fuzz(chain: AnswerChain, examples: int, away: Path, seed: int = 6) -> int:
    """Fuzz a server of its own around the chain; gives the number of requests that were generated.

    Raises:
        FuzzFailure: some reply was not as it must be.
    """
    chain.warm()  # else /readyz says, rightly, that it is not
    key = KeyStore(chain.settings.data_dir / KEYS_FILE).create("fuzz", [Scope.ADMIN])
    with served(create_app(chain)) as url:
        done = subprocess.run(
            [
                Path(sysconfig.get_path("scripts")) / "schemathesis",
                "run",
                f"{url}openapi.json",
                f"--max-examples={examples}",
                f"--seed={seed}",
                f"--exclude-checks={_UNCHECKED}",
                "--header",
                f"Authorization: Bearer {key}",
                "--request-timeout=60",
                "--suppress-health-check=all",
                "--generation-database=none",
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=away,
            capture_output=True,
            text=True,
            check=False,
        )
    found = _COUNT.search(done.stdout)
    if done.returncode or not found:
        raise FuzzFailure(f"{done.stdout}\n{done.stderr}")
    return int(found[1].replace(",", ""))


def main() -> None:
    """Fuzz with as many examples as the command says."""
    with (
        tempfile.TemporaryDirectory() as away,
        tower(Path(away), LocalEmbeddings(), Scorer(), rate_limit_key="1000000/minute") as chain,
    ):
        try:
            count = fuzz(chain, int(sys.argv[1]), Path(away))
        except FuzzFailure as failure:
            sys.exit(str(failure))
    print(f"{count:,} generated requests, every reply as documented")


if __name__ == "__main__":
    main()
