"""How fast is constitutional training here? Generation against transformers, steps against TRL.

Needs torch, transformers and trl:  .venv-oracle/bin/python -m bench.align
One thread, because at this size more threads mostly wait for each other. The same weights, the same shapes,
rounds in turns. TRL's steps are its own training_step and optimizer, without its trainer's loop around them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench import harness
from freehold.align.checkpoint import load_model
from freehold.align.generate import Generator, Sampling
from freehold.align.layout import PocketLayout
from freehold.align.losses import completion_logprobs, dpo_loss, sft_loss
from freehold.align.prompts import world_prompts
from freehold.align.recipe import SuperviseSection
from freehold.align.train import Optimizer, completions
from freehold.pocket.lm.engine import SHIPPED
from freehold.pocket.lm.marks import talk
from freehold.pocket.lm.tokens import PocketTokens
from freehold.pocket.lm.world import expected_help, expected_refusal

CPU = torch.device("cpu")
BATCHES = (1, 16, 128)
NEW_TOKENS = 64
ROUNDS = 9
STEP_ROWS = 32
STEPS_A_RUN = 4
BETA = 0.1
LAYOUT = PocketLayout(PocketTokens.load(SHIPPED / "tokenizer.json"))
REQUESTS = [one.request for one in world_prompts("train", "harmful", 128, 1) if one.request is not None]
PROMPTS = [LAYOUT.prompt(talk(one.told())) for one in REQUESTS]
CHOSEN = [LAYOUT.answer(expected_refusal(one)) for one in REQUESTS][:STEP_ROWS]
REJECTED = [LAYOUT.answer(expected_help(one)) for one in REQUESTS][:STEP_ROWS]


def ours() -> Any:
    return load_model(SHIPPED, device=CPU, dtype=torch.float32)


def theirs() -> Any:
    import transformers

    return transformers.LlamaForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)


def generation() -> list[harness.Contender]:
    """64 new tokens a row at temperature 1, no row allowed to end early. An operation is a token."""
    engine, model = Generator(ours(), end_ids=(), pad_id=LAYOUT.pad_id), theirs().eval()
    found = []
    for rows in BATCHES:
        runs = max(1, 32 // rows)
        tokens = rows * NEW_TOKENS * runs
        for name, run in (
            (f"freehold, batch {rows}", _own(engine, rows, runs)),
            (f"transformers generate, batch {rows}", _hf(model, rows, runs)),
        ):
            found.append(harness.Contender(name=name, operations=tokens, run=run))
    return found


def _own(engine: Generator, rows: int, runs: int) -> Callable[[], object]:
    how = Sampling(tokens_max=NEW_TOKENS, temperature=1.0, seed=1)
    return lambda: [engine.generate(PROMPTS[:rows], how) for _ in range(runs)]


def _hf(model: Any, rows: int, runs: int) -> Callable[[], object]:
    longest = max(len(prompt) for prompt in PROMPTS[:rows])
    padded = [[LAYOUT.pad_id] * (longest - len(prompt)) + prompt for prompt in PROMPTS[:rows]]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in PROMPTS[:rows]]
    ids, attention = torch.tensor(padded), torch.tensor(mask)

    def run() -> object:
        return [
            model.generate(
                ids, attention_mask=attention, do_sample=True, temperature=1.0, top_k=0,
                max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, pad_token_id=LAYOUT.pad_id,
                eos_token_id=LAYOUT.end_ids[0],
            )
            for _ in range(runs)
        ]  # fmt: skip

    return run


def training(folder: Path) -> list[harness.Contender]:
    """Whole steps: forward, backward, clip, AdamW. An operation is a step of 32 rows, or of 32 pairs."""
    return [
        _contender("freehold, SFT step", _own_sft()),
        _contender("TRL, SFT step", _trl_sft(folder)),
        _contender("freehold, DPO step", _own_dpo()),
        _contender("TRL, DPO step, reference computed before", _trl_dpo(folder, before=True)),
        _contender("TRL, DPO step, as it comes", _trl_dpo(folder, before=False)),
    ]


def _contender(name: str, step: Callable[[], object]) -> harness.Contender:
    return harness.Contender(
        name=name, operations=STEPS_A_RUN, run=lambda: [step() for _ in range(STEPS_A_RUN)]
    )


def _own_sft() -> Callable[[], object]:
    model = ours().train()
    optimizer = Optimizer(list(model.named_parameters()), SuperviseSection())
    rows = list(zip(PROMPTS[:STEP_ROWS], CHOSEN, strict=True))

    def step() -> float:
        ids, labels = completions(LAYOUT, rows, CPU)
        sft_loss(model, ids, labels).backward()
        return optimizer.step(1e-5)

    return step


def _own_dpo() -> Callable[[], object]:
    model = ours().train()
    optimizer = Optimizer(list(model.named_parameters()), SuperviseSection())
    both = list(zip(PROMPTS[:STEP_ROWS] * 2, CHOSEN + REJECTED, strict=True))
    with torch.no_grad():
        start = completion_logprobs(model, *completions(LAYOUT, both, CPU)).chunk(2)

    def step() -> float:
        chosen, rejected = completion_logprobs(model, *completions(LAYOUT, both, CPU)).chunk(2)
        dpo_loss(chosen, rejected, *start, beta=BETA)[0].backward()
        return optimizer.step(1e-5)

    return step


def _common(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder), "report_to": [], "use_cpu": True, "bf16": False, "max_steps": 1,
        "save_strategy": "no", "activation_checkpointing": False, "dataloader_pin_memory": False,
    }  # fmt: skip


def _tokenizer() -> Any:
    import transformers

    found = transformers.PreTrainedTokenizerFast(tokenizer_file=str(SHIPPED / "tokenizer.json"))
    found.pad_token, found.eos_token, found.bos_token = "<|pad|>", "<|end|>", "<|begin|>"
    return found


def _trl_sft(folder: Path) -> Callable[[], object]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    trainer = SFTTrainer(
        model=theirs(), args=SFTConfig(**_common(folder)), processing_class=_tokenizer(),
        train_dataset=Dataset.from_list([{"text": "a"}]),
    )  # fmt: skip
    ids, labels = completions(LAYOUT, list(zip(PROMPTS[:STEP_ROWS], CHOSEN, strict=True)), CPU)
    batch = {"input_ids": ids, "labels": labels, "attention_mask": (ids != LAYOUT.pad_id).long()}
    return _trl_step(trainer, batch)


def _trl_dpo(folder: Path, *, before: bool) -> Callable[[], object]:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    words = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}])
    trainer = DPOTrainer(
        model=theirs(), ref_model=theirs(), args=DPOConfig(beta=BETA, **_common(folder)), train_dataset=words,
        processing_class=_tokenizer(),
    )  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"prompt_ids": p, "chosen_ids": c, "rejected_ids": r}
        for p, c, r in zip(PROMPTS[:STEP_ROWS], CHOSEN, REJECTED, strict=True)
    ]
    if before:
        trainer.precompute_ref_logps = True
        for row in rows:
            row |= {"ref_chosen_logps": -1.0, "ref_rejected_logps": -20.0}
    return _trl_step(trainer, DataCollatorForPreference(pad_token_id=LAYOUT.pad_id)(rows))


def _trl_step(trainer: Any, batch: dict[str, Any]) -> Callable[[], object]:
    trainer.create_optimizer()
    trainer.current_gradient_accumulation_steps = 1  # what its own loop would set
    trainer.model.train()

    def step() -> float:
        trainer.training_step(trainer.model, dict(batch))
        norm = torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
        return float(norm)

    return step


def ratios(rows: tuple[harness.Row, ...]) -> list[str]:
    """CPU time of the peer over ours, pair by pair, and tokens a CPU-second where an operation is a token."""
    cpu = {row.name: row.cpu_ms_median for row in rows}
    notes = []
    for batch in BATCHES:
        own, peer = cpu[f"freehold, batch {batch}"], cpu[f"transformers generate, batch {batch}"]
        rates = f"{1000 / own:,.0f} against {1000 / peer:,.0f} tokens a CPU-second"
        notes.append(f"generation, batch {batch}: {rates}, {peer / own:.2f} times (goal 2)")
    for kind, peer_name in (
        ("SFT", "TRL, SFT step"),
        ("DPO", "TRL, DPO step, reference computed before"),
        ("DPO", "TRL, DPO step, as it comes"),
    ):
        ratio = cpu[peer_name] / cpu[f"freehold, {kind} step"]
        notes.append(f"{peer_name}: {ratio:.2f} times our CPU time (goal 1.5)")
    return notes


def main() -> None:
    torch.set_num_threads(1)
    where = harness.environment()
    with tempfile.TemporaryDirectory() as folder:
        rows = harness.compare([*generation(), *training(Path(folder))], rounds=ROUNDS)
    notes = [*ratios(rows), f"torch {torch.__version__}, one thread, the shipped model of 0.54 M weights"]
    report = harness.Report(question="align", environment=where, rows=rows, notes=tuple(notes))
    print(harness.table(rows), *notes, sep="\n")
    print(f"written to {report.write()}")


if __name__ == "__main__":
    main()
