"""One whole evidence set of each kind, with everything it needs to pass, and the policy it passes under."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from freehold.seal.attest.binding import Binding, gpu_evidence_digest
from freehold.seal.attest.fake import amd, aws, azure, eventlog, intel, nvidia, tokens
from freehold.seal.attest.fake.keys import PrivateKey, spki_of
from freehold.seal.policy import AttestPolicy

Files = list[tuple[str, bytes]]
FLOOR = {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 100}
IMAGE = tokens.MEASUREMENT

POLICY = AttestPolicy(
    test_roots=True,
    measurements=("11" * 48, "33" * 48, "33" * 32, "77" * 48, IMAGE),
    tcb_floor={"Milan": FLOOR, "Genoa": FLOOR, "Turin": {**FLOOR, "fmc": 1}},
    gpus=1,
    issuers=tuple(tokens.trusted(operator) for operator in tokens.OPERATORS),
)
"""Nothing is waived: a fake set passes every check there is. For sets without a GPU see `FakeSet.policy`."""


class FakeSet(msgspec.Struct, frozen=True, kw_only=True):
    """Files, what they were made for, and when."""

    kind: str
    files: tuple[tuple[str, bytes], ...]
    binding: Binding
    at_s: int

    @property
    def policy(self) -> AttestPolicy:
        gpus = 1 if self.kind in ("nvidia", "nvidia-eat", "snp+gpu") else None
        return msgspec.structs.replace(POLICY, gpus=gpus)


def evidence_set(
    kind: str, *, at_s: int, nonce: bytes = bytes(range(32)), key: bytes = b"a public key"
) -> FakeSet:
    """Evidence of one kind, made for this nonce and key at this time."""
    binding = Binding(nonce=nonce, hpke_key=key)
    return FakeSet(kind=kind, files=tuple(MAKERS[kind](binding, at_s)), binding=binding, at_s=at_s)


def _snp(binding: Binding, at_s: int) -> Files:
    return _snp_of(amd.Snp(report_data=binding.report_data()), at_s)


def _snp_of(said: amd.Snp, at_s: int) -> Files:
    chain = amd.chain(said, at_s=at_s)
    authorities = [(f"authority-{i}.der", each) for i, each in enumerate(chain.authorities)]
    return [("report.bin", amd.report(said)), ("leaf.der", chain.leaf), *authorities, ("amd.crl", chain.crl)]


def _tdx(binding: Binding, at_s: int) -> Files:
    log = eventlog.event_log()
    said = intel.Td(report_data=binding.report_data(), rtmrs=eventlog.registers(log))
    files = intel.collateral(at_s=at_s)
    return [("quote.bin", intel.quote(said, at_s=at_s)), ("ccel.bin", log), *files.items()]


def _sgx(binding: Binding, at_s: int) -> Files:
    said = intel.Td(
        version=3, tee="sgx", report_data=binding.report_data(), attributes=0x5, measurement=b"\x33" * 32
    )
    return [("quote.bin", intel.quote(said, at_s=at_s)), *intel.collateral(at_s=at_s, tee="sgx").items()]


def _nitro(binding: Binding, at_s: int) -> Files:
    said = aws.Enclave(nonce=binding.nonce, user_data=binding.report_data(), public_key=binding.hpke_key)
    return [("document.cbor", aws.document(said, at_s=at_s))]


def _azure(binding: Binding, at_s: int) -> Files:
    said = azure.AzureVm(nonce=binding.quote_nonce())
    chain = amd.chain(said.snp, at_s=at_s)
    authorities = [(f"authority-{i}.der", each) for i, each in enumerate(chain.authorities)]
    return [("evidence.json", azure.evidence(said, at_s=at_s)), *authorities, ("amd.crl", chain.crl)]


def _nvidia(binding: Binding, at_s: int) -> Files:
    said = nvidia.Device(nonce=binding.gpu_nonce())
    answers = [(f"answer-{i}.ocsp", each) for i, each in enumerate(nvidia.answers(said, at_s=at_s))]
    references = nvidia.manifests(said, at_s=at_s)
    return [("gpu.json", nvidia.evidence_file([said], at_s=at_s)), *answers, *references.items()]


def _snp_with_gpu(binding: Binding, at_s: int) -> Files:
    """The GPU is asked with the binding's hash; the CPU's report then names the GPU's evidence."""
    report = nvidia.report(nvidia.Device(nonce=binding.gpu_nonce()))
    gpu = _nvidia(binding, at_s)
    raw = [("gpu.bin", report), ("gpu_chain.pem", nvidia.chain(at_s=at_s)), *gpu[1:]]
    whole = msgspec.structs.replace(binding, gpu_evidence=gpu_evidence_digest([report]))
    return _snp_of(amd.Snp(report_data=whole.report_data()), at_s) + raw


def _token(binding: Binding, at_s: int) -> Files:
    said = tokens.Said(operator="azure-maa", nonce=binding.quote_nonce())
    return [("token.jwt", tokens.token(said, at_s=at_s)), ("keys.json", tokens.key_set("azure-maa"))]


def _eat(binding: Binding, at_s: int) -> Files:
    said = tokens.Said(operator="nvidia-nras", nonce=binding.gpu_nonce())
    eat = tokens.detached_eat({"GPU-0": said}, at_s=at_s)
    return [("eat.json", eat), ("keys.json", tokens.key_set("nvidia-nras"))]


MAKERS: dict[str, Callable[[Binding, int], Files]] = {
    "snp": _snp, "tdx": _tdx, "sgx": _sgx, "nitro": _nitro, "azure": _azure, "nvidia": _nvidia,
    "snp+gpu": _snp_with_gpu, "token": _token, "nvidia-eat": _eat,
}  # fmt: skip


def anchor_digests() -> dict[str, str]:
    """Name -> digest of every test root's key, as pinned in `anchors`."""
    keys: dict[str, PrivateKey] = {f"ARK-{product}": amd.root(product).key for product in amd.FAMILIES}
    keys |= {
        "Intel SGX Root CA": intel.root().key, "AWS Nitro Enclaves Root G1": aws.issuers()[0].key,
        "NVIDIA Device Identity CA": nvidia.device_root().key,
        "NVIDIA CoRIM signing Root CA": nvidia.rim_issuers()[0].key,
    }  # fmt: skip
    return {name: hashlib.sha256(spki_of(key)).hexdigest() for name, key in keys.items()}
