"""The interactive API documentation at /docs, without a script from another host."""

import html
import json

from fastapi import FastAPI
from starlette.responses import HTMLResponse

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}: API</title><style>:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}}
pre{{overflow:auto;padding:1rem;border:1px solid #8886;border-radius:.5rem;font-size:.85rem}}
textarea{{width:100%;box-sizing:border-box;font:inherit;min-height:5rem}}button{{font:inherit;padding:.4rem 1rem}}
code{{font-size:.95em}}</style>
<h1>{title}</h1><p>{description}</p><p>Machine-readable: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
{operations}
<h2>Try it</h2><form id="try"><label for="body">POST /api/answer</label>
<textarea id="body">{{"question": "What ties OpenAI to Azure?", "history": []}}</textarea>
<p><button>Send</button></p></form><pre id="out" aria-live="polite">The answer appears here.</pre>
<script>document.getElementById("try").addEventListener("submit", async (event) => {{
  event.preventDefault();
  const out = document.getElementById("out");
  out.textContent = "…";
  const reply = await fetch("/api/answer", {{method: "POST", headers: {{"Content-Type": "application/json"}},
    body: document.getElementById("body").value}});
  const text = await reply.text();
  try {{ out.textContent = reply.status + "\\n" + JSON.stringify(JSON.parse(text), null, 2); }}
  catch (error) {{ out.textContent = reply.status + "\\n" + text; }}
}});</script></html>"""


def install_docs(app: FastAPI) -> None:
    """Serve the page at /docs. FastAPI's own page loads its scripts from a content network, which ours must not."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        schema = app.openapi()
        parts = []
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                about = html.escape(operation.get("description") or operation.get("summary", ""))
                parts.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{about}</p>")
        parts.append("<h2>Models</h2>")
        for name, model in schema["components"]["schemas"].items():
            text = html.escape(json.dumps(model, indent=2, ensure_ascii=False))
            parts.append(f"<details><summary><code>{html.escape(name)}</code></summary><pre>{text}</pre></details>")
        page = _PAGE.format(
            title=html.escape(app.title), description=html.escape(app.description), operations="".join(parts)
        )
        return HTMLResponse(page)
