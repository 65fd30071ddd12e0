"""How many verifications does one core make in a second, by kind, from nothing and with its chain known?

python -m bench.seal

Cold: all from bytes, no signature remembered; evidence, certificates and collateral are read anew.
Warm: certificates and collateral read once, their signatures remembered, as a service for one fleet has it.
The evidence is our own fakes, in the real forms; where FREEHOLD_SHARED_DATA is set, also real evidence.
dcap-qvl, another implementation, verifies the same quote and collateral in the same rounds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.harness import Contender, Row, ask
from freehold.seal.attest import AttestPolicy, Collateral, Evidence, Memo, verify
from freehold.seal.attest.collateral import collect
from freehold.seal.attest.fake import FakeSet, evidence_set
from freehold.seal.attest.recognise import recognise
from freehold.seal.attest.times import parse_time_s

KINDS = ("snp", "tdx", "sgx", "nitro", "azure", "nvidia", "token")
OPERATIONS = 20
ROUNDS = 15
EVIDENCE_FILES = {"tdx": 2}  # of a fake set, the first files; the rest is collateral
AT_S = 1_760_000_000
FRESH = ("nonce", "binding", "measurement")
MILAN = "anchors/amd_milan_vcek_chain.pem"
REAL: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "snp, real": ("2025-06-01T00:00:00Z", ("snp/milan_v2/report.bin",), ("snp/milan_v2/vcek.der", MILAN)),
    "tdx with collateral, real": (
        "2025-06-25T00:00:00Z", ("tdx/v4_uptodate/quote.dat",), ("tdx/v4_uptodate/collateral.json",),
    ),
    "nitro, real": ("2022-10-13T08:58:02Z", ("nitro/beta_2022.bin",), ()),
    "azure snp, real": ("2026-03-01T00:00:00Z", ("azure/snp_live_evidence.json",), (MILAN,)),
    "nvidia hopper, real": (
        "2026-03-01T00:00:00Z", ("nvidia/hopper_535/report.hex",), ("nvidia/hopper_535/chain.pem",),
    ),
}  # fmt: skip
"""Name -> when, evidence files, collateral files."""


Files = list[tuple[str, bytes]]


def read(files: Files, memo: Memo) -> Collateral:
    return collect(tuple(piece for name, data in files for piece in recognise(name, data)), memo=memo)


def judge(files: Files, collateral: Collateral, memo: Memo, rules: dict[str, Any]) -> None:
    """One verification; the answer must be the expected one, or the figure means nothing."""
    result = verify(Evidence.read(files), collateral=collateral, memo=memo, **rules)
    if result.failed:
        raise RuntimeError(f"refused: {result.failed}")


def cold(files: Files, support: Files, rules: dict[str, Any]) -> None:
    """Everything from bytes, with nothing remembered."""
    memo = Memo()
    judge(files, read(support, memo), memo, rules)


def repeat(once: Callable[[], None]) -> None:
    for _ in range(OPERATIONS):
        once()


def pair(name: str, files: Files, support: Files, rules: dict[str, Any]) -> list[Contender]:
    """The same verification from nothing, and with what belongs to the fleet read and checked once."""
    memo = Memo()
    warm = partial(judge, files, read(support, memo), memo, rules)
    anew = partial(cold, files, support, rules)
    return [
        Contender(name=f"{name}, cold", operations=OPERATIONS, run=partial(repeat, anew)),
        Contender(name=f"{name}, warm", operations=OPERATIONS, run=partial(repeat, warm)),
    ]


def fakes() -> list[Contender]:
    found = []
    for kind in KINDS:
        made: FakeSet = evidence_set(kind, at_s=AT_S)
        rules = {"policy": made.policy, "at_s": AT_S, "binding": made.binding}
        count = EVIDENCE_FILES.get(kind, 1)
        found += pair(f"{kind}, fake", list(made.files[:count]), list(made.files[count:]), rules)
    return found


def real(folder: Path) -> list[Contender]:
    found = []
    for name, (at, files, collateral) in REAL.items():
        rules = {"policy": AttestPolicy(), "at_s": parse_time_s(at, "at")}
        found += pair(name, contents(folder, files), contents(folder, collateral), rules)
    return [*found, *other_implementation(folder)]


def contents(folder: Path, names: tuple[str, ...]) -> list[tuple[str, bytes]]:
    return [(name, (folder / name).read_bytes()) for name in names]


def other_implementation(folder: Path) -> list[Contender]:
    """dcap-qvl (Rust, MIT) on the same quote and collateral: from text each time, and with it read once."""
    import dcap_qvl  # type: ignore[import-untyped]  # the other implementation has no types

    quote = (folder / "tdx/v4_uptodate/quote.dat").read_bytes()
    text = (folder / "tdx/v4_uptodate/collateral.json").read_text(encoding="utf-8")
    at_s = parse_time_s("2025-06-25T00:00:00Z", "at")
    held = dcap_qvl.QuoteCollateralV3.from_json(text)

    def anew() -> None:
        dcap_qvl.verify(quote, dcap_qvl.QuoteCollateralV3.from_json(text), at_s)

    def again() -> None:
        dcap_qvl.verify(quote, held, at_s)

    return [
        Contender(
            name=f"dcap-qvl, tdx with collateral, real, {how}",
            operations=OPERATIONS,
            run=partial(repeat, once),
        )
        for how, once in (("cold", anew), ("held", again))
    ]


def per_second(rows: tuple[Row, ...]) -> list[str]:
    """CPU time is what a core is made of, so it is what the goal is about."""
    return [f"{row.name}: {1e3 / row.cpu_ms_median:.0f} a second and core" for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    words = parser.parse_args()
    shared = os.environ.get("FREEHOLD_SHARED_DATA")
    contenders = real(Path(shared) / "attestation") if shared else []
    report = ask("seal", contenders + fakes(), rounds=words.rounds, notes=NOTES)
    print("\n".join(per_second(report.rows)))


NOTES = (
    "Cold: evidence, certificates and collateral from bytes, nothing remembered. "
    "Warm: certificates and collateral are read once and their signatures remembered; all else is done anew.",
    "One operation is one verification; a core does 1000 / CPU ms of them in a second. "
    "Goals: SNP 700 cold and 1200 warm; TDX with full collateral level with dcap-qvl.",
)


if __name__ == "__main__":
    main()
