"""What the OpenAPI document says beyond the serializers: the key, and every refusal."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from organization.rest.permissions import get_needed_role

ALWAYS = {
    "400": "A parameter is not understood.",
    "401": "No API key, or one that is unknown or revoked.",
    "403": "The API key's role may not do this.",
    "503": "Not set up yet, or the database is busy: try again later.",
}
WITH_PATH_PARAMETER = {"404": "There is no such row."}
WITH_BODY = {
    "400": "The body is not understood; `errors` says where.",
    "413": "The body is too large.",
    "415": "The body's media type is not one of those listed, or the body is compressed.",
}


class ProblemSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable; for programs.")
    detail = serializers.CharField(help_text="For people; may change.")
    errors: Any = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Messages by field, where it is known which are at fault.",
    )


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "organization.rest.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key, `gmk_…`."}


class ProblemSchema(AutoSchema):
    """Adds to each operation its refusals and the role that it needs."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation and operation.get("security"):
            _bound_parameters(operation)
            problem = self.resolve_serializer(ProblemSerializer, "response").ref
            content = {"application/json": {"schema": problem}}
            for status, description in self._collect_refusals(operation).items():
                answer = {"description": description, "content": content}
                operation["responses"].setdefault(status, answer)
            role = get_needed_role(self.method, self.view)
            words = [operation.get("description", ""), f"Needs the role {role.label} or higher."]
            operation["description"] = "\n\n".join(filter(None, words))
        return operation

    def _collect_refusals(self, operation: dict[str, Any]) -> dict[str, str]:
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        refusals = dict(ALWAYS)
        if "path" in places:
            refusals |= WITH_PATH_PARAMETER
        if "requestBody" in operation:
            refusals |= WITH_BODY
        if self.method != "GET":
            for status, code in getattr(self.view, "service_errors", {}).values():
                known = refusals.get(str(status))
                refusals[str(status)] = " ".join(filter(None, [known, f"`{code}`."]))
        return refusals


def _bound_parameters(operation: dict[str, Any]) -> None:
    """An empty one is always refused (docs/adr/0272)."""
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        if parameter["in"] == "query" and schema.get("type") == "string":
            is_free = not schema.keys() & {"enum", "format"}
            schema.update({"minLength": 1} if is_free else {})


def describe_requests(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of bodies what the serializers cannot.

    Of a change, what is not named stays: programs that are made from the document would send the
    default of a new row. Fields that a body does not have are refused.
    """
    schemas = result["components"]["schemas"]
    for name in _find_bodies(result):
        schema = schemas[name]
        if "properties" in schema:
            schema["additionalProperties"] = False
        for described in schema.get("properties", {}).values():
            is_no_value = described.get("default") == "" and described.get("minLength")
            if name.startswith("Patched") or is_no_value:
                described.pop("default", None)
    if "BlankEnum" in schemas:
        schemas["BlankEnum"]["type"] = "string"
    return result


def _find_bodies(result: dict[str, Any]) -> set[str]:
    """Return the names of the components that a body is, or holds."""
    operations = [each for path in result["paths"].values() for each in path.values()]
    left = _find_references([each.get("requestBody") for each in operations])
    found: set[str] = set()
    while left - found:
        found |= left
        left = _find_references([result["components"]["schemas"][name] for name in left])
    return found


def _find_references(part: Any) -> set[str]:
    if isinstance(part, list):
        return set[str]().union(*map(_find_references, part))
    if not isinstance(part, dict):
        return set()
    here = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
    return here | _find_references(list(part.values()))
