"""Amazon Bedrock, both ways: Converse and its stream, and Claude by InvokeModel and its stream."""

from freehold.dialects.bedrock.codec import Bedrock
from freehold.dialects.bedrock.invoke import BedrockInvoke

__all__ = ["Bedrock", "BedrockInvoke"]
