"""Policies: values with defaults that refuse, read from TOML, wrong ones said with a reason."""

from __future__ import annotations

import pytest

from freehold.config.values import Duration
from freehold.errors import InputError
from freehold.seal.attest.policy import DEFAULT, POLICY_BYTES_MAX, read_policy
from freehold.seal.attest.result import CHECKS

WHOLE = b"""
kinds = ["snp", "nvidia"]
waive = ["measurement"]
vmpl = [0, 1]
measurements = ["aabb"]
collateral_age_max = "30d"
gpus = 8
[tcb_floor.Milan]
bootloader = 3
snp = 8
[registers]
pcr4 = ["00ff"]
[[issuers]]
kind = "azure-maa"
issuer = "https://x.example"
keys = ["aa"]
"""


def test_policy_in_toml_becomes_a_value() -> None:
    policy = read_policy(WHOLE, "p.toml")
    assert (policy.kinds, policy.gpus, policy.vmpl) == (("snp", "nvidia"), 8, (0, 1))
    assert policy.tcb_floor == {"Milan": {"bootloader": 3, "snp": 8}}
    assert policy.collateral_age_max_s == 30 * 86400
    assert policy.issuers[0].issuer == "https://x.example"


def test_policy_defaults_refuse() -> None:
    assert not DEFAULT.debug and not DEFAULT.migration and not DEFAULT.test_roots
    assert (DEFAULT.waive, DEFAULT.vmpl, DEFAULT.tcb_status) == ((), (0,), ("UpToDate",))
    assert DEFAULT.collateral_age_max == Duration("7d")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"debugg = true", "debugg"),
        (b'debug = "yes"', "bool"),
        (b'waive = ["nonc"]', "nonce"),
        (b'kinds = ["sev"]', "kinds"),
        (b'collateral_age_max = "soon"', "duration"),
        (b"gpus = -1", ">= 0"),
        (b"[[issuers]]\nkind = 'x'", "kind"),
        (b"debug = ", ""),
        (b"\xff", ""),
    ],
)
def test_policy_that_is_wrong_is_refused_with_the_reason(text: bytes, why: str) -> None:
    with pytest.raises(InputError) as caught:
        read_policy(text, "p.toml")
    assert why in f"{caught.value.what} {caught.value.why}"


def test_policy_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be used"):
        read_policy(b"#" * (POLICY_BYTES_MAX + 1), "p.toml")


def test_policy_digest_changes_with_every_value() -> None:
    policy = read_policy(WHOLE, "p.toml")
    assert policy.digest == read_policy(WHOLE, "other.toml").digest
    assert policy.digest != read_policy(WHOLE.replace(b"gpus = 8", b"gpus = 7"), "p.toml").digest


def test_policy_may_waive_every_check_there_is() -> None:
    names = ", ".join(f'"{name}"' for name in CHECKS)
    assert read_policy(f"waive = [{names}]".encode(), "p.toml").waive == tuple(CHECKS)
