"""Complete fake evidence of every kind, under test roots of our own.

Knows how each vendor writes its evidence, to the byte, and signs it with keys that everybody can see.
Every policy refuses it but one that says `test_roots = true`; vendors' names in it help nobody.
Start with `sets`: one whole evidence set of each kind; the other modules make pieces, also wrong ones.
"""

from freehold.seal.attest.fake.sets import POLICY, FakeSet, evidence_set

__all__ = ["POLICY", "FakeSet", "evidence_set"]
