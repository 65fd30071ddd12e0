"""What can be proved: attestation, keys that open only there, bundles, the perimeter.

It knows how to verify evidence at a stated time, and releases keys by a policy.
It must not fetch anything or read a clock while it verifies, and it never says that a model is safe.
Start reading at `attest.verify`, then one kind such as `attest.snp`.
"""
