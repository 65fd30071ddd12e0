"""Google's Gemini, both ways: generateContent and its stream, on the Gemini API and on Vertex."""

from freehold.dialects.gemini.codec import Gemini

__all__ = ["Gemini"]
