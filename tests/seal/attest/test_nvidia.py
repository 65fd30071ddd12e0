"""NVIDIA on fakes: Hopper, Blackwell and switch; reference values, modes, revocation, counts."""

from __future__ import annotations

import msgspec
import pytest

from freehold.errors import FreeholdError
from freehold.seal.attest import Result
from freehold.seal.attest.fake import FakeSet, evidence_set, nvidia
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("nvidia", at_s=AT_S)
SAID = nvidia.Device(nonce=MADE.binding.gpu_nonce())


def judge(
    *devices: nvidia.Device, revoked: tuple[int, ...] = (), age_s: int = 3600, **rules: object
) -> Result:
    said = devices or (SAID,)
    files: dict[str, bytes] = {"gpu.json": nvidia.evidence_file(list(said), at_s=AT_S)}
    for device in said:
        files |= nvidia.manifests(device, at_s=AT_S)
        answers = nvidia.answers(device, at_s=AT_S, revoked=revoked, age_s=age_s)
        files |= {f"{device.kind}-{i}.ocsp": each for i, each in enumerate(answers)}
    made = FakeSet(kind="nvidia", files=tuple(files.items()), binding=MADE.binding, at_s=AT_S)
    return judge_fake(made, **rules)


def of(kind: str, **changes: object) -> nvidia.Device:
    return msgspec.structs.replace(SAID, kind=kind, **changes)


@pytest.mark.parametrize(
    ("device", "rules", "model"),
    [
        (of("gpu"), {}, "Hopper"),
        (of("blackwell"), {}, "Blackwell"),
        (of("switch"), {"gpus": None, "switches": 1}, "LS10"),
    ],
)
def test_nvidia_device_of_every_architecture_passes(
    device: nvidia.Device, rules: dict[str, object], model: str
) -> None:
    result = judge(device, **rules)
    assert result.passed, (result.failed, result.unchecked)
    assert result.parts[0].claims["x-architecture"] == model


@pytest.mark.parametrize(
    ("device", "failed"),
    [
        (of("gpu", changed={7: bytes(48)}), ("nvidia:reference", "nvidia:cc-mode")),
        (of("gpu", mode=2), ("nvidia:cc-mode",)),
        (of("gpu", mode=9), ("nvidia:cc-mode",)),
        (of("gpu", fwid=bytes(48)), ("nvidia:leaf",)),
        (of("gpu", certified_fwid=bytes(48)), ("nvidia:leaf",)),
        (of("blackwell", certified_fwid=b"\x01" * 48), ("nvidia:leaf",)),
        (of("gpu", nonce=bytes(32)), ("nvidia:nonce", "nvidia:binding")),
    ],
)
def test_nvidia_device_is_refused_for_exactly_what_is_wrong(
    device: nvidia.Device, failed: tuple[str, ...]
) -> None:
    assert judge(device).failed == failed


def test_nvidia_video_decoder_that_is_disabled_is_not_compared() -> None:
    other = {nvidia_index: bytes(48) for nvidia_index in (35,)}
    assert judge(of("gpu", changed=other, nvdec=nvidia.NVDEC_DISABLED)).passed
    assert not judge(of("gpu", changed=other)).passed


def test_nvidia_device_without_reference_values_is_left_unchecked() -> None:
    result = judge_fake(MADE, files={"rim_vbios.xml": b""})
    assert not result.passed
    assert result.unchecked == ("nvidia:reference", "nvidia:cc-mode")


def test_nvidia_reference_values_changed_after_signing_are_refused() -> None:
    body = dict(MADE.files)["rim_driver.xml"]
    assert (
        "nvidia:collateral" in judge_fake(MADE, files={"rim_driver.xml": body.replace(b"_7", b"_8")}).failed
    )


def test_nvidia_reference_values_with_a_second_signature_are_refused() -> None:
    body = dict(MADE.files)["rim_driver.xml"]
    start, end = body.index(b"<ds:Signature"), body.index(b"</SoftwareIdentity>")
    doubled = body[:end] + body[start:end] + body[end:]
    assert "nvidia:collateral" in judge_fake(MADE, files={"rim_driver.xml": doubled}).failed


@pytest.mark.parametrize("serial", [10, 11, 12])
def test_nvidia_device_with_a_revoked_authority_is_refused(serial: int) -> None:
    assert "nvidia:revocation" in judge(revoked=(serial,)).failed


@pytest.mark.parametrize("age_s", [8 * 86400, -7200])
def test_nvidia_answer_that_is_old_or_from_the_future_is_not_used(age_s: int) -> None:
    assert judge(age_s=age_s).unchecked == ("nvidia:revocation",)


def test_nvidia_device_on_the_policys_deny_list_is_refused() -> None:
    assert "nvidia:revocation" in judge(serials_denied=("64",)).failed


@pytest.mark.parametrize(("count", "passed"), [(1, False), (2, True), (3, False)])
def test_nvidia_count_of_devices_must_be_the_expected_one(count: int, passed: bool) -> None:
    devices = (SAID, msgspec.structs.replace(SAID, number=1))
    assert judge(*devices, gpus=count).passed is passed


def test_nvidia_device_that_answers_twice_is_refused() -> None:
    assert "set:devices" in judge(SAID, SAID, gpus=2).failed


def test_nvidia_switch_is_not_counted_as_a_gpu() -> None:
    result = judge(SAID, of("switch"), gpus=1, switches=1)
    assert result.passed, (result.failed, result.unchecked)
    assert "set:devices" in judge(SAID, of("switch"), gpus=2).failed


def test_nvidia_gpu_of_another_machine_beside_a_cpu_is_refused() -> None:
    made = evidence_set("snp+gpu", at_s=AT_S)
    other = nvidia.report(nvidia.Device(nonce=made.binding.gpu_nonce(), number=1))
    chain = nvidia.chain(nvidia.Device(number=1), at_s=AT_S)
    result = judge_fake(made, files={"gpu.bin": other, "gpu_chain.pem": chain})
    assert "snp:binding" in result.failed


@pytest.mark.parametrize("at", [0, 1, 2, 37, 38, 41, 45])
def test_nvidia_header_out_of_range_is_refused(at: int) -> None:
    made = evidence_set("snp+gpu", at_s=AT_S)
    report = bytearray(dict(made.files)["gpu.bin"])
    report[at] ^= 0xFF
    try:
        assert not judge_fake(made, files={"gpu.bin": bytes(report)}).passed
    except FreeholdError:
        return
