"""One offline verifier for the evidence of AMD, Intel, AWS, Azure and NVIDIA.

Knows the vendors' formats to the byte, their keys by digest, and how to say pass, fail or not checked.
Must not know the time, the network or what the evidence is for: everything comes in as an argument.
Start with `verify`; `kinds` is the table, `recognise` tells a file from its bytes, `result` the answer.
"""

from freehold.seal.attest.anchors import ANCHORS, Anchor
from freehold.seal.attest.binding import Binding
from freehold.seal.attest.collateral import Collateral
from freehold.seal.attest.policy import AttestPolicy, read_policy
from freehold.seal.attest.result import Check, Level, Part, Result
from freehold.seal.attest.signature import Memo
from freehold.seal.attest.verify import Evidence, verify

__all__ = [
    "ANCHORS",
    "Anchor",
    "AttestPolicy",
    "Binding",
    "Check",
    "Collateral",
    "Evidence",
    "Level",
    "Memo",
    "Part",
    "Result",
    "read_policy",
    "verify",
]
