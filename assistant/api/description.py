"""The OpenAPI document: what the endpoints say of themselves, and what the guard before them adds."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from assistant.api.guard import Rule, rules
from assistant.api.openai.errors import OpenAIProblem
from assistant.api.problems import Problem
from assistant.api.stream import Searching, Sentence, Sources
from assistant.settings import Settings

_REF = "#/components/schemas/{model}"
_GUARD = {
    400: "The body cannot be read",
    401: "A key is needed, or the one that came is wrong",
    403: "The key may not do this; or there are no keys, and this is not allowed from where the request comes",
    408: "The request's body came too slowly",
    413: "The request is too long",
    429: "Too many requests; `Retry-After` says when to come back",
    500: "Something went wrong on the server",
    502: "The provider of the model did not answer",
    503: "Busy, too slow or without articles; `Retry-After` says when to come back",
}


def install_description(app: FastAPI, settings: Settings) -> None:
    """Let `app` describe itself as it is behind the guard."""
    guarded = rules(settings)

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(
                get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes),
                guarded,
            )
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _described(schema: dict[str, Any], guarded: tuple[Rule, ...]) -> dict[str, Any]:
    parts = schema.setdefault("components", {})
    parts["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "Needed where the server has keys"}
    }
    models = parts.setdefault("schemas", {})
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            rule = next((rule for rule in guarded if rule.covers(method.upper(), path)), Rule(path))
            _add_guard(operation, rule, "requestBody" in operation)
            _form_errors(operation, below_v1=path.startswith("/v1/"))
    for unused in ("HTTPValidationError", "ValidationError"):
        models.pop(unused, None)
    for model in (Problem, OpenAIProblem, Searching, Sources, Sentence):
        _add_model(models, model)
    return schema


def _add_guard(operation: dict[str, Any], rule: Rule, body: bool) -> None:
    statuses = [500]
    if rule.right:
        statuses += [401, 403]
        operation["security"] = [{"key": []}, {}]  # the server may have no keys
    if rule.body and body:
        statuses += [400, 408, 413]
    statuses += [429] * rule.limited + [502] * rule.computes + [503] * bool(rule.right)
    for status in sorted(statuses):
        operation["responses"].setdefault(str(status), {"description": _GUARD[status]})


def _form_errors(operation: dict[str, Any], *, below_v1: bool) -> None:
    kind, model = ("application/json", "OpenAIProblem") if below_v1 else ("application/problem+json", "Problem")
    for status, response in operation["responses"].items():
        own = "HTTPValidationError" not in str(response)
        if status >= "400" and not (own and response.get("content")):
            response["content"] = {kind: {"schema": {"$ref": _REF.format(model=model)}}}
            if status == "422":
                response["description"] = "The request cannot be used as it is; `detail` says why"


def _add_model(models: dict[str, Any], model: type[BaseModel]) -> None:
    described = model.model_json_schema(ref_template=_REF, mode="serialization")
    for name, part in {**described.pop("$defs", {}), model.__name__: described}.items():
        models.setdefault(name, part)
