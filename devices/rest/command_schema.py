"""The body that queues a command, as JSON Schema: one alternative for each row of the table."""

from typing import Any

from devices.protocol.commands import COMMAND_TYPES, CommandType, Parameter, ParameterType
from devices.protocol.commands.requirements import SYSTEMS

Schema = dict[str, Any]
BY_TYPE: dict[ParameterType, Schema] = {
    ParameterType.TEXT: {"type": "string"},
    ParameterType.SECRET: {"type": "string", "format": "password"},
    ParameterType.INTEGER: {"type": "integer"},
    ParameterType.FLAG: {"type": "boolean"},
    ParameterType.TEXTS: {"type": "array", "items": {"type": "string"}},
    ParameterType.DATA: {"type": "string", "contentEncoding": "base64"},
    ParameterType.DICTIONARY: {"type": "object", "additionalProperties": True},
}
EVERYWHERE: Schema = {
    "user": {
        "type": "string",
        "description": "A user of the device (`usr_…`): the command goes to their channel.",
    },
    "expires_at": {
        "type": "string",
        "format": "date-time",
        "description": "It is not handed out after that moment; by default the kind decides.",
    },
}


def build_new_command_schema() -> Schema:
    """Return the schema of every command that a program can queue, each a component of its own.

    So programs that are made from the document have a class for each, called by the command.
    """
    refs = {name: f"#/components/schemas/{_name_component(name)}" for name in sorted(COMMAND_TYPES)}
    return {
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "request_type", "mapping": refs},
    }


def add_command_schemas(result: Schema, **_: Any) -> Schema:
    """Put the components that build_new_command_schema names into the document."""
    components = result["components"]["schemas"]
    for name, kind in COMMAND_TYPES.items():
        components[_name_component(name)] = _describe(kind)
    result["components"]["schemas"] = dict(sorted(components.items()))
    return result


def _name_component(name: str) -> str:
    """`Settings.DeviceName` → `SettingsDeviceNameCommandRequest`."""
    return f"{name.replace('.', '')}CommandRequest"


def _describe(kind: CommandType) -> Schema:
    needed = [parameter.name for parameter in kind.asked if parameter.is_asked_for]
    parameters: Schema = {
        "type": "object",
        "properties": {parameter.name: _describe_parameter(parameter) for parameter in kind.asked},
        "additionalProperties": False,
    }
    return {
        "title": kind.name,
        "description": " ".join(filter(None, [f"{kind.title}.", kind.note, _tell_systems(kind)])),
        "type": "object",
        "properties": {
            "request_type": {"type": "string", "const": kind.name},
            "parameters": parameters | ({"required": needed} if needed else {}),
            **EVERYWHERE,
        },
        "required": ["request_type", *(["parameters"] if needed else [])],
        "additionalProperties": False,
    }


def _describe_parameter(parameter: Parameter) -> Schema:
    schema = dict(BY_TYPE[parameter.type])
    schema["description"] = " ".join(filter(None, [f"{parameter.label}.", parameter.help]))
    if parameter.choices and parameter.type is ParameterType.TEXTS:
        schema["items"] = {"type": "string", "enum": [value for value, _ in parameter.choices]}
    elif parameter.choices:
        schema["enum"] = [value for value, _ in parameter.choices]
    elif parameter.type is ParameterType.INTEGER:
        schema |= {"minimum": parameter.least, "maximum": parameter.most}
    elif parameter.type in (ParameterType.TEXT, ParameterType.SECRET):
        schema["maxLength"] = parameter.longest
    elif parameter.type is ParameterType.TEXTS:
        schema["items"] = {"type": "string", "minLength": 1, "maxLength": parameter.longest}
    return schema


def _tell_systems(kind: CommandType) -> str:
    words = []
    for system, needs in kind.needs.items():
        supervised = ", supervised" if needs.supervised else ""
        words.append(f"{SYSTEMS[system]} {needs.version}{supervised}")
    role = f" Needs the role {kind.minimum_role}." if kind.minimum_role != "operator" else ""
    return f"From {'; '.join(words)}.{role}"
