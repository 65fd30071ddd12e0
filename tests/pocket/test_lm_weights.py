import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InputError, IntegrityError
from freehold.pocket.lm.weights import check_digest, digest_of, read_weights
from freehold.types.names import Digest


def written(path: Path, header: dict[str, object], body: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def test_weights_read_float32_and_bfloat16(tmp_path: Path) -> None:
    body = np.array([1.5, -2.0], dtype="<f4").tobytes() + b"\xc0\x3f"
    header = {
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "BF16", "shape": [1], "data_offsets": [8, 10]},
    }
    found = read_weights(written(tmp_path / "w.safetensors", header, body))
    assert found["a"].tolist() == [1.5, -2.0]
    assert found["b"].tolist() == [1.5]


@pytest.mark.parametrize("start", [b"\x80\x04\x95rest", b"PK\x03\x04zip"])
def test_weights_refuse_a_pickle_by_its_first_bytes(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(start)
    with pytest.raises(InputError) as caught:
        read_weights(path)
    assert caught.value.code == "pocket.weights-pickle"


def test_weights_refuse_a_pickle_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path / "pytorch_model.bin", {}, b"")
    with pytest.raises(InputError, match="pickle"):
        read_weights(path)


@pytest.mark.parametrize(
    "offsets", [[0, 4], [0, 400], [-8, 0], [8, 0]], ids=["short", "outside", "negative", "backwards"]
)
def test_weights_refuse_a_tensor_outside_the_file(tmp_path: Path, offsets: list[int]) -> None:
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": offsets}}
    with pytest.raises(InputError) as caught:
        read_weights(written(tmp_path / "w.safetensors", header, bytes(8)))
    assert caught.value.code == "pocket.weights-broken"


@given(st.binary(max_size=200))
def test_weights_of_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("w") / "w.safetensors"
    path.write_bytes(data)
    try:
        read_weights(path)
    except InputError as error:
        assert error.code.startswith("pocket.weights")


def test_weights_with_another_digest_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "w.safetensors", {}, b"")
    check_digest(path, digest_of(path))
    with pytest.raises(IntegrityError, match="not the file"):
        check_digest(path, Digest("sha256:" + "0" * 64))
