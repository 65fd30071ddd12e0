"""The vendors' own SDKs, talking to a loopback server that keeps what they send and answers with given bytes.

One function a surface: it says `ask(url, feature)` in the SDK's own words and tells what the SDK read, as one
`Read` whatever the vendor.
"""

from __future__ import annotations

import base64
import http.server
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n%%EOF\n"
SCHEMA = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
    "additionalProperties": False,
}  # fmt: skip
FEATURES = (
    "text", "stream", "tools", "tool stream", "parallel tools", "image", "document", "thinking",
    "structured output", "stop sequence", "usage with cache", "error",
)  # fmt: skip
STREAMED = ("stream", "tool stream")


@dataclass
class Read:
    """What an SDK made of an answer."""

    text: str = ""
    thinking: str = ""
    tools: list[tuple[str, Any]] = field(default_factory=list)
    finish: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    status: int = 200
    error: str = ""


@dataclass
class Sent:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Wire:
    """A loopback server: `sent` is the last request, `reply` what the next one gets."""

    def __init__(self) -> None:
        self.sent: Sent | None = None
        self.reply: tuple[int, str, bytes] = (500, "application/json", b"{}")
        wire = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                wire.sent = Sent(self.command, self.path, headers, body)
                status, kind, data = wire.reply
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def wire() -> Iterator[Wire]:
    made = Wire()
    try:
        yield made
    finally:
        made.close()


# --- openai -------------------------------------------------------------------------------------------------


@cache
def openai_client(url: str) -> Any:
    import openai

    return openai.OpenAI(api_key="fh-key", base_url=f"{url}/v1", max_retries=0)


@cache
def azure_client(url: str) -> Any:
    import openai

    return openai.AzureOpenAI(api_key="fh-key", azure_endpoint=url, api_version="2024-10-21", max_retries=0)


def chat_request(feature: str, model: str) -> dict[str, Any]:
    user: Any = "What is the weather in Rome?"
    if feature == "image":
        url = "data:image/png;base64," + base64.b64encode(PNG).decode()
        user = [{"type": "text", "text": user}, {"type": "image_url", "image_url": {"url": url}}]
    if feature == "document":
        data = "data:application/pdf;base64," + base64.b64encode(PDF).decode()
        user = [
            {"type": "text", "text": user},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": data}},
        ]
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": user},
    ]  # fmt: skip
    given: dict[str, Any] = {"model": model, "messages": messages, "max_completion_tokens": 4000}
    if feature in ("tools", "tool stream", "parallel tools"):
        cities = ["Rome", "Oslo"] if feature == "parallel tools" else ["Rome"]
        calls = [
            {"id": f"call_{city}", "type": "function",
             "function": {"name": "weather", "arguments": json.dumps({"city": city})}}
            for city in cities
        ]  # fmt: skip
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": f"call_{city}", "content": "mild"} for city in cities]
        function = {"name": "weather", "description": "The weather of a city.", "parameters": SCHEMA}
        given["tools"] = [{"type": "function", "function": function}]
        given["tool_choice"] = "auto"
    if feature == "thinking":
        given["reasoning_effort"] = "low"
    if feature == "structured output":
        schema = {"name": "place", "schema": SCHEMA, "strict": True}
        given["response_format"] = {"type": "json_schema", "json_schema": schema}
    if feature == "stop sequence":
        given["stop"] = ["END"]
    if feature in STREAMED:
        given.update(stream=True, stream_options={"include_usage": True})
    return given


def ask_chat(url: str, feature: str, model: str = "gpt-4.1", client: Any = None) -> Read:
    import openai

    client = client or openai_client(url)
    try:
        answer = client.chat.completions.create(**chat_request(feature, model))
        return read_chat_stream(answer) if feature in STREAMED else read_chat(answer)
    except openai.APIStatusError as error:
        return Read(status=error.status_code, error=type(error).__name__)


def ask_azure(url: str, feature: str, model: str = "gpt-4.1") -> Read:
    return ask_chat(url, feature, model, azure_client(url))


def read_chat(answer: Any) -> Read:
    choice = answer.choices[0]
    message = choice.message
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
    extra = message.model_extra or {}
    read = Read(text=message.content or "", tools=calls, finish=choice.finish_reason,
                thinking=extra.get("reasoning_content", ""))  # fmt: skip
    return chat_usage(read, answer.usage)


def chat_usage(read: Read, usage: Any) -> Read:
    if usage is not None:
        read.tokens_in, read.tokens_out = usage.prompt_tokens, usage.completion_tokens
        details = usage.prompt_tokens_details
        read.cached = (details.cached_tokens or 0) if details else 0
    return read


def read_chat_stream(stream: Any) -> Read:
    read, calls = Read(), dict[int, list[str]]()
    for chunk in stream:
        chat_usage(read, chunk.usage)
        for choice in chunk.choices:
            read.text += choice.delta.content or ""
            read.thinking += (choice.delta.model_extra or {}).get("reasoning_content") or ""
            for call in choice.delta.tool_calls or []:
                held = calls.setdefault(call.index, ["", ""])
                held[0] += call.function.name or ""
                held[1] += call.function.arguments or ""
            read.finish = choice.finish_reason or read.finish
    read.tools = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    return read


# --- responses ----------------------------------------------------------------------------------------------


def responses_request(feature: str, model: str) -> dict[str, Any]:
    said = [{"type": "input_text", "text": "What is the weather in Rome?"}]
    parts: list[Any] = list(said)
    if feature == "image":
        url = "data:image/png;base64," + base64.b64encode(PNG).decode()
        parts.append({"type": "input_image", "image_url": url, "detail": "auto"})
    if feature == "document":
        data = "data:application/pdf;base64," + base64.b64encode(PDF).decode()
        parts.append({"type": "input_file", "filename": "a.pdf", "file_data": data})
    items: list[Any] = [
        {"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": parts},
    ]  # fmt: skip
    given: dict[str, Any] = {"model": model, "instructions": "Be brief.", "input": items, "store": False,
                             "max_output_tokens": 4000}  # fmt: skip
    if feature in ("tools", "tool stream", "parallel tools"):
        cities = ["Rome", "Oslo"] if feature == "parallel tools" else ["Rome"]
        for city in cities:
            items.append({"type": "function_call", "call_id": f"call_{city}", "name": "weather",
                          "arguments": json.dumps({"city": city})})  # fmt: skip
        items += [
            {"type": "function_call_output", "call_id": f"call_{city}", "output": "mild"} for city in cities
        ]
        given["tools"] = [{"type": "function", "name": "weather", "description": "The weather of a city.",
                           "parameters": SCHEMA, "strict": True}]  # fmt: skip
    if feature == "thinking":
        given["reasoning"] = {"effort": "low", "summary": "auto"}
    if feature == "structured output":
        given["text"] = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}}
    if feature in STREAMED:
        given["stream"] = True
    return given


def ask_responses(url: str, feature: str, model: str = "gpt-5.4") -> Read:
    import openai

    try:
        answer = openai_client(url).responses.create(**responses_request(feature, model))
        if feature in STREAMED:
            final, text = None, ""
            for event in answer:
                text += event.delta if event.type == "response.output_text.delta" else ""
                final = getattr(event, "response", final)
            read = read_response(final)
            assert text == read.text
            return read
        return read_response(answer)
    except openai.APIStatusError as error:
        return Read(status=error.status_code, error=type(error).__name__)


def read_response(answer: Any) -> Read:
    read = Read(text=answer.output_text, finish=answer.status)
    for item in answer.output:
        if item.type == "function_call":
            read.tools.append((item.name, json.loads(item.arguments)))
        if item.type == "reasoning":
            read.thinking += "".join(part.text for part in item.summary)
    read.tokens_in, read.tokens_out = answer.usage.input_tokens, answer.usage.output_tokens
    read.cached = answer.usage.input_tokens_details.cached_tokens
    return read


# --- anthropic ----------------------------------------------------------------------------------------------


@cache
def anthropic_client(url: str, kind: str = "plain") -> Any:
    import anthropic

    match kind:
        case "bedrock":
            return anthropic.AnthropicBedrock(
                aws_access_key="fh-key", aws_secret_key="unused", aws_region="us-east-1", base_url=url,
                max_retries=0,
            )  # fmt: skip
        case "vertex":
            return anthropic.AnthropicVertex(
                region="us-east5", project_id="p", access_token="fh-key", base_url=f"{url}/v1", max_retries=0
            )
        case "foundry":
            return anthropic.AnthropicFoundry(api_key="fh-key", base_url=f"{url}/anthropic", max_retries=0)
        case "2023":
            headers = {"anthropic-version": "2023-06-01"}
            return anthropic.Anthropic(api_key="fh-key", base_url=url, max_retries=0, default_headers=headers)
    return anthropic.Anthropic(api_key="fh-key", base_url=url, max_retries=0)


def messages_request(feature: str, model: str) -> dict[str, Any]:
    parts: list[Any] = [{"type": "text", "text": "What is the weather in Rome?"}]
    if feature == "image":
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
        parts.append({"type": "image", "source": source})
    if feature == "document":
        source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(PDF).decode()}
        parts.append({"type": "document", "source": source, "title": "a.pdf"})
    messages: list[Any] = [
        {"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": parts},
    ]  # fmt: skip
    given: dict[str, Any] = {"model": model, "system": "Be brief.", "messages": messages, "max_tokens": 4000}
    if feature in ("tools", "tool stream", "parallel tools"):
        cities = ["Rome", "Oslo"] if feature == "parallel tools" else ["Rome"]
        uses = [{"type": "tool_use", "id": f"call_{city}", "name": "weather", "input": {"city": city}}
                for city in cities]  # fmt: skip
        results = [
            {"type": "tool_result", "tool_use_id": f"call_{city}", "content": "mild"} for city in cities
        ]
        messages += [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
        given["tools"] = [
            {"name": "weather", "description": "The weather of a city.", "input_schema": SCHEMA}
        ]
        given["tool_choice"] = {"type": "auto"}
    if feature == "thinking":
        given["thinking"] = {"type": "enabled", "budget_tokens": 2048}
    if feature == "structured output":
        given["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    if feature == "stop sequence":
        given["stop_sequences"] = ["END"]
    if feature in STREAMED:
        given["stream"] = True
    return given


def ask_messages(url: str, feature: str, model: str = "claude-sonnet-4-6", kind: str = "plain") -> Read:
    import anthropic

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the SDK warns of deprecated models and parameters
            answer = anthropic_client(url, kind).messages.create(**messages_request(feature, model))
        return read_message_stream(answer) if feature in STREAMED else read_message(answer)
    except anthropic.APIStatusError as error:
        return Read(status=error.status_code, error=type(error).__name__)


def read_message(answer: Any) -> Read:
    read = Read(finish=answer.stop_reason)
    for block in answer.content:
        read.text += block.text if block.type == "text" else ""
        read.thinking += block.thinking if block.type == "thinking" else ""
        if block.type == "tool_use":
            read.tools.append((block.name, block.input))
    return messages_usage(read, answer.usage)


def messages_usage(read: Read, usage: Any) -> Read:
    parts = (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
    read.tokens_in = sum(part or 0 for part in parts)
    read.cached, read.tokens_out = usage.cache_read_input_tokens or 0, usage.output_tokens
    return read


def read_message_stream(stream: Any) -> Read:
    read, pieces, names = Read(), dict[int, str](), dict[int, str]()
    for event in stream:
        if event.type == "content_block_start" and event.content_block.type == "tool_use":
            names[event.index], pieces[event.index] = event.content_block.name, ""
        elif event.type == "content_block_delta":
            read.text += getattr(event.delta, "text", "")
            read.thinking += getattr(event.delta, "thinking", "")
            if event.delta.type == "input_json_delta":
                pieces[event.index] += event.delta.partial_json
        elif event.type == "message_delta":
            read.finish = event.delta.stop_reason
            messages_usage(read, event.usage)
    read.tools = [(name, json.loads(pieces[at] or "{}")) for at, name in names.items()]
    return read


# --- bedrock ------------------------------------------------------------------------------------------------


@cache
def bedrock_client(url: str) -> Any:
    import boto3  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]

    return boto3.client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=url, aws_access_key_id="fh-key",
        aws_secret_access_key="unused", config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )  # fmt: skip


def converse_request(feature: str, model: str) -> dict[str, Any]:
    parts: list[Any] = [{"text": "What is the weather in Rome?"}]
    if feature == "image":
        parts.append({"image": {"format": "png", "source": {"bytes": PNG}}})
    if feature == "document":
        parts.append({"document": {"format": "pdf", "name": "a", "source": {"bytes": PDF}}})
    messages: list[Any] = [
        {"role": "user", "content": [{"text": "Hello."}]},
        {"role": "assistant", "content": [{"text": "Hello!"}]}, {"role": "user", "content": parts},
    ]  # fmt: skip
    given: dict[str, Any] = {
        "modelId": model, "system": [{"text": "Be brief."}], "messages": messages,
        "inferenceConfig": {"maxTokens": 4000},
    }  # fmt: skip
    if feature in ("tools", "tool stream", "parallel tools"):
        cities = ["Rome", "Oslo"] if feature == "parallel tools" else ["Rome"]
        uses = [{"toolUse": {"toolUseId": f"call_{city}", "name": "weather", "input": {"city": city}}}
                for city in cities]  # fmt: skip
        results = [
            {"toolResult": {"toolUseId": f"call_{city}", "content": [{"text": "mild"}]}} for city in cities
        ]
        messages += [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
        spec = {"name": "weather", "description": "The weather of a city.", "inputSchema": {"json": SCHEMA}}
        given["toolConfig"] = {"tools": [{"toolSpec": spec}], "toolChoice": {"auto": {}}}
    if feature == "thinking":
        given["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    if feature == "structured output":
        structure = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "place"}}
        given["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
    if feature == "stop sequence":
        given["inferenceConfig"]["stopSequences"] = ["END"]
    return given


def ask_converse(url: str, feature: str, model: str = "us.anthropic.claude-sonnet-4-6-v1:0") -> Read:
    import botocore.exceptions  # type: ignore[import-untyped]

    client = bedrock_client(url)
    given = converse_request(feature, model)
    try:
        if feature in STREAMED:
            return read_converse_stream(client.converse_stream(**given)["stream"])
        return read_converse(client.converse(**given))
    except botocore.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return Read(status=status, error=error.response["Error"]["Code"])


def read_converse(answer: Any) -> Read:
    read = Read(finish=answer["stopReason"])
    for block in answer["output"]["message"]["content"]:
        read.text += block.get("text", "")
        if "toolUse" in block:
            read.tools.append((block["toolUse"]["name"], block["toolUse"]["input"]))
        if "reasoningContent" in block:
            read.thinking += block["reasoningContent"].get("reasoningText", {}).get("text", "")
    return converse_usage(read, answer["usage"])


def converse_usage(read: Read, usage: Any) -> Read:
    read.cached, read.tokens_out = usage.get("cacheReadInputTokens", 0), usage["outputTokens"]
    read.tokens_in = usage["inputTokens"] + read.cached + usage.get("cacheWriteInputTokens", 0)
    return read


def read_converse_stream(stream: Any) -> Read:
    read, calls = Read(), dict[int, list[str]]()
    for event in stream:
        match event:
            case {"contentBlockStart": {"contentBlockIndex": at, "start": {"toolUse": use}}}:
                calls[at] = [use["name"], ""]
            case {"contentBlockDelta": {"contentBlockIndex": at, "delta": delta}}:
                read.text += delta.get("text", "")
                read.thinking += delta.get("reasoningContent", {}).get("text", "")
                if "toolUse" in delta:
                    calls[at][1] += delta["toolUse"]["input"]
            case {"messageStop": {"stopReason": reason}}:
                read.finish = reason
            case {"metadata": {"usage": usage}}:
                converse_usage(read, usage)
    read.tools = [(name, json.loads(arguments or "{}")) for name, arguments in calls.values()]
    return read


# --- gemini -------------------------------------------------------------------------------------------------


@cache
def gemini_client(url: str) -> Any:
    from google import genai

    return genai.Client(api_key="fh-key", http_options=genai.types.HttpOptions(base_url=url))


def ask_gemini(url: str, feature: str, model: str = "gemini-2.5-flash") -> Read:
    from google.genai import errors

    models = gemini_client(url).models
    given = gemini_request(feature, model)
    try:
        if feature in STREAMED:
            return read_gemini(list(models.generate_content_stream(**given)))
        return read_gemini([models.generate_content(**given)])
    except errors.APIError as error:
        return Read(status=error.code, error=error.status or "")


def gemini_request(feature: str, model: str) -> dict[str, Any]:
    from google.genai import types

    Part, Content = types.Part, types.Content
    parts = [Part(text="What is the weather in Rome?")]
    if feature == "image":
        parts.append(Part.from_bytes(data=PNG, mime_type="image/png"))
    if feature == "document":
        parts.append(Part.from_bytes(data=PDF, mime_type="application/pdf"))
    contents = [
        Content(role="user", parts=[Part(text="Hello.")]), Content(role="model", parts=[Part(text="Hello!")]),
        Content(role="user", parts=parts),
    ]  # fmt: skip
    config: dict[str, Any] = {"system_instruction": "Be brief.", "max_output_tokens": 4000}
    if feature in ("tools", "tool stream", "parallel tools"):
        cities = ["Rome", "Oslo"] if feature == "parallel tools" else ["Rome"]
        calls = [
            Part(function_call=types.FunctionCall(name="weather", args={"city": city})) for city in cities
        ]
        results = [Part.from_function_response(name="weather", response={"output": "mild"}) for _ in cities]
        contents += [Content(role="model", parts=calls), Content(role="user", parts=results)]
        declared = types.FunctionDeclaration(
            name="weather", description="The weather of a city.", parameters_json_schema=SCHEMA
        )
        config["tools"] = [types.Tool(function_declarations=[declared])]
    if feature == "thinking":
        config["thinking_config"] = types.ThinkingConfig(thinking_budget=2048, include_thoughts=True)
    if feature == "structured output":
        config.update(response_mime_type="application/json", response_json_schema=SCHEMA)
    if feature == "stop sequence":
        config["stop_sequences"] = ["END"]
    return {"model": model, "contents": contents, "config": types.GenerateContentConfig(**config)}


def read_gemini(chunks: list[Any]) -> Read:
    read = Read()
    for chunk in chunks:
        for candidate in chunk.candidates or []:
            for part in (candidate.content.parts if candidate.content else None) or []:
                if part.function_call:
                    read.tools.append((part.function_call.name, part.function_call.args))
                elif part.thought:
                    read.thinking += part.text or ""
                else:
                    read.text += part.text or ""
            read.finish = candidate.finish_reason.value if candidate.finish_reason else read.finish
        if (usage := chunk.usage_metadata) is not None and usage.prompt_token_count is not None:
            read.tokens_in = usage.prompt_token_count
            read.cached = usage.cached_content_token_count or 0
            read.tokens_out = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return read


def messages_by(kind: str, model: str) -> Callable[[str, str], Read]:
    return lambda url, feature: ask_messages(url, feature, model, kind)


Ask = Callable[[str, str], Read]
ASK: dict[str, Ask] = {
    "openai": ask_chat, "azure": ask_azure, "responses": ask_responses, "anthropic": ask_messages,
    "anthropic 2023-06-01": messages_by("2023", "claude-sonnet-4-6"),
    "foundry": messages_by("foundry", "claude-sonnet-4-6"),
    "vertex claude": messages_by("vertex", "claude-sonnet-4-6"),
    "bedrock invoke": messages_by("bedrock", "us.anthropic.claude-sonnet-4-6-v1:0"),
    "bedrock": ask_converse, "gemini": ask_gemini,
}  # fmt: skip
