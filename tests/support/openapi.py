"""Holds real answers against the OpenAPI document that tidegate serves.

A small validator: as much of JSON Schema as the document uses, and an error for a keyword that it does not know, so that
nothing goes unchecked.
"""

import re

KNOWN = {"$ref", "type", "format", "properties", "required", "items", "enum", "nullable", "additionalProperties", "minimum", "anyOf"}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class OpenApi:
    def __init__(self, document):
        self.document = document

    def operation(self, method, path):
        """What the document says of a request; a path without parameters wins over one with."""
        path = path.partition("?")[0]
        for pattern in sorted(self.document["paths"], key=lambda known: known.count("{")):
            expression = "/".join("[^/]+" if piece.startswith("{") else re.escape(piece) for piece in pattern.split("/"))
            if re.fullmatch(expression, path) and method.lower() in self.document["paths"][pattern]:
                return self.document["paths"][pattern][method.lower()]
        raise AssertionError(f"the document has no {method} {path}")

    def check_answer(self, method, path, status, answer):
        """`answer` is the parsed body, None where there was none. Raises AssertionError with every fault."""
        responses = self.operation(method, path)["responses"]
        response = responses.get(str(status))
        if response is None:
            assert status >= 400, f"{method} {path}: the document knows no answer {status}, only {sorted(responses)}"
            response = responses["default"]
        content = response.get("content")
        if content is None:
            assert answer is None, f"{method} {path}: {status} has no body, but there came {answer!r}"
            return
        self.check(answer, content["application/json"]["schema"], f"{method} {path}: answer")

    def check_body(self, method, path, body):
        """The same for a request's body."""
        schema = self.operation(method, path)["requestBody"]["content"]["application/json"]["schema"]
        self.check(body, schema, f"{method} {path}: body")

    def check(self, value, schema, where="value"):
        faults = list(self.faults(value, schema, where))
        assert not faults, "\n".join(faults)

    def faults(self, value, schema, where):
        """A line for each place where the value is not what the schema says."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/components/schemas/")
            schema = self.document["components"]["schemas"][name]
        assert set(schema) <= KNOWN, f"{where}: unknown in a schema: {set(schema) - KNOWN}"
        if value is None and schema.get("nullable", False):
            return
        if "anyOf" in schema:
            if all(list(self.faults(value, choice, where)) for choice in schema["anyOf"]):
                yield f"{where}: {value!r} fits none of {schema['anyOf']}"
            return
        kind = schema["type"]
        if not TYPES[kind](value):
            yield f"{where}: {value!r} is not of type {kind}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is not one of {schema['enum']}"
        if "minimum" in schema and value < schema["minimum"]:
            yield f"{where}: {value!r} is below {schema['minimum']}"
        if schema.get("format") == "date-time" and not DATE_TIME.fullmatch(value):
            yield f"{where}: {value!r} is not a time of RFC 3339"
        if kind == "array":
            for index, item in enumerate(value):
                yield from self.faults(item, schema["items"], f"{where}[{index}]")
        if kind == "object":
            yield from self._object_faults(value, schema, where)

    def _object_faults(self, value, schema, where):
        properties = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where}: {name} is missing"
        for name, item in value.items():
            if name in properties:
                yield from self.faults(item, properties[name], f"{where}.{name}")
            elif not schema.get("additionalProperties", True):
                yield f"{where}: {name} is not described"
