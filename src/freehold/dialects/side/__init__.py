"""Calls beside generation: embeddings, token counts and lists of models, in the dialects that have them.

Start with `embed` (the contract and its table), then `count` and `models`.
"""

from freehold.dialects.side.count import read_count, read_counted, write_count, write_counted
from freehold.dialects.side.embed import EmbedCodec, embed_codec, embed_codec_for
from freehold.dialects.side.models import read_models, write_model, write_models

__all__ = [
    "EmbedCodec", "embed_codec", "embed_codec_for", "read_count", "read_counted", "read_models",
    "write_count", "write_counted", "write_model", "write_models",
]  # fmt: skip
