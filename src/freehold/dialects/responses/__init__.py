"""OpenAI's Responses, both ways."""

from freehold.dialects.responses.codec import Responses

__all__ = ["Responses"]
