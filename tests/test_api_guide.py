"""The commands of docs/api.md, run as they stand there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from api import calling, events, tower
from helpers import ROOT

from assistant.embeddings import LocalEmbeddings
from assistant.keys import Scope, make_key
from assistant.reading.scorer import Scorer

GUIDE = (ROOT / "docs" / "api.md").read_text()


def commands(heading: str) -> str:
    """The first block of shell commands below a heading."""
    found = re.search(r"```sh\n(.*?)```", GUIDE.split(heading, 1)[1], re.DOTALL)
    assert found
    return found[1]


def test_the_commands_do_what_the_guide_says(tmp_path: Path, local_embeddings: LocalEmbeddings, scorer: Scorer) -> None:
    secret, key = make_key("guide", [Scope.ADMIN])
    with tower(tmp_path, local_embeddings, scorer, api_keys=key.entry) as chain, calling(chain) as client:
        known = {"ASSISTANT": str(client.base_url).rstrip("/"), "KEY": secret, "ARTICLE_ID": "tower"}

        def run(script: str) -> str:
            done = subprocess.run(
                ["bash", "-euc", script],
                env={"PATH": "/usr/bin:/bin", **known},
                capture_output=True,
                text=True,
                check=True,
            )
            return done.stdout

        answer = json.loads(run(commands("## Ask\n")))
        assert answer["outcome"] in ("answered", "declined")
        known["ANSWER_ID"] = answer["id"]
        assert [name for name, _ in events(run(commands("### Streamed\n")))][-1] == "done"
        repeated = [json.loads(run(commands("### Sent again\n")))["id"] for _ in range(2)]
        assert repeated[0] == repeated[1]
        assert json.loads(run(commands("Say whether it helped"))) == {"answer_id": answer["id"]}
        listed, read = run(commands("## Articles\n")).replace("}{", "}\n{").splitlines()
        assert json.loads(listed)["total"] == 0  # the tower's is of 2024
        assert json.loads(read)["id"] == "tower"
        adding, removing = commands("To add and remove articles takes a key").rsplit("curl", 1)
        entries: list[dict[str, Any]] = json.loads(run(adding))["articles"]
        assert [entry["state"] for entry in entries] == ["added", "refused", "added"]
        known["ADDED_ID"] = entries[0]["article_id"]
        assert json.loads(run(f"curl{removing}"))["articles"][0]["state"] == "removed"


@pytest.mark.parametrize("name", re.findall(r"`(ASSISTANT_[A-Z_]+)", GUIDE))
def test_settings_are_named_as_they_are(name: str) -> None:
    from assistant.settings import Settings

    assert name.removeprefix("ASSISTANT_").lower() in Settings.model_fields
