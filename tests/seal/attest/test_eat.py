"""NVIDIA's detached EAT on fakes: devices left out, added, exchanged, and each device's own claims."""

from __future__ import annotations

import json

import msgspec
import pytest

from freehold.seal.attest import Result
from freehold.seal.attest.fake import evidence_set, tokens
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("nvidia-eat", at_s=AT_S)
DEVICE = tokens.Said(operator="nvidia-nras", nonce=MADE.binding.gpu_nonce())


def judge(body: bytes, **rules: object) -> Result:
    return judge_fake(MADE, files={"eat.json": body}, **rules)


def eat(**devices: tokens.Said) -> bytes:
    return tokens.detached_eat({name.replace("_", "-"): said for name, said in devices.items()}, at_s=AT_S)


def test_eat_of_two_devices_passes_where_two_are_expected() -> None:
    body = eat(GPU_0=DEVICE, GPU_1=DEVICE)
    assert judge(body, gpus=2).passed
    assert "nvidia-eat:devices" in judge(body, gpus=8).failed


@pytest.mark.parametrize(
    "changes",
    [{"debug": True}, {"good": False}, {"claims": {"secboot": False}}, {"claims": {"secboot": None}}],
)
def test_eat_with_a_device_that_is_not_as_it_must_be_is_refused(changes: dict[str, object]) -> None:
    bad = msgspec.structs.replace(DEVICE, **changes)
    assert "nvidia-eat:cc-mode" in judge(eat(GPU_0=DEVICE, GPU_1=bad), gpus=2).failed


def test_eat_with_the_token_of_another_request_is_refused() -> None:
    other = msgspec.structs.replace(DEVICE, nonce=bytes(32))
    assert "nvidia-eat:nonce" in judge(eat(GPU_0=DEVICE, GPU_1=other), gpus=2).failed


@pytest.mark.parametrize("change", ["left-out", "added", "renamed", "exchanged"])
def test_eat_whose_devices_are_not_those_of_its_digests_is_refused(change: str) -> None:
    head, devices = json.loads(eat(GPU_0=DEVICE, GPU_1=DEVICE))
    other = tokens.token(DEVICE, at_s=AT_S - 1).decode()
    changed = {
        "left-out": {"GPU-0": devices["GPU-0"]}, "added": {**devices, "GPU-2": other},
        "renamed": {"GPU-0": devices["GPU-0"], "GPU-9": devices["GPU-1"]},
        "exchanged": {**devices, "GPU-1": other},
    }[change]  # fmt: skip
    assert "nvidia-eat:leaf" in judge(json.dumps([head, changed]).encode(), gpus=len(changed)).failed


def test_eat_whose_overall_result_is_not_good_is_refused() -> None:
    overall = msgspec.structs.replace(DEVICE, good=False)
    body = tokens.detached_eat({"GPU-0": DEVICE}, at_s=AT_S, overall=overall)
    assert "nvidia-eat:tcb" in judge(body).failed


@pytest.mark.parametrize("body", [b'[["JWT"], {}]', b'[["JWT", 7], {"a": "b"}]', b'[["JWT", "a.b.c"]]'])
def test_eat_out_of_shape_fails_at_the_format(body: bytes) -> None:
    assert "nvidia-eat:format" in judge(body).failed
