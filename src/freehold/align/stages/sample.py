"""First answers: what the model says today to every prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freehold.align.prompts import Prompt
from freehold.align.work import Run, in_chunks
from freehold.pocket.lm.marks import talk
from freehold.types.sampling import SampleRequest


def sample(run: Run) -> None:
    """rows/samples.jsonl, one row a prompt."""
    how = run.recipe.sample
    sampler = run.answerer(run.base)

    def make(chunk: int, prompts: Sequence[Prompt]) -> tuple[list[dict[str, Any]], dict[str, float]]:
        seed = run.seed("sample", chunk)
        requests = [
            SampleRequest(
                conversation=talk(prompt.asked),
                max_tokens=how.tokens_max,
                temperature=how.temperature,
                seed=seed,
            )
            for prompt in prompts
        ]
        answers = run.ask(sampler, requests, "policy")
        rows = [
            {
                "prompt": prompt.id, "classed": prompt.classed, "red_team": prompt.red_team,
                "asked": prompt.asked, "answer": answer.text, "sampler": answer.home or "here",
                "weights": answer.weights_digest, "seed": seed, "finish": answer.finish,
                "tokens": [answer.usage.fresh, answer.usage.output],
            }
            for prompt, answer in zip(prompts, answers, strict=True)
        ]  # fmt: skip
        return rows, run.staleness()

    in_chunks(run, "sample", "samples", run.prompts, how.rows, make)
    run.folder.finish_stage("sample", run.now_ns(), ["rows/samples.jsonl"] if run.prompts else [], {})
