"""One fuzzing target, run as a process of its own: python fuzz_target.py TARGET [libFuzzer options].

An input may be refused with our error. Anything else that comes out, or too much memory or time, ends it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import atheris  # type: ignore[import-not-found, unused-ignore]  # installed where fuzzing is

with atheris.instrument_imports(include=["freehold"]):
    from freehold.errors import FreeholdError
    from freehold.seal.attest import AttestPolicy, Evidence, Memo, verify
    from freehold.seal.attest.c14n import canonical, parse_xml
    from freehold.seal.attest.cbor import load_first
    from freehold.seal.attest.certificate import parse_certificate, parse_pem
    from freehold.seal.attest.crl import parse_crl
    from freehold.seal.attest.eventlog import parse_event_log, replay
    from freehold.seal.attest.jwt import parse_token
    from freehold.seal.attest.ocsp import parse_ocsp
    from freehold.seal.attest.quote import parse_quote
    from freehold.seal.attest.rim import parse_manifest
    from freehold.seal.attest.snp_report import parse_report
    from freehold.seal.attest.spdm import parse_device_report
    from freehold.seal.attest.tpm import parse_tpm_quote

AT_S = 1_760_000_000
MEMO = Memo()
POLICY = AttestPolicy(test_roots=True)


def anything(data: bytes) -> None:
    verify(Evidence.read([("input", data)]), policy=POLICY, at_s=AT_S, memo=MEMO)


def certificate(data: bytes) -> None:
    parse_pem(data)
    parse_certificate(data)


def xml(data: bytes) -> None:
    canonical(parse_xml(data))
    parse_manifest(data)


def event_log(data: bytes) -> None:
    replay(parse_event_log(data))


TARGETS: dict[str, Callable[[bytes], object]] = {
    "any": anything, "certificate": certificate, "crl": parse_crl, "ocsp": parse_ocsp, "cbor": load_first,
    "quote": parse_quote, "snp": parse_report, "spdm": parse_device_report, "xml": xml, "token": parse_token,
    "event-log": event_log, "tpm": parse_tpm_quote,
}  # fmt: skip


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        with contextlib.suppress(FreeholdError):
            target(data)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
