import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from freehold.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    consistent,
    inclusion_proof,
    leaf_hash,
    range_root,
    root_from_inclusion,
    root_of,
)

# The leaves and roots that the Certificate Transparency project publishes for RFC 6962.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

trees = st.lists(st.binary(max_size=8), min_size=1, max_size=80)


class Tree:
    """Subtree hashes by brute force: what the proofs are made from here."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.hashes = [leaf_hash(leaf) for leaf in leaves]
        self.size = len(leaves)

    def node(self, level: int, index: int) -> bytes:
        row = self.hashes[index << level : index + 1 << level]
        assert len(row) == 1 << level
        return root_of(row)

    def root(self, size: int) -> bytes:
        return root_of(self.hashes[:size])


@pytest.mark.parametrize("size", range(1, 9))
def test_root_is_the_published_one(size: int) -> None:
    assert root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]


def test_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT


@given(trees)
def test_root_agrees_with_another_library(leaves: list[bytes]) -> None:
    other = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        other.append_entry(leaf)
    assert root_of([leaf_hash(leaf) for leaf in leaves]) == other.get_root()


@given(trees, st.data())
def test_frontier_grown_in_parts_is_the_one_grown_at_once(leaves: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(leaves)))
    hashes = Tree(leaves).hashes
    grown = Frontier()
    grown.extend(hashes[:cut])
    grown = Frontier(grown.size, grown.hashes())
    grown.extend(hashes[cut:])
    assert (grown.size, grown.root()) == (len(leaves), root_of(hashes))


def test_frontier_hands_out_every_complete_tile_hash() -> None:
    hashes = [leaf_hash(i.to_bytes(4, "big")) for i in range(70_000)]
    frontier, levels = Frontier(), [[], [], []]
    for start in range(0, len(hashes), 999):
        for level, row in enumerate(frontier.extend(hashes[start : start + 999])):
            levels[level] += row
    assert [len(row) for row in levels] == [70_000, 273, 1]
    assert levels[1][200] == root_of(hashes[200 * 256 : 201 * 256])
    assert levels[2][0] == root_of(hashes[:65536])


def test_frontier_refuses_hashes_that_do_not_fit_its_size() -> None:
    with pytest.raises(ValueError, match="has 2 hashes"):
        Frontier(3, [b"\0" * 32])


@given(trees, st.data())
def test_inclusion_proof_leads_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(index, tree.size, tree.node)
    assert root_from_inclusion(tree.hashes[index], index, tree.size, proof) == tree.root(tree.size)


@given(trees, st.data())
def test_inclusion_proof_of_another_place_leads_elsewhere(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree([leaf + bytes([at]) for at, leaf in enumerate(leaves)])
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(0, len(leaves) + 1).filter(lambda n: n != index))
    proof = inclusion_proof(index, tree.size, tree.node)
    assert root_from_inclusion(tree.hashes[index], other, tree.size, proof) != tree.root(tree.size)


@given(trees, st.data())
def test_inclusion_proof_with_one_bit_changed_fails(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree([*leaves, b"one more"])
    index = data.draw(st.integers(0, len(leaves)))
    proof = inclusion_proof(index, tree.size, tree.node)
    step, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    changed = int.from_bytes(proof[step], "big") ^ (1 << bit)
    proof[step] = changed.to_bytes(32, "big")
    assert root_from_inclusion(tree.hashes[index], index, tree.size, proof) != tree.root(tree.size)


@given(trees, st.data())
def test_inclusion_proof_of_another_length_fails(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(index, tree.size, tree.node)
    assert root_from_inclusion(tree.hashes[index], index, tree.size, [*proof, b"\0" * 32]) is None
    if proof:
        assert root_from_inclusion(tree.hashes[index], index, tree.size, proof[:-1]) is None


@given(trees, st.data())
def test_consistency_proof_holds(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    old = data.draw(st.integers(0, tree.size))
    proof = consistency_proof(old, tree.size, tree.node)
    assert consistent(old, tree.size, tree.root(old), tree.root(tree.size), proof)


@given(trees, st.data())
def test_consistency_proof_of_a_changed_past_fails(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree(leaves)
    old = data.draw(st.integers(1, tree.size))
    other = Tree([*leaves[: old - 1], b"this was never there", *leaves[old:]])
    proof = consistency_proof(old, tree.size, other.node)
    assert not consistent(old, tree.size, tree.root(old), other.root(tree.size), proof)


@given(trees, st.data())
def test_consistency_proof_that_is_forged_fails(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree([*leaves, b"one more"])
    old = data.draw(st.integers(1, len(leaves)))
    proof = consistency_proof(old, tree.size, tree.node)
    step = data.draw(st.integers(0, len(proof) - 1))
    forged = [*proof[:step], bytes(32), *proof[step + 1 :]]
    for wrong in (forged, proof[:-1], [*proof, bytes(32)], []):
        assert not consistent(old, tree.size, tree.root(old), tree.root(tree.size), wrong)


def test_proofs_refuse_places_outside_the_tree() -> None:
    tree = Tree(LEAVES)
    with pytest.raises(ValueError, match="not in a tree of 8"):
        inclusion_proof(8, 8, tree.node)
    with pytest.raises(ValueError, match="cannot be shown"):
        consistency_proof(9, 8, tree.node)


def test_range_root_of_everything_is_the_root() -> None:
    tree = Tree(LEAVES[:7])
    assert range_root(0, 7, tree.node).hex() == ROOTS[6]
