"""Anthropic's Messages, both ways, in both API versions; also Claude on Vertex and in Foundry."""

from freehold.dialects.anthropic.codec import Anthropic, VertexClaude

__all__ = ["Anthropic", "VertexClaude"]
