# environment: align
import shutil
from pathlib import Path

import pytest
import torch

from freehold.align.checkpoint import (
    MANIFEST,
    Manifest,
    load_model,
    read_manifest,
    save_model,
    verify,
    weights_digest,
)
from freehold.errors import InputError, IntegrityError, UnavailableError
from freehold.pocket.lm.engine import SHIPPED
from freehold.types.names import Digest

CPU = torch.device("cpu")


def load(folder: Path, digest: Digest | None = None) -> object:
    return load_model(folder, device=CPU, dtype=torch.float32, digest=digest)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "model")
    return tmp_path / "model"


def test_checkpoint_is_written_as_it_was_read(copy: Path, tmp_path: Path) -> None:
    save_model(
        load_model(copy, device=CPU, dtype=torch.float32),
        copy / "tokenizer.json",
        tmp_path / "again",
        Manifest(),
    )
    assert weights_digest(tmp_path / "again") == weights_digest(copy)
    assert set(read_manifest(tmp_path / "again").files) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }


def test_checkpoint_with_another_digest_is_refused(copy: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        load(copy, Digest("sha256:" + "0" * 64))
    assert caught.value.code == "align.wrong-digest"


def test_checkpoint_with_one_changed_byte_is_refused(copy: Path) -> None:
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    with pytest.raises(IntegrityError) as caught:
        verify(copy)
    assert caught.value.code == "align.wrong-digest"


def test_checkpoint_of_pickle_kind_is_refused_unopened(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / "config.json", tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert caught.value.code == "pocket.weights-pickle"


def test_checkpoint_index_that_points_elsewhere_is_refused(copy: Path) -> None:
    (copy / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../etc/x.safetensors"}}')
    with pytest.raises(IntegrityError):
        load(copy)


def test_checkpoint_that_does_not_fit_its_config_is_refused(copy: Path) -> None:
    (copy / MANIFEST).unlink()
    config = (copy / "config.json").read_text().replace('"num_hidden_layers": 4', '"num_hidden_layers": 3')
    (copy / "config.json").write_text(config)
    with pytest.raises(InputError) as caught:
        load(copy)
    assert caught.value.code == "align.checkpoint-broken"


def test_checkpoint_cut_short_is_refused(copy: Path) -> None:
    (copy / MANIFEST).unlink()
    data = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError) as caught:
        load(copy)
    assert caught.value.code == "align.checkpoint-broken"


def test_checkpoint_that_cannot_be_written_leaves_the_old_one(copy: Path, tmp_path: Path) -> None:
    model = load_model(copy, device=CPU, dtype=torch.float32)
    save_model(model, copy / "tokenizer.json", tmp_path / "run" / "one", Manifest(step=1))
    (tmp_path / "run" / ".one.making").write_text("in the way")
    with pytest.raises(UnavailableError) as caught:
        save_model(
            model, copy / "tokenizer.json", tmp_path / "run" / "one" / "config.json" / "x", Manifest(step=2)
        )
    assert caught.value.code == "align.disk"
    assert read_manifest(tmp_path / "run" / "one").step == 1


def test_checkpoint_in_shards_is_read_whole(tmp_path: Path) -> None:
    import transformers

    model = transformers.LlamaForCausalLM.from_pretrained(SHIPPED)
    model.save_pretrained(tmp_path, max_shard_size="400KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    ours, theirs = load(tmp_path), load(SHIPPED)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))  # type: ignore[attr-defined]
