"""Write src/freehold/dialects/published/*.json: which fields each vendor's requests have, and their types.

The facts are taken from the vendors' own typed models: the request types of the openai, anthropic and
google-genai SDKs, and botocore's service model. Run it after raising one of them; a test runs it too and
wants the same bytes.

    python scripts/published_fields.py

A type is "str", "int", "num", "bool" or "any"; ["list", T], ["map", T], ["enum", ...], ["union", T, ...];
or "#Name", an object of the file's `types`.
"""

from __future__ import annotations

import collections.abc
import enum
import importlib.metadata
import json
import types as builtin_types
import typing
from pathlib import Path
from typing import Any, Literal

import typing_extensions

OUT = Path(__file__).resolve().parent.parent / "src" / "freehold" / "dialects" / "published"
_PLAIN = {str: "str", int: "int", float: "num", bool: "bool", type(None): "null", bytes: "str"}
_LISTS = (list, tuple, collections.abc.Iterable, collections.abc.Sequence, collections.abc.Collection)
_MAPS = (dict, collections.abc.Mapping)
Type = Any


class Published:
    """The types of one vendor, by name, as they are met."""

    def __init__(self) -> None:
        self.types: dict[str, dict[str, Any]] = {}
        self._names: dict[Any, str] = {}

    def name(self, source: Any) -> str | None:
        return self._names.get(source)

    def claim(self, source: Any) -> str:
        """A name for a new type; two types of one name are told apart by a number."""
        plain = source.__name__
        name, number = plain, 2
        while name in self.types:
            name, number = f"{plain}{number}", number + 1
        self._names[source] = name
        self.types[name] = {}
        return name


def of(published: Published, hint: Any) -> Type:
    """The type of one annotation."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Required, typing.NotRequired, typing.Annotated):
        return of(published, args[0])
    if origin is Literal:
        return [
            "enum",
            *sorted(args, key=str),
        ]  # typing caches an equal Literal in whichever order came first
    if origin in (typing.Union, builtin_types.UnionType):
        return union([of(published, arg) for arg in args])
    if origin in _LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
        return ["list", of(published, args[0])]
    if origin in _MAPS:
        return ["map", of(published, args[1])]
    if typing_extensions.is_typeddict(hint):
        return typed_dict(published, hint)
    if hasattr(hint, "model_fields"):
        return pydantic(published, hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "str"  # Google adds values to its enumerations without notice
    if isinstance(hint, typing_extensions.TypeAliasType):
        return of(published, hint.__value__)
    return "any"


def union(members: list[Type]) -> Type:
    flat: list[Type] = []
    for member in members:
        for each in member[1:] if isinstance(member, list) and member[0] == "union" else [member]:
            if each not in flat:
                flat.append(each)
    if "any" in flat:
        return "any"
    if "str" in flat:  # known values beside any text say nothing more
        flat = [each for each in flat if not (isinstance(each, list) and each[0] == "enum")]
    return flat[0] if len(flat) == 1 else ["union", *flat]


def typed_dict(published: Published, source: Any) -> str:
    if (known := published.name(source)) is not None:
        return f"#{known}"
    name = published.claim(source)
    hints = typing_extensions.get_type_hints(source, include_extras=True)
    fields = {field: of(published, hint) for field, hint in sorted(hints.items())}
    required = sorted(field for field in hints if _required(source, field))
    published.types[name] = {"fields": fields, **({"required": required} if required else {})}
    return f"#{name}"


def _required(source: Any, field: str) -> bool:
    """`__required_keys__` cannot be trusted: it does not see `Required` in an annotation kept as text."""
    for base in (source, *getattr(source, "__orig_bases__", ())):
        if base is not source and typing_extensions.is_typeddict(base) and field in base.__annotations__:
            return _required(base, field)
    hint = typing_extensions.get_type_hints(source, include_extras=True)[field]
    mark = typing_extensions.get_origin(hint)
    if mark is typing_extensions.Required:
        (hint,) = typing_extensions.get_args(hint)
    elif mark is typing_extensions.NotRequired or not source.__total__:
        return False
    return type(None) not in typing_extensions.get_args(hint)  # one that may be null may as well be absent


def pydantic(published: Published, source: Any) -> str:
    if (known := published.name(source)) is not None:
        return f"#{known}"
    name = published.claim(source)
    fields, required = {}, []
    for field, info in sorted(source.model_fields.items()):
        fields[info.alias or field] = of(published, info.annotation)
        if info.is_required():
            required.append(info.alias or field)
    published.types[name] = {"fields": fields, **({"required": required} if required else {})}
    return f"#{name}"


def openai() -> dict[str, Any]:
    from openai.types import embedding_create_params
    from openai.types.chat import completion_create_params

    published = Published()
    chat = of(published, completion_create_params.CompletionCreateParamsBase)
    published.types[chat[1:]]["fields"]["stream"] = ["union", "bool", "null"]
    embed = of(published, embedding_create_params.EmbeddingCreateParams)
    return document("openai", published, generate=chat, embed=embed)


def responses() -> dict[str, Any]:
    from openai.types.responses import input_token_count_params, response_create_params

    published = Published()
    root = of(published, response_create_params.ResponseCreateParamsBase)
    published.types[root[1:]]["fields"]["stream"] = ["union", "bool", "null"]
    count = of(published, input_token_count_params.InputTokenCountParams)
    return document("openai", published, generate=root, count=count)


def anthropic() -> dict[str, Any]:
    from anthropic.types import message_count_tokens_params, message_create_params

    published = Published()
    root = of(published, message_create_params.MessageCreateParamsBase)
    published.types[root[1:]]["fields"]["stream"] = "bool"
    count = of(published, message_count_tokens_params.MessageCountTokensParams)
    return document("anthropic", published, generate=root, count=count)


def gemini() -> dict[str, Any]:
    """The REST body has no type of its own in the SDK: its fields are named here, with Google's types."""
    from google.genai import types

    published = Published()

    def kind(source: Any) -> Type:
        return pydantic(published, source)

    body = {
        "contents": ["list", kind(types.Content)], "systemInstruction": kind(types.Content),
        "tools": ["list", kind(types.Tool)], "toolConfig": kind(types.ToolConfig),
        "safetySettings": ["list", kind(types.SafetySetting)], "cachedContent": "str",
        "generationConfig": kind(types.GenerationConfig), "labels": ["map", "str"], "model": "str",
        "store": "bool", "serviceTier": "str",
    }  # fmt: skip
    published.types["GenerateContentRequest"] = {"fields": body, "required": ["contents"]}
    count = {**body, "generateContentRequest": "#GenerateContentRequest"}
    published.types["CountTokensRequest"] = {"fields": count}
    return document(
        "google-genai", published, generate="#GenerateContentRequest", count="#CountTokensRequest"
    )


def bedrock() -> dict[str, Any]:
    from botocore.loaders import Loader

    model = Loader().load_service_model("bedrock-runtime", "service-2")
    published = Published()
    roots = {"generate": "ConverseRequest", "count": "CountTokensRequest"}
    for name in roots.values():
        shape(published, model["shapes"], name)
    return document("botocore", published, **{use: f"#{name}" for use, name in roots.items()})


def shape(published: Published, shapes: dict[str, Any], name: str) -> Type:
    given = shapes[name]
    match given["type"]:
        case "structure" if given.get("document"):
            return "any"
        case "structure":
            if name not in published.types:
                published.types[name] = {}
                published.types[name] = structure(published, shapes, given)
            return f"#{name}"
        case "list":
            return ["list", shape(published, shapes, given["member"]["shape"])]
        case "map":
            return ["map", shape(published, shapes, given["value"]["shape"])]
        case "string":
            return ["enum", *given["enum"]] if "enum" in given else "str"
        case "integer" | "long":
            return "int"
        case "float" | "double":
            return "num"
        case "boolean":
            return "bool"
        case _:
            return "str"  # blobs are base64


def structure(published: Published, shapes: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    in_body = {field: member for field, member in given["members"].items() if "location" not in member}
    fields = {field: shape(published, shapes, member["shape"]) for field, member in sorted(in_body.items())}
    required = sorted(field for field in given.get("required", []) if field in in_body)
    made: dict[str, Any] = {"fields": fields}
    if required:
        made["required"] = required
    if given.get("union"):
        made["union"] = True
    return made


def document(package: str, published: Published, **roots: Type) -> dict[str, Any]:
    source = f"{package} {importlib.metadata.version(package)}"
    return {"source": source, "roots": roots, "types": dict(sorted(published.types.items()))}


VENDORS = {
    "openai": openai, "responses": responses, "anthropic": anthropic, "gemini": gemini, "bedrock": bedrock,
}  # fmt: skip


def text(dialect: str) -> str:
    """One type a line, so that a change of a vendor's reads as one."""
    made = VENDORS[dialect]()
    lines = [f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in made.pop("types").items()]
    head = json.dumps(made)[:-1]
    return head + ',\n  "types": {\n' + ",\n".join(lines) + "\n  }\n}\n"


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for dialect in VENDORS:
        (OUT / f"{dialect}.json").write_text(text(dialect))
