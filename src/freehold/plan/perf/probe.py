"""A short measurement of a home: the same kind of request a few times at once, through any sampler."""

from __future__ import annotations

from datetime import UTC, datetime

from freehold.clock import Clock
from freehold.errors import UnavailableError
from freehold.plan.perf.evidence import Measurement
from freehold.plan.perf.observed import Behind
from freehold.plan.perf.predict import Work
from freehold.types.contracts import Sampler
from freehold.types.conversation import Conversation, Text, Turn
from freehold.types.sampling import SampleRequest
from freehold.units import NS_PER_S

WORDS = "Count upwards in words, one number after the other, and do not stop early. "
PROBE_REQUESTS_MAX = 256


async def probe(
    sampler: Sampler, behind: Behind, clock: Clock, *, name: str = "", at_once: int = 8, tokens: int = 128
) -> Measurement:
    """Tokens per second of `at_once` requests together. Raises where the home does not count its tokens."""
    turn = Turn(role="user", blocks=(Text(text=WORDS),))
    request = SampleRequest(
        conversation=Conversation(model=behind.model, turns=(turn,)), max_tokens=tokens, temperature=0.0
    )
    started_ns = clock.monotonic_ns()
    samples = await sampler.sample([request] * min(at_once, PROBE_REQUESTS_MAX))
    seconds = (clock.monotonic_ns() - started_ns) / NS_PER_S
    out = sum(sample.usage.output or 0 for sample in samples)
    if not out or seconds <= 0:
        raise UnavailableError(
            "the probe measured nothing",
            why="the home did not say how many tokens it produced",
            fix="use a home that reports usage, or give measurements in a file",
            code="plan.probe-empty",
        )
    into = sum(sample.usage.fresh or 0 for sample in samples)
    work = Work(
        kind="serve", precision=behind.precision, inputs=max(1.0, into / len(samples)),
        outputs=out / len(samples), batch=len(samples),
    )  # fmt: skip
    day = datetime.fromtimestamp(clock.now_ns() / NS_PER_S, UTC).date().isoformat()
    return Measurement(
        silicon=behind.silicon, model=behind.model, work=work, chips=behind.chips, tokens_per_s=out / seconds,
        source=f"a probe of {name}" if name else "a probe", as_of=day,
    )  # fmt: skip
