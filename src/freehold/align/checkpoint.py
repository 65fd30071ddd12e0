"""Model folders: read what others wrote, write what others can read, never half of one.

A folder is the HF layout (config.json, tokenizer.json, model.safetensors or shards with an index) plus our
manifest.json with the digest of every file. It is written beside its place, synced, and renamed into it: a
folder that is there is whole. Pickles are refused; a digest that does not match is refused.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch as safetensors
import torch
from safetensors import SafetensorError
from torch import Tensor

from freehold.align.disk import disk_error
from freehold.align.model import LanguageModel, read_config, write_config
from freehold.errors import InputError, IntegrityError
from freehold.pocket.lm.weights import PICKLE_SUFFIXES, WEIGHTS_FILE, digest_of, refuse_pickle
from freehold.types.names import Digest

MANIFEST = "manifest.json"
INDEX = "model.safetensors.index.json"
STATE_FILE = "trainer.safetensors"
EMPTY = b"{}"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint is, and the digest of each of its files."""

    schema: str = "freehold.checkpoint/1"
    run: str = ""
    stage: str = ""
    step: int = 0
    files: dict[str, Digest] = {}
    facts: dict[str, str] = {}


def load_model(
    folder: Path, *, device: torch.device, dtype: torch.dtype, digest: Digest | None = None
) -> LanguageModel:
    """A model from its folder, on `device`. With `digest`, only if its weights are those."""
    raw = _config(folder)
    config = read_config(raw, str(folder / "config.json"))
    shards = _shards(folder)
    verify(folder, digest)
    weights: dict[str, Tensor] = {}
    for shard in shards:
        refuse_pickle(shard)
        try:
            weights |= safetensors.load_file(shard)
        except SafetensorError as error:
            raise InputError(
                f"{shard} cannot be read as safetensors", why=str(error)[:200],
                fix="fetch or copy the checkpoint again", code="align.checkpoint-broken",
            ) from error  # fmt: skip
    return _fill(LanguageModel(config), weights, folder).to(device=device, dtype=dtype)


def weights_digest(folder: Path) -> Digest:
    """One digest for the weights of a folder: that of its file, or of its shards' digests in order."""
    shards = _shards(folder)
    if len(shards) == 1:
        return digest_of(shards[0])
    import hashlib

    joined = "\n".join(digest_of(shard) for shard in shards)
    return Digest(f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}")


def verify(folder: Path, digest: Digest | None = None) -> None:
    """Every file the manifest lists is what it lists; and the weights are those asked for."""
    if digest is not None and (found := weights_digest(folder)) != digest:
        raise wrong_digest(folder, digest, found)
    path = folder / MANIFEST
    if path.is_file():
        for name, wanted in read_manifest(folder).files.items():
            file = folder / name
            found = digest_of(file) if file.is_file() else Digest("absent")
            if found != wanted:
                raise wrong_digest(file, wanted, found)


def read_manifest(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            f"{folder} is not a checkpoint of ours", why=f"{MANIFEST}: {error}",
            fix="name a folder under RUN/checkpoints", code="align.checkpoint-broken",
        ) from error  # fmt: skip


def save_model(model: LanguageModel, tokenizer: Path, folder: Path, manifest: Manifest,
               state: dict[str, Tensor] | None = None) -> Manifest:  # fmt: skip
    """Write a whole checkpoint folder, or nothing."""
    making = folder.with_name(f".{folder.name}.making")
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        weights = {name: weight.detach().cpu().contiguous() for name, weight in model.state_dict().items()}
        safetensors.save_file(weights, making / WEIGHTS_FILE, metadata={"format": "pt"})
        if state is not None:
            safetensors.save_file({k: v.cpu().contiguous() for k, v in state.items()}, making / STATE_FILE)
        config = msgspec.json.format(msgspec.json.encode(write_config(model.config)), indent=2)
        (making / "config.json").write_bytes(config + b"\n")
        if tokenizer.is_file():
            shutil.copyfile(tokenizer, making / "tokenizer.json")
        files = {path.name: digest_of(path) for path in sorted(making.iterdir())}
        whole = msgspec.structs.replace(manifest, files=files)
        (making / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
        _settle(making, folder)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise disk_error(folder, error) from error
    except SafetensorError as error:  # what it makes of a disk that is full
        shutil.rmtree(making, ignore_errors=True)
        raise disk_error(folder, OSError(errno.EIO, str(error))) from error
    return whole


def _settle(making: Path, folder: Path) -> None:
    """Sync the files, take the old folder's place, sync the parent."""
    for path in [*making.iterdir(), making]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    if folder.exists():
        shutil.rmtree(folder)
    making.rename(folder)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_state(folder: Path) -> dict[str, Tensor]:
    """The optimizer's part of a checkpoint."""
    return safetensors.load_file(folder / STATE_FILE)


def _config(folder: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            f"{folder} is not a model folder",
            why=f"config.json: {error}",
            fix="name a folder with config.json, tokenizer.json and safetensors in it",
            code="align.not-a-model",
        ) from error


def _shards(folder: Path) -> list[Path]:
    index = folder / INDEX
    if index.is_file():
        listed = msgspec.json.decode(index.read_bytes(), type=dict[str, Any])["weight_map"]
        names = sorted(set(listed.values()))
        if any(Path(name).name != name for name in names):
            raise IntegrityError(
                f"{index} points outside its folder", why="a shard is named by its file name alone",
                fix="do not use this checkpoint", code="align.checkpoint-broken",
            )  # fmt: skip
        return [folder / name for name in names]
    if (folder / WEIGHTS_FILE).is_file():
        return [folder / WEIGHTS_FILE]
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in PICKLE_SUFFIXES:
            refuse_pickle(path)
    raise InputError(
        f"{folder} has no safetensors in it", why=f"neither {WEIGHTS_FILE} nor {INDEX} is there",
        fix="convert the checkpoint to safetensors", code="align.not-a-model",
    )  # fmt: skip


def _fill(model: LanguageModel, weights: dict[str, Tensor], folder: Path) -> LanguageModel:
    tied = model.config.tie_word_embeddings
    weights = {name: w for name, w in weights.items() if not (tied and name == "lm_head.weight")}
    missing = set(model.state_dict()) - set(weights)
    extra = {name for name in set(weights) - set(model.state_dict()) if "rotary_emb" not in name}
    wrong = [n for n, w in model.state_dict().items() if n in weights and weights[n].shape != w.shape]
    if missing or extra or wrong:
        raise InputError(
            f"the weights in {folder} are not those its config.json describes",
            why=f"missing {sorted(missing)[:3]}, unexpected {sorted(extra)[:3]}, wrong shape {wrong[:3]}",
            fix="use the config.json that belongs to these weights",
            code="align.checkpoint-broken",
        )
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model


def wrong_digest(path: Path, wanted: Digest, found: Digest) -> IntegrityError:
    return IntegrityError(
        f"{path} is not what it should be",
        why=f"expected {wanted}, found {found}",
        fix="restore it from where it came from; do not train on it",
        code="align.wrong-digest",
    )


def eos_ids(folder: Path) -> tuple[int, ...]:
    """End tokens as generation_config.json or config.json name them."""
    for name in ("generation_config.json", "config.json"):
        path = folder / name
        raw = msgspec.json.decode(path.read_bytes() if path.is_file() else EMPTY, type=dict[str, Any])
        found = raw.get("eos_token_id")
        if found is not None:
            return tuple(found) if isinstance(found, list) else (int(found),)
    return ()
