"""The pocket tokenizer: a small byte-level BPE, and the layout of a conversation in tokens.

Every part of a document is `<|role|> text<|end|>`, each role a token of its own. One text always has one
encoding, so a prompt built part by part is, token for token, what training saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.errors import MissingExtraError
from freehold.pocket.lm.documents import ROLES, Document, Role

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
SPECIAL = (PAD, BEGIN, END, *(f"<|{role}|>" for role in ROLES))


class PocketTokens:
    """Words to ids and back."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.begin = self.id_of(BEGIN)
        self.end = self.id_of(END)
        self.pad = self.id_of(PAD)
        self.role_ids = {role: self.id_of(f"<|{role}|>") for role in ROLES}
        self.size: int = tokenizer.get_vocab_size()
        self.pieces = [_piece(tokenizer.id_to_token(number)) for number in range(self.size)]

    @classmethod
    def load(cls, path: Path) -> PocketTokens:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtraError("pocket", "the pocket language model") from error
        return cls(Tokenizer.from_file(str(path)))

    def id_of(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise ValueError(f"the tokenizer has no token {token!r}")
        return int(number)

    def encode(self, text: str) -> list[int]:
        """Plain words. Special tokens cannot be written in text."""
        ids: list[int] = self._tokenizer.encode(f" {text}", add_special_tokens=False).ids
        return [number for number in ids if number >= len(SPECIAL)]

    def text(self, ids: Iterable[int]) -> str:
        """What the tokens say; a character that is not whole yet is left out."""
        words = b"".join(self.pieces[number] for number in ids)
        return words.removeprefix(b" ").decode("utf-8", errors="ignore")

    def decode(self, ids: Iterable[int]) -> str:
        return self.text(ids).strip()

    def continuation(self, said: str) -> tuple[list[int], bytes]:
        """The tokens of an answer so far up to its last word, and that word, which may have been cut short.

        The word is written again under the constraint that it begins so. Whatever the place of the cut, the
        tokens then are those that an answer never cut would have had.
        """
        if not said:
            return [], b""
        ids = self.encode(said)
        last = max(
            (place for place, number in enumerate(ids) if self.pieces[number].startswith(b" ")), default=0
        )
        return ids[:last], b"".join(self.pieces[number] for number in ids[last:])

    def part(self, role: Role, text: str) -> list[int]:
        return [self.role_ids[role], *self.encode(text), self.end]

    def prompt(self, parts: Sequence[tuple[Role, str]], then: Role, prefill: str = "") -> list[int]:
        """What was said so far, and whose turn it is."""
        ids = [self.begin]
        for role, text in parts:
            ids += self.part(role, text)
        return [*ids, self.role_ids[then], *(self.encode(prefill) if prefill else ())]

    def document(self, document: Document) -> tuple[list[int], list[float]]:
        """Ids, and the weight of predicting each of them."""
        ids, weights = [self.begin], [0.0]
        for part in document:
            words = self.encode(part.text)
            first = min(part.first_words, len(words))
            ids += [self.role_ids[part.role], *words, self.end]
            weights.append(0.1)
            weights += [part.first_weight] * first + [part.weight] * (len(words) - first + 1)
        return ids, weights


def _piece(token: str | None) -> bytes:
    """A byte-level token's bytes; nothing for special tokens."""
    return b"" if token is None or token in SPECIAL else bytes(_BYTES[character] for character in token)


def _byte_letters() -> dict[str, int]:
    """The byte-level alphabet: printable Latin-1 bytes are themselves, the others letters from U+0100 on."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in shown}
    hidden = (byte for byte in range(256) if byte not in set(shown))
    return letters | {chr(256 + place): byte for place, byte in enumerate(hidden)}


_BYTES = _byte_letters()


def train_tokens(texts: Iterable[str], size: int) -> Tokenizer:
    """Learn the byte-level BPE. The same texts give the same vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
