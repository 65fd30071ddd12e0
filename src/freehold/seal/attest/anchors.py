"""What trust ends in: the public keys of the vendors' roots, pinned by SHA-256 of the SubjectPublicKeyInfo.

By key and never by name: Intel's own sample data is signed by test roots that carry the name "Intel SGX Root
CA". The certificates themselves come with the evidence or the collateral. The test anchors are the keys of
our own fake evidence (see `fake`); their private halves are published, so they count only under a policy that
says so.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Vendor = Literal["amd", "intel", "aws", "nvidia-device", "nvidia-rim"]


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """One pinned key. `product` is the line of chips it stands for, where a vendor has a root for each."""

    name: str
    vendor: Vendor
    spki_sha256: str
    product: str = ""
    test: bool = False


def _amd(product: str, digest: str) -> Anchor:
    return Anchor(name=f"ARK-{product}", vendor="amd", product=product, spki_sha256=digest)


ANCHORS: tuple[Anchor, ...] = (
    _amd("Milan", "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9"),
    _amd("Genoa", "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831"),
    _amd("Turin", "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08"),
    Anchor(
        name="Intel SGX Root CA", vendor="intel",
        spki_sha256="a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e",
    ),
    Anchor(
        name="AWS Nitro Enclaves Root G1", vendor="aws",
        spki_sha256="f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225",
    ),
    Anchor(
        name="NVIDIA Device Identity CA", vendor="nvidia-device",
        spki_sha256="a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4",
    ),
    Anchor(
        name="NVIDIA CoRIM signing Root CA", vendor="nvidia-rim",
        spki_sha256="dec1dc316477aa851eebdf51327ae9f864bc8d89254657ed1e7eb9168af1e1a3",
    ),
)  # fmt: skip


def _test(real: str, vendor: Vendor, digest: str) -> Anchor:
    product = real.removeprefix("ARK-") if vendor == "amd" else ""
    return Anchor(name=f"test {real}", vendor=vendor, spki_sha256=digest, product=product, test=True)


TEST_ANCHORS: tuple[Anchor, ...] = (
    _test("ARK-Milan", "amd", "90e098c399e1e48261857782fa5edee752310a78f1bf2ebb99de7794d48105d7"),
    _test("ARK-Genoa", "amd", "1a304519733cafdb09b610cc3d5e03372222911094ca6c99a9a61a0ee034e5bf"),
    _test("ARK-Turin", "amd", "734694add64f59eacbb7a163b1ec1aa7121ac2ede0a14791d1eafff866b19253"),
    _test("Intel SGX Root CA", "intel", "f5449dc6ddcd7f7b6bc9e0fcaa497189f6f3accc7a95945e678b848bab6ed804"),
    _test(
        "AWS Nitro Enclaves Root G1",
        "aws",
        "699e9207eeb8c44f043c1f26f09693b8e690dde9445bd140d17d38d9935706c2",
    ),
    _test(
        "NVIDIA Device Identity CA",
        "nvidia-device",
        "9c3f975c6cbf6caf160d5428da3045c2ecece489dda358b074a249de024ff9a8",
    ),
    _test(
        "NVIDIA CoRIM signing Root CA",
        "nvidia-rim",
        "573cd524313d08b6e39d4ee2a00dd4230599d64de88605fc50b4b8f36c85f9cd",
    ),
)

TEST_TOKEN_KEYS = frozenset({
    "8d54b3e0fb58f1c12d6f147589719d365d87f66d0e24a4dc848338cbe748bdb6",
    "a77f7ada4ffbac1ec91952ae1704d1b0c8bccefd49546d1f2ac506560ed5764b",
})  # fmt: skip
"""With which fake operators sign their tokens."""


def is_test_key(spki_sha256: str) -> bool:
    """Is it one of the published test keys? Only for saying so: a key that counts is found by `find`."""
    return any(anchor.spki_sha256 == spki_sha256 for anchor in TEST_ANCHORS)


def find(anchors: tuple[Anchor, ...], vendor: Vendor, spki_sha256: str) -> Anchor | None:
    """The pinned key of this vendor with this digest."""
    for anchor in anchors:
        if anchor.spki_sha256 == spki_sha256 and anchor.vendor == vendor:
            return anchor
    return None
