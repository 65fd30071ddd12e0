"""OpenAI's chat completions, both ways; also what Azure, vLLM and Vertex serve in the same form."""

from freehold.dialects.openai.codec import OpenAI

__all__ = ["OpenAI"]
