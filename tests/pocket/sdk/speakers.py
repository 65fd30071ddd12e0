"""Every vendor SDK as one small thing: it says something, and hears text, streamed text or tool calls.

So that the same questions can be asked with any client of any home, directly or through the data plane.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, ClassVar, NamedTuple, Protocol

import anthropic
import boto3
import openai
from botocore.config import Config
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from tests.pocket.sdk.both import CITY, PNG

TOOLS = ("get_weather", "get_time")
Call = tuple[str, dict[str, Any]]


class Heard(NamedTuple):
    """`tokens`: of the prompt and of the answer."""

    text: str
    tokens: tuple[int, int]


class Speaker(Protocol):
    def say(self, text: str) -> Heard: ...
    def stream(self, text: str) -> str: ...
    def call(self, text: str) -> list[Call]: ...
    def call_streamed(self, text: str) -> list[Call]: ...
    def after_tools(self, text: str, result: str) -> str:
        """Ask, let the tools be called, bring their results, and hear what is said then."""
        ...

    def look(self, text: str) -> Heard:
        """Ask about an image."""
        ...

    def fill(self, text: str) -> Any:
        """Ask for an answer of the shape of CITY."""
        ...

    def close(self) -> None: ...


class OpenAIChat:
    def __init__(self, url: str, model: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
        self._model = model

    def _ask(self, messages: Any, **more: Any) -> Any:
        return self._client.chat.completions.create(model=self._model, messages=messages, **more)

    def say(self, text: str) -> Heard:
        done = self._ask([{"role": "user", "content": text}])
        return Heard(
            done.choices[0].message.content, (done.usage.prompt_tokens, done.usage.completion_tokens)
        )

    def stream(self, text: str) -> str:
        chunks = list(self._ask([{"role": "user", "content": text}], stream=True))
        assert chunks[-1].choices[0].finish_reason == "stop"
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    def _tools(self) -> list[Any]:
        return [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in TOOLS]

    def call(self, text: str) -> list[Call]:
        done = self._ask([{"role": "user", "content": text}], tools=self._tools())
        assert done.choices[0].finish_reason == "tool_calls"
        calls = done.choices[0].message.tool_calls
        return [(call.function.name, json.loads(call.function.arguments)) for call in calls]

    def call_streamed(self, text: str) -> list[Call]:
        names: dict[int, str] = {}
        written: dict[int, str] = {}
        for chunk in self._ask([{"role": "user", "content": text}], tools=self._tools(), stream=True):
            for call in chunk.choices[0].delta.tool_calls or []:
                names.setdefault(call.index, call.function.name)
                written[call.index] = written.get(call.index, "") + (call.function.arguments or "")
        return [(name, json.loads(written[at])) for at, name in names.items()]

    def after_tools(self, text: str, result: str) -> str:
        asked: list[Any] = [{"role": "user", "content": text}]
        message = self._ask(asked, tools=self._tools()).choices[0].message
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": result} for call in message.tool_calls
        ]
        done = self._ask([*asked, message, *results], tools=self._tools())
        return str(done.choices[0].message.content)

    def look(self, text: str) -> Heard:
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
        done = self._ask([{"role": "user", "content": [{"type": "text", "text": text}, image]}])
        usage = done.usage
        return Heard(done.choices[0].message.content, (usage.prompt_tokens, usage.completion_tokens))

    def fill(self, text: str) -> Any:
        shape = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
        done = self._ask([{"role": "user", "content": text}], response_format=shape)
        return json.loads(done.choices[0].message.content)

    def close(self) -> None:
        self._client.close()


class AzureChat(OpenAIChat):
    def __init__(self, url: str, model: str) -> None:
        self._client = openai.AzureOpenAI(
            azure_endpoint=url, api_key="k", api_version="2024-10-21", max_retries=0
        )
        self._model = model


class OpenAIResponses:
    def __init__(self, url: str, model: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
        self._model = model
        self._tools: list[Any] = [{"type": "function", "name": name, "parameters": CITY} for name in TOOLS]

    def _ask(self, input: Any, **more: Any) -> Any:
        return self._client.responses.create(model=self._model, input=input, store=False, **more)

    def say(self, text: str) -> Heard:
        done = self._ask(text)
        assert done.status == "completed"
        return Heard(done.output_text, (done.usage.input_tokens, done.usage.output_tokens))

    def stream(self, text: str) -> str:
        events = list(self._ask(text, stream=True))
        assert events[-1].type == "response.completed"
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")

    def _calls(self, output: Any) -> list[Call]:
        return [(item.name, json.loads(item.arguments)) for item in output if item.type == "function_call"]

    def call(self, text: str) -> list[Call]:
        return self._calls(self._ask(text, tools=self._tools).output)

    def call_streamed(self, text: str) -> list[Call]:
        return self._calls(list(self._ask(text, tools=self._tools, stream=True))[-1].response.output)

    def after_tools(self, text: str, result: str) -> str:
        output = self._ask(text, tools=self._tools).output
        results = [
            {"type": "function_call_output", "call_id": item.call_id, "output": result}
            for item in output
            if item.type == "function_call"
        ]
        asked = [{"role": "user", "content": text}, *output, *results]
        return str(self._ask(asked, tools=self._tools).output_text)

    def look(self, text: str) -> Heard:
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
        done = self._ask([{"role": "user", "content": [{"type": "input_text", "text": text}, image]}])
        return Heard(done.output_text, (done.usage.input_tokens, done.usage.output_tokens))

    def fill(self, text: str) -> Any:
        shape = {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}
        return json.loads(self._ask(text, text={"format": shape}).output_text)

    def close(self) -> None:
        self._client.close()


class Claude:
    """The clients differ only in how they are made."""

    def __init__(self, client: Any, model: str) -> None:
        self._client, self._model = client, model

    def _ask(self, messages: Any, **more: Any) -> Any:
        return self._client.messages.create(model=self._model, max_tokens=200, messages=messages, **more)

    def say(self, text: str) -> Heard:
        done = self._ask([{"role": "user", "content": text}])
        assert done.stop_reason == "end_turn"
        return Heard(done.content[0].text, (done.usage.input_tokens, done.usage.output_tokens))

    def stream(self, text: str) -> str:
        events = list(self._ask([{"role": "user", "content": text}], stream=True))
        assert events[-1].type == "message_stop"
        return "".join(event.delta.text for event in events if event.type == "content_block_delta")

    def _tools(self) -> list[Any]:
        return [{"name": name, "input_schema": CITY} for name in TOOLS]

    def call(self, text: str) -> list[Call]:
        done = self._ask([{"role": "user", "content": text}], tools=self._tools())
        assert done.stop_reason == "tool_use"
        return [(block.name, block.input) for block in done.content if block.type == "tool_use"]

    def call_streamed(self, text: str) -> list[Call]:
        with self._client.messages.stream(
            model=self._model, max_tokens=200, messages=[{"role": "user", "content": text}],
            tools=self._tools(),
        ) as stream:  # fmt: skip
            done = stream.get_final_message()
        return [(block.name, block.input) for block in done.content if block.type == "tool_use"]

    def after_tools(self, text: str, result: str) -> str:
        asked: list[Any] = [{"role": "user", "content": text}]
        content = self._ask(asked, tools=self._tools()).content
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": result}
            for block in content
            if block.type == "tool_use"
        ]
        turns = [*asked, {"role": "assistant", "content": content}, {"role": "user", "content": results}]
        return str(self._ask(turns, tools=self._tools()).content[0].text)

    def look(self, text: str) -> Heard:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
        done = self._ask([{"role": "user", "content": [{"type": "text", "text": text}, image]}])
        return Heard(done.content[0].text, (done.usage.input_tokens, done.usage.output_tokens))

    def fill(self, text: str) -> Any:
        shape = {"format": {"type": "json_schema", "schema": CITY}}
        done = self._ask([{"role": "user", "content": text}], output_config=shape)
        return json.loads(done.content[0].text)

    def close(self) -> None:
        self._client.close()


def claude(url: str, model: str) -> Claude:
    return Claude(anthropic.Anthropic(base_url=url, api_key="k", max_retries=0), model)


def claude_older(url: str, model: str) -> Claude:
    older = {"anthropic-version": "2023-06-01"}
    return Claude(anthropic.Anthropic(base_url=url, api_key="k", max_retries=0, default_headers=older), model)


def claude_bedrock(url: str, model: str) -> Claude:
    return Claude(
        anthropic.AnthropicBedrock(
            base_url=url, aws_access_key="k", aws_secret_key="s", aws_region="us-east-1", max_retries=0
        ),
        model,
    )


def claude_vertex(url: str, model: str) -> Claude:
    return Claude(
        anthropic.AnthropicVertex(
            base_url=f"{url}/v1", region="us-east5", project_id="p", access_token="k", max_retries=0
        ),
        model,
    )


def claude_foundry(url: str, model: str) -> Claude:
    return Claude(anthropic.AnthropicFoundry(base_url=f"{url}/anthropic", api_key="k", max_retries=0), model)


class _Boto:
    def __init__(self, url: str, model: str) -> None:
        self._client = boto3.client(
            "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k",
            aws_secret_access_key="s", config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
        )  # fmt: skip
        self._model = model

    def close(self) -> None:
        self._client.close()


class Converse(_Boto):
    _tools: ClassVar[Any] = {
        "tools": [{"toolSpec": {"name": name, "inputSchema": {"json": CITY}}} for name in TOOLS]
    }

    def _ask(self, messages: Any, **more: Any) -> Any:
        return self._client.converse(modelId=self._model, messages=messages, **more)

    def _events(self, text: str, **more: Any) -> list[Any]:
        messages = [{"role": "user", "content": [{"text": text}]}]
        stream = self._client.converse_stream(modelId=self._model, messages=messages, **more)["stream"]
        with closing(stream):
            return list(stream)

    def say(self, text: str) -> Heard:
        done = self._ask([{"role": "user", "content": [{"text": text}]}])
        usage = done["usage"]
        assert done["stopReason"] == "end_turn"
        return Heard(
            done["output"]["message"]["content"][0]["text"], (usage["inputTokens"], usage["outputTokens"])
        )

    def stream(self, text: str) -> str:
        events = self._events(text)
        assert "metadata" in events[-1]
        deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
        return "".join(delta["text"] for delta in deltas)

    def call(self, text: str) -> list[Call]:
        done = self._ask([{"role": "user", "content": [{"text": text}]}], toolConfig=self._tools)
        assert done["stopReason"] == "tool_use"
        uses = [block["toolUse"] for block in done["output"]["message"]["content"] if "toolUse" in block]
        return [(use["name"], use["input"]) for use in uses]

    def call_streamed(self, text: str) -> list[Call]:
        names: dict[int, str] = {}
        written: dict[int, str] = {}
        for event in self._events(text, toolConfig=self._tools):
            if start := event.get("contentBlockStart"):
                names[start["contentBlockIndex"]] = start["start"]["toolUse"]["name"]
            if (delta := event.get("contentBlockDelta")) and "toolUse" in delta["delta"]:
                at = delta["contentBlockIndex"]
                written[at] = written.get(at, "") + delta["delta"]["toolUse"]["input"]
        return [(name, json.loads(written[at])) for at, name in names.items()]

    def after_tools(self, text: str, result: str) -> str:
        asked: list[Any] = [{"role": "user", "content": [{"text": text}]}]
        message = self._ask(asked, toolConfig=self._tools)["output"]["message"]
        results = [
            {"toolResult": {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": result}]}}
            for block in message["content"]
            if "toolUse" in block
        ]
        turns = [*asked, message, {"role": "user", "content": results}]
        done = self._ask(turns, toolConfig=self._tools)
        return str(done["output"]["message"]["content"][0]["text"])

    def look(self, text: str) -> Heard:
        image = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}
        done = self._ask([{"role": "user", "content": [{"text": text}, image]}])
        usage = done["usage"]
        said = done["output"]["message"]["content"][0]["text"]
        return Heard(said, (usage["inputTokens"], usage["outputTokens"]))

    def fill(self, text: str) -> Any:
        shape = {"jsonSchema": {"schema": json.dumps(CITY), "name": "city"}}
        done = self._ask(
            [{"role": "user", "content": [{"text": text}]}],
            outputConfig={"textFormat": {"type": "json_schema", "structure": shape}},
        )
        return json.loads(done["output"]["message"]["content"][0]["text"])


class Invoke(_Boto):
    _tools: ClassVar[Any] = [{"name": name, "input_schema": CITY} for name in TOOLS]

    def _body(self, messages: Any, **more: Any) -> str:
        return json.dumps(
            {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 200, "messages": messages, **more}
        )

    def _ask(self, messages: Any, **more: Any) -> Any:
        done = self._client.invoke_model(modelId=self._model, body=self._body(messages, **more))
        return json.loads(done["body"].read())

    def _events(self, text: str, **more: Any) -> list[Any]:
        body = self._body([{"role": "user", "content": text}], **more)
        stream = self._client.invoke_model_with_response_stream(modelId=self._model, body=body)["body"]
        with closing(stream):
            return [json.loads(event["chunk"]["bytes"]) for event in stream]

    def say(self, text: str) -> Heard:
        done = self._ask([{"role": "user", "content": text}])
        usage = done["usage"]
        return Heard(done["content"][0]["text"], (usage["input_tokens"], usage["output_tokens"]))

    def stream(self, text: str) -> str:
        events = self._events(text)
        assert events[-1]["type"] == "message_stop"
        return "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")

    def call(self, text: str) -> list[Call]:
        content = self._ask([{"role": "user", "content": text}], tools=self._tools)["content"]
        return [(block["name"], block["input"]) for block in content if block["type"] == "tool_use"]

    def call_streamed(self, text: str) -> list[Call]:
        names: dict[int, str] = {}
        written: dict[int, str] = {}
        for event in self._events(text, tools=self._tools):
            if event["type"] == "content_block_start":
                names[event["index"]] = event["content_block"]["name"]
            elif event["type"] == "content_block_delta":
                at = event["index"]
                written[at] = written.get(at, "") + event["delta"]["partial_json"]
        return [(name, json.loads(written[at])) for at, name in names.items()]

    def after_tools(self, text: str, result: str) -> str:
        asked: list[Any] = [{"role": "user", "content": text}]
        content = self._ask(asked, tools=self._tools)["content"]
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": result}
            for block in content
            if block["type"] == "tool_use"
        ]
        turns = [*asked, {"role": "assistant", "content": content}, {"role": "user", "content": results}]
        return str(self._ask(turns, tools=self._tools)["content"][0]["text"])

    def look(self, text: str) -> Heard:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
        done = self._ask([{"role": "user", "content": [{"type": "text", "text": text}, image]}])
        return Heard(
            done["content"][0]["text"], (done["usage"]["input_tokens"], done["usage"]["output_tokens"])
        )

    def fill(self, text: str) -> Any:
        shape = {"format": {"type": "json_schema", "schema": CITY}}
        done = self._ask([{"role": "user", "content": text}], output_config=shape)
        return json.loads(done["content"][0]["text"])


class Gemini:
    def __init__(self, url: str, model: str) -> None:
        self._client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
        self._model = model
        declared = [types.FunctionDeclaration(name=name, parameters_json_schema=CITY) for name in TOOLS]
        off = types.AutomaticFunctionCallingConfig(disable=True)
        self._tools = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=declared)], automatic_function_calling=off
        )

    def _ask(self, contents: Any, config: Any = None) -> Any:
        return self._client.models.generate_content(model=self._model, contents=contents, config=config)

    def say(self, text: str) -> Heard:
        done = self._ask(text)
        usage = done.usage_metadata
        return Heard(done.text, (usage.prompt_token_count, usage.candidates_token_count))

    def stream(self, text: str) -> str:
        chunks = list(self._client.models.generate_content_stream(model=self._model, contents=text))
        assert chunks[-1].candidates[0].finish_reason == "STOP"
        return "".join(chunk.text or "" for chunk in chunks)

    def _calls(self, parts: Any) -> list[Call]:
        calls = [part.function_call for part in parts if part.function_call]
        return [(call.name, call.args) for call in calls]

    def call(self, text: str) -> list[Call]:
        return self._calls(self._ask(text, self._tools).candidates[0].content.parts)

    def call_streamed(self, text: str) -> list[Call]:
        chunks = self._client.models.generate_content_stream(
            model=self._model, contents=text, config=self._tools
        )
        return self._calls([part for chunk in chunks for part in chunk.candidates[0].content.parts or []])

    def after_tools(self, text: str, result: str) -> str:
        asked = types.Content(role="user", parts=[types.Part(text=text)])
        said = self._ask([asked], self._tools).candidates[0].content
        results = [
            types.Part.from_function_response(name=part.function_call.name, response={"result": result})
            for part in said.parts
            if part.function_call
        ]
        return str(self._ask([asked, said, types.Content(role="user", parts=results)], self._tools).text)

    def look(self, text: str) -> Heard:
        done = self._ask([text, types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")])
        usage = done.usage_metadata
        return Heard(done.text, (usage.prompt_token_count, usage.candidates_token_count))

    def fill(self, text: str) -> Any:
        shape = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=CITY)
        return json.loads(self._ask(text, shape).text)

    def close(self) -> None:
        self._client.close()


class VertexGemini(Gemini):
    def __init__(self, url: str, model: str) -> None:
        super().__init__(url, model)
        self._client.close()
        token = Credentials(token="k")  # type: ignore[no-untyped-call]
        self._client = genai.Client(
            vertexai=True, project="p", location="us-central1", credentials=token,
            http_options=types.HttpOptions(base_url=url),
        )  # fmt: skip


class Named(NamedTuple):
    """How a client is made, and the dialect of the homes it was made for."""

    make: Callable[[str, str], Speaker]
    dialect: str


SPEAKERS: dict[str, Named] = {
    "openai chat": Named(OpenAIChat, "openai"),
    "openai azure": Named(AzureChat, "openai"),
    "openai responses": Named(OpenAIResponses, "openai"),
    "anthropic": Named(claude, "anthropic"),
    "anthropic 2023-06-01": Named(claude_older, "anthropic"),
    "anthropic bedrock": Named(claude_bedrock, "bedrock"),
    "anthropic vertex": Named(claude_vertex, "gemini"),
    "anthropic foundry": Named(claude_foundry, "anthropic"),
    "boto3 converse": Named(Converse, "bedrock"),
    "boto3 invoke": Named(Invoke, "bedrock"),
    "google-genai": Named(Gemini, "gemini"),
    "google-genai vertex": Named(VertexGemini, "gemini"),
}
