"""Training and decoding on one GPU: model-FLOPs utilisation at 0.5 to 1 B weights, share of bandwidth in
decoding.

    python -m bench.align_gpu --peak-tflops 989 --bandwidth-gb 4800

Random weights in the shape of a known model: the speed is the same, and nothing is downloaded. Without a
GPU it says so and writes the result page as not measured, with the command. Peaks are what the vendor
states, dense, in bfloat16; they are arguments, because a device does not tell.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from bench import harness
from freehold.align.generate import Generator, Sampling
from freehold.align.losses import sft_loss
from freehold.align.model import LanguageModel, ModelConfig, initialise
from freehold.align.recipe import SuperviseSection
from freehold.align.train import Optimizer

SHAPES = {
    "0.5 B (Qwen2.5-0.5B's shape)": ModelConfig(
        family="qwen2", vocab_size=151_936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24,
        num_attention_heads=14, num_key_value_heads=2, head_dim=64, tie_word_embeddings=True, qkv_bias=True,
        max_position_embeddings=4096,
    ),
    "1 B (Llama-3.2-1B's shape)": ModelConfig(
        family="llama", vocab_size=128_256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16,
        num_attention_heads=32, num_key_value_heads=8, head_dim=64, tie_word_embeddings=True,
        max_position_embeddings=4096,
    ),
}  # fmt: skip
ROW_TOKENS, ROWS, COMPLETION_TOKENS = 2048, 8, 1024
STEPS, WARMUP_STEPS = 8, 3
DECODE_ROWS, DECODE_TOKENS, DECODE_PROMPT = (1, 32, 256), 128, 128
NOT_MEASURED = "*not measured*: no GPU was there when this page was written"
Row = tuple[str, str, str]


def random_model(config: ModelConfig, device: torch.device) -> LanguageModel:
    model = LanguageModel(config)
    initialise(model, 1)
    return model.to(device=device, dtype=torch.bfloat16)


def training(name: str, config: ModelConfig, device: torch.device, peak_flops: float) -> Row:
    """Whole supervised steps: 6 FLOPs a weight and token, and what causal attention takes."""
    model = random_model(config, device).train()
    optimizer = Optimizer(list(model.named_parameters()), SuperviseSection())
    ids = torch.randint(0, config.vocab_size, (ROWS, ROW_TOKENS), device=device)
    labels = ids.clone()
    labels[:, : ROW_TOKENS - COMPLETION_TOKENS] = -100
    seconds = []
    for _ in range(WARMUP_STEPS + STEPS):
        start = time.perf_counter()
        sft_loss(model, ids, labels).backward()
        optimizer.step(1e-5)
        if device.type != "cpu":
            torch.accelerator.synchronize()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[WARMUP_STEPS:])
    tokens = ROWS * ROW_TOKENS
    body = config.parameters(embedding=False) - config.vocab_size * config.hidden_size
    width = config.num_attention_heads * config.head_dim
    flops = 6 * body * tokens + 6 * config.vocab_size * config.hidden_size * ROWS * COMPLETION_TOKENS
    flops += 6 * config.num_hidden_layers * width * ROW_TOKENS * tokens
    spread = f"{min(seconds[WARMUP_STEPS:]) * 1e3:.0f} to {max(seconds[WARMUP_STEPS:]) * 1e3:.0f} ms"
    return (
        f"{name}, training",
        f"{tokens / median:,.0f} tokens/s",
        f"MFU {flops / median / peak_flops:.1%} ({spread})",
    )


def decoding(name: str, config: ModelConfig, device: torch.device, bandwidth: float) -> list[Row]:
    """Tokens a second, and the share of the bandwidth that reading weights and cache once a token takes."""
    model = random_model(config, device).eval()
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    found = []
    for rows in DECODE_ROWS:
        engine = Generator(model, end_ids=(), rows_max=rows)
        prompts = [[1 + n % 100 for n in range(DECODE_PROMPT)] for _ in range(rows)]
        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            engine.generate(prompts, Sampling(tokens_max=DECODE_TOKENS, temperature=1.0))
            seconds.append(time.perf_counter() - start)
        median = statistics.median(seconds[1:])
        per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 2
        cache = per_token * rows * (DECODE_PROMPT + DECODE_TOKENS / 2)
        share = (weights + cache) * DECODE_TOKENS / median / bandwidth
        found.append(
            (
                f"{name}, decoding {rows} rows",
                f"{rows * DECODE_TOKENS / median:,.0f} tokens/s",
                f"{share:.1%} of bandwidth",
            )
        )
    return found


def page(rows: list[Row], where: harness.Environment, device: str, arguments: argparse.Namespace) -> str:
    lines = ["# align-gpu\n", "| what | rate | share of the peak |", "|---|---:|---:|"]
    lines += [f"| {what} | {rate} | {share} |" for what, rate, share in rows]
    lines.append(
        f"\nPeaks as stated: {arguments.peak_tflops:g} TFLOP/s dense bfloat16, "
        f"{arguments.bandwidth_gb:g} GB/s. Device: {device}. Goal: training at 35 to 40 %.\n\n"
        f"Written {where.date} by `{where.command}` at commit `{where.commit}`, torch {torch.__version__}. "
        "To measure: `python -m bench.align_gpu --peak-tflops 989 --bandwidth-gb 4800` on a machine with one "
        "GPU, after `pip install -e '.[align]'`.\n"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peak-tflops", type=float, default=989.0)
    parser.add_argument("--bandwidth-gb", type=float, default=4800.0)
    arguments = parser.parse_args()
    where = harness.environment()
    device = torch.accelerator.current_accelerator()
    rows: list[Row] = []
    if device is None:
        rows = [(f"{name}, {kind}", NOT_MEASURED, "") for name in SHAPES for kind in ("training", "decoding")]
    else:
        for name, config in SHAPES.items():
            rows.append(training(name, config, device, arguments.peak_tflops * 1e12))
            rows += decoding(name, config, device, arguments.bandwidth_gb * 1e9)
    text = page(rows, where, "none" if device is None else str(device), arguments)
    (harness.RESULTS / "align-gpu.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
