"""The interactive API documentation at /docs, without a script from another host."""

import html
import json
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}: API</title><style>:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}}
pre{{overflow:auto;padding:1rem;border:1px solid #8886;border-radius:.5rem;font-size:.85rem;white-space:pre-wrap}}
input,select,textarea{{width:100%;box-sizing:border-box;font:inherit;margin:0 0 .6rem}}
textarea{{min-height:6rem}}button{{font:inherit;padding:.4rem 1rem}}
code{{font-size:.95em}}label{{display:block}}</style>
<h1>{title}</h1><p>{description}</p><p>Machine-readable: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
<h2>Try it</h2><form id="try">
<label>Operation <select id="operation">{choices}</select></label>
<label>Path and query <input id="path"></label>
<label>Key, where the server has keys <input id="key" type="password" autocomplete="off" spellcheck="false"></label>
<label>Body <textarea id="body" spellcheck="false"></textarea></label>
<button>Send</button></form><pre id="out" aria-live="polite">The reply appears here.</pre>
{operations}
<script>
const part = (id) => document.getElementById(id);
const chosen = () => part("operation").selectedOptions[0].dataset;
function choose() {{ part("path").value = chosen().path; part("body").value = chosen().body; }}
part("operation").addEventListener("change", choose);
choose();
part("try").addEventListener("submit", async (event) => {{
  event.preventDefault();
  const out = part("out");
  out.textContent = "…";
  const request = {{method: chosen().method, headers: {{}}}};
  if (part("key").value) request.headers.Authorization = "Bearer " + part("key").value;
  if (part("body").value && request.method !== "GET") {{
    request.headers["Content-Type"] = "application/json";
    request.body = part("body").value;
  }}
  try {{
    const reply = await fetch(part("path").value, request);
    out.textContent = reply.status + "\\n";
    if ((reply.headers.get("Content-Type") || "").startsWith("text/event-stream")) {{
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let step = await reader.read(); !step.done; step = await reader.read()) out.textContent += step.value;
      return;
    }}
    const text = await reply.text();
    try {{ out.textContent += JSON.stringify(JSON.parse(text), null, 2); }} catch (error) {{ out.textContent += text; }}
  }} catch (error) {{ out.textContent += "No reply: " + error.message; }}
}});</script></html>"""


def install_docs(app: FastAPI) -> None:
    """Serve the page at /docs. FastAPI's own page loads its scripts from a content network, which ours must not."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        schema = app.openapi()
        choices, parts = [], []
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                choices.append(_choice(path, method, operation))
                parts.append(_operation(path, method, operation))
        parts.append("<h2>Models</h2>")
        for name, model in schema["components"]["schemas"].items():
            text = html.escape(json.dumps(model, indent=2, ensure_ascii=False))
            parts.append(f"<details><summary><code>{html.escape(name)}</code></summary><pre>{text}</pre></details>")
        page = _PAGE.format(
            title=html.escape(app.title),
            description=html.escape(app.description),
            choices="".join(choices),
            operations="".join(parts),
        )
        return HTMLResponse(page)


def _choice(path: str, method: str, operation: dict[str, Any]) -> str:
    """An operation to try, with the first example of its body."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = [example["value"] for example in body.get("examples", {}).values()]
    given = json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else ""
    name = html.escape(f"{method.upper()} {path}")
    return (
        f'<option data-method="{method.upper()}" data-path="{html.escape(path)}" data-body="{html.escape(given)}">'
        f"{name}</option>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    """What an operation does, takes and replies."""
    about = html.escape(operation.get("description") or operation.get("summary", "")).replace("\n\n", "</p><p>")
    parameters = "".join(
        f"<li><code>{html.escape(parameter['name'])}</code> {html.escape(parameter.get('description', ''))}</li>"
        for parameter in operation.get("parameters", ())
    )
    replies = "".join(
        f"<li>{status} {html.escape(reply['description'])}</li>" for status, reply in operation["responses"].items()
    )
    return (
        f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{about}</p>"
        + (f"<ul>{parameters}</ul>" if parameters else "")
        + f"<details><summary>Replies</summary><ul>{replies}</ul></details>"
    )
