"""Names of media: data URLs, file formats and media types, as each dialect writes them."""

from __future__ import annotations

from freehold.types.conversation import Document, Image

# Bedrock names a format where the others name a media type.
IMAGE_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
DOCUMENT_FORMATS = {
    "application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html", "text/plain": "txt", "text/markdown": "md",
}  # fmt: skip
IMAGE_TYPES = {name: kind for kind, name in IMAGE_FORMATS.items()}
DOCUMENT_TYPES = {name: kind for kind, name in DOCUMENT_FORMATS.items()}
_SUFFIXES = {"jpg": "image/jpeg", **IMAGE_TYPES, **DOCUMENT_TYPES}


def read_data_url(url: str) -> tuple[str, str] | None:
    """(media type, base64) of a base64 data URL; None for any other URL."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    kind, _, encoding = head.rpartition(";")
    if not comma or encoding != "base64":
        return None
    return kind.partition(";")[0] or "application/octet-stream", data


def data_url(media_type: str | None, data_base64: str) -> str:
    return f"data:{media_type or 'application/octet-stream'};base64,{data_base64}"


def image_from_url(url: str, detail: str | None = None) -> Image:
    data = read_data_url(url)
    if data is None:
        return Image(url=url, detail=detail)
    return Image(media_type=data[0], data_base64=data[1], detail=detail)


def type_of(name: str | None) -> str | None:
    """The media type that a file's name suggests."""
    return _SUFFIXES.get((name or "").rpartition(".")[2].lower())


def document_name(document: Document) -> str:
    """A name by Bedrock's rule: letters, digits, blanks, hyphens, brackets; no two blanks together."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-()[] ") else "-" for c in document.title or "")
    return " ".join(kept.split())[:200] or "document"


def image_url(image: Image) -> str:
    """The image as a URL, which a data URL is too."""
    return image.url if image.url is not None else data_url(image.media_type, image.data_base64 or "")
