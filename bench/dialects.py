"""What the dialects cost: microseconds a request, an answer and a streamed event, any to any, beside litellm.

    PYTHONPATH=src:. .venv-peers/bin/python -m bench.dialects

Bytes in, bytes out, in one process. Same form on both sides: the body is spliced, the stream watched. Other
pairs go the whole way: read, fit to the home, write. litellm's translation functions are called on the same
bodies and the same streams, with the JSON decoded before and encoded after, as its proxy does. Where litellm
is not installed, its rows are left out.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
from collections.abc import Callable
from typing import Any

from bench.harness import Contender, ask
from freehold.dialects import Target, codec, codec_for, route
from freehold.dialects.base import Inbound
from freehold.dialects.fitting import Fit, fit
from freehold.dialects.passthrough import peek, splice
from freehold.dialects.watching import Watcher
from freehold.types.conversation import (
    Begin,
    BlockEnd,
    BlockStart,
    Conversation,
    End,
    Event,
    Finished,
    Text,
    TextDelta,
    Turn,
    Usage,
    UsageReport,
)
from tests.dialects import homes
from tests.dialects.matrix import recorded

FORMS = ("openai", "responses", "anthropic", "bedrock", "gemini")
MODELS = {
    "openai": "gpt-4.1", "responses": "gpt-4.1", "anthropic": "claude-sonnet-4-6",
    "bedrock": "us.anthropic.claude-sonnet-4-6-v1:0", "gemini": "gemini-2.5-flash",
}  # fmt: skip
CALLS = 1000  # a run does so many: its milliseconds are microseconds each
EVENTS = 1000
CHUNK_BYTES = 1400  # what one read of a socket may bring
ROUNDS = 9
NOTES = (
    "A run is a thousand requests or answers, or a stream of a thousand text deltas: **a millisecond here is"
    " a microsecond for one**.",
    "The request: a system text, eleven turns with a tool, its call and its result, about 2 kB.",
    "Ours: bytes in, bytes out. Same form on both sides: peek and splice, or watch; others: read, fit,"
    " write.",
    "litellm: json.loads, its own transformation, json.dumps; its streams one chunk parsed and dumped at a"
    " time. Its logging, routing and HTTP are left out.",
    "On a machine that others use too, CPU is the column to compare by.",
    "Goals: 5 a request, 2 an event, 50 times less than litellm. Met by same-form requests and events, or"
    " nearly, and by events from anthropic to openai; not by other pairs, nor beside litellm: see the rows.",
)


def conversation(form: str) -> Conversation:
    """A talk of ten turns, as the form's own SDK would open it."""
    asked = recorded(form, "tools")
    assert asked is not None
    said = asked.conversation
    question = Turn(role="user", blocks=(Text(text="What did we say of the weather in Rome? " * 4),))
    answer = Turn(role="assistant", blocks=(Text(text="That it is mild, and dry on most days. " * 4),))
    turns = (*(question, answer) * 3, *said.turns[2:], answer, question)
    return Conversation(
        model="chat", system=said.system, turns=turns, tools=said.tools, max_tokens=1000, dialect=said.dialect
    )


def request_of(form: str) -> tuple[Inbound, bytes]:
    written = codec(form).write_request(conversation(form), Target(api=form, model=MODELS[form]))
    inbound = route("POST", written.path, written.headers)
    assert inbound is not None
    return inbound, written.body


def stream_of(form: str) -> list[bytes]:
    """A long text as a home of this form streams it, cut as a socket might."""
    events: list[Event] = [Begin(id="a1", model="m"), BlockStart(index=0, block=Text(text=""))]
    events += [TextDelta(index=0, text=f"word{at} ") for at in range(EVENTS)]
    events += [BlockEnd(index=0), Finished(finish="stop"), UsageReport(usage=Usage(fresh=9, output=9)), End()]
    writer = codec(form).stream_writer(Conversation(model="m", turns=(), stream_usage=True))
    body = b"".join(writer.write(event) for event in events)
    return [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]


def request_pair(near: str, far: str) -> Callable[[], object]:
    inbound, body = request_of(near)
    target = Target(api=far, model=MODELS[far])
    side, home = codec_for(inbound), codec(far)

    def whole_way() -> None:
        for _ in range(CALLS):
            verdict = fit(side.read_request(inbound, body), target)
            assert isinstance(verdict, Fit), verdict
            home.write_request(verdict.conversation, target)

    def same_form() -> None:
        for _ in range(CALLS):
            assert splice(peek(inbound, body), target) is not None

    return same_form if near == far else whole_way


def answer_pair(near: str, far: str) -> Callable[[], object]:
    """A whole answer told to a caller of another form; of the same form it passes."""
    asked, body = conversation(near), homes.answer(far, "text")[2]
    side, home = codec(near), codec(far)

    def whole_way() -> None:
        for _ in range(CALLS):
            side.write_answer(home.read_answer(body), asked)

    return whole_way


def stream_pair(near: str, far: str) -> Callable[[], object]:
    chunks = stream_of(far)
    asked = Conversation(model="m", turns=(), stream=True, stream_usage=True)

    def translated() -> None:
        reader, writer = codec(far).stream_reader(), codec(near).stream_writer(asked)
        for chunk in chunks:
            for event in reader.feed(chunk):
                writer.write(event)
        assert reader.ended

    def watched() -> None:
        watcher = Watcher(codec(far))
        for chunk in chunks:
            assert watcher.feed(chunk) is not None
        assert watcher.ended

    return watched if near == far else translated


def ours() -> list[Contender]:
    found = []
    for near in FORMS:
        for far in FORMS:
            found.append(Contender(name=f"request {near} -> {far}", run=request_pair(near, far)))
            if near != far:
                found.append(Contender(name=f"answer {far} -> {near}", run=answer_pair(near, far)))
            found.append(Contender(name=f"event {far} -> {near}", run=stream_pair(near, far)))
    return found


# --- litellm ------------------------------------------------------------------------------------------------


def chat_body() -> bytes:
    return request_of("openai")[1]


def litellm_request(transform: Callable[[dict[str, Any]], Any], body: bytes) -> Callable[[], object]:
    def run() -> None:
        for _ in range(CALLS):
            json.dumps(transform(json.loads(body)))

    return run


def litellm_stream(parser: Callable[[], Callable[[Any], Any]], far: str) -> Callable[[], object]:
    payloads = [line[6:] for line in b"".join(stream_of(far)).split(b"\n") if line.startswith(b"data: {")]

    def run() -> None:
        parse = parser()
        for payload in payloads:
            chunk = parse(json.loads(payload))
            if chunk is not None:
                chunk.model_dump_json(exclude_none=True, exclude_unset=True)

    return run


def _from(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def peers() -> list[Contender]:
    if importlib.util.find_spec("litellm") is None:
        return []
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch its price list when imported
    llms = "litellm.llms"
    chunks = _from(f"{llms}.anthropic.chat.handler", "ModelResponseIterator")
    anthropic = _from(f"{llms}.anthropic.chat.transformation", "AnthropicConfig")
    adapter = _from(
        f"{llms}.anthropic.pass_through.adapters.transformation", "LiteLLMAnthropicMessagesAdapter"
    )
    converse = _from(f"{llms}.bedrock.chat.converse_transformation", "AmazonConverseConfig")
    openai = _from(f"{llms}.openai.chat.gpt_transformation", "OpenAIGPTConfig")

    def through(config: Any, model: str) -> Callable[[dict[str, Any]], Any]:
        def transform(body: dict[str, Any]) -> Any:
            messages = body.pop("messages")
            body.pop("model")
            given = config.map_openai_params(body, {}, model, False)
            if isinstance(config, converse):
                return config._transform_request(model, messages, given, {}, {})
            return config.transform_request(model, messages, given, {}, {})

        return transform

    def messages(body: dict[str, Any]) -> Any:
        return adapter().translate_anthropic_to_openai(body)[0]

    rows = [
        ("request openai -> openai", litellm_request(through(openai(), "gpt-4.1"), chat_body())),
        ("request openai -> anthropic",
         litellm_request(through(anthropic(), MODELS["anthropic"]), chat_body())),
        ("request openai -> bedrock",
         litellm_request(through(converse(), MODELS["bedrock"]), chat_body())),
        ("request anthropic -> openai", litellm_request(messages, request_of("anthropic")[1])),
        ("event anthropic -> openai",
         litellm_stream(lambda: chunks(iter(()), sync_stream=True).chunk_parser, "anthropic")),
    ]  # fmt: skip
    return [Contender(name=f"litellm: {name}", run=run) for name, run in rows if works(name, run)]


def works(name: str, run: Callable[[], object]) -> bool:
    """A peer's function that does not take our call is left out by name, and no figure made up for it."""
    with contextlib.suppress(Exception):
        run()
        return True
    print(f"left out: {name}")
    return False


if __name__ == "__main__":
    ask("dialects", [*ours(), *peers()], rounds=ROUNDS, notes=NOTES)
