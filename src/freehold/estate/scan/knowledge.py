"""What names mean: libraries, hosts, environment variables, model ids, actions, images.

Tables and small pure functions. The vendor of a finding is the operator of the home, which is often not the
vendor of the library: most `OpenAI(...)` clients point elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

UNKNOWN = "unknown"
SELF = "self"


class Client(NamedTuple):
    """A constructor: who answers if nothing else is said, and through which API."""

    vendor: str
    api: str


_OPENAI, _AZURE = Client("openai", "openai"), Client("microsoft", "azure")
_ANTHROPIC, _BEDROCK = Client("anthropic", "anthropic"), Client("aws", "bedrock")
_VERTEX, _GEMINI = Client("google", "vertex"), Client("google", "gemini")
_FOUNDRY, _COHERE, _MISTRAL = (
    Client("microsoft", "foundry"),
    Client("cohere", "cohere"),
    Client("mistral", "mistral"),
)
_GROQ, _TOGETHER, _HF = (
    Client("groq", "openai"),
    Client("together", "openai"),
    Client("huggingface", "huggingface"),
)
_OLLAMA, _XAI = Client("self", "ollama"), Client("xai", "openai")
_REPLICATE, _FIREWORKS = Client("replicate", "replicate"), Client("fireworks", "openai")
_DEEPSEEK, _NVIDIA = Client("deepseek", "openai"), Client("nvidia", "openai")

# Python: fully qualified constructor -> client. A trailing * matches any module below the package.
PYTHON_CLIENTS: dict[str, Client] = {
    "openai.OpenAI": _OPENAI, "openai.AsyncOpenAI": _OPENAI, "openai.Client": _OPENAI, "openai.AsyncClient": _OPENAI,
    "openai.AzureOpenAI": _AZURE, "openai.AsyncAzureOpenAI": _AZURE,
    "anthropic.Anthropic": _ANTHROPIC, "anthropic.AsyncAnthropic": _ANTHROPIC, "anthropic.Client": _ANTHROPIC,
    "anthropic.AnthropicBedrock": _BEDROCK, "anthropic.AsyncAnthropicBedrock": _BEDROCK,
    "anthropic.AnthropicVertex": _VERTEX, "anthropic.AsyncAnthropicVertex": _VERTEX,
    "anthropic.AnthropicFoundry": _FOUNDRY, "anthropic.AsyncAnthropicFoundry": _FOUNDRY,
    "google.genai.Client": _GEMINI,
    "google.generativeai.configure": _GEMINI, "google.generativeai.GenerativeModel": _GEMINI,
    "vertexai.init": _VERTEX, "vertexai.*.GenerativeModel": _VERTEX, "vertexai.*.TextEmbeddingModel": _VERTEX,
    "vertexai.*.TextGenerationModel": _VERTEX, "vertexai.*.ChatModel": _VERTEX,
    "azure.ai.inference.*ChatCompletionsClient": _FOUNDRY, "azure.ai.inference.*EmbeddingsClient": _FOUNDRY,
    "azure.ai.projects.*AIProjectClient": _FOUNDRY,
    "cohere.Client": _COHERE, "cohere.ClientV2": _COHERE, "cohere.AsyncClient": _COHERE, "cohere.AsyncClientV2": _COHERE,
    "mistralai.Mistral": _MISTRAL, "mistralai.client.MistralClient": _MISTRAL,
    "groq.Groq": _GROQ, "groq.AsyncGroq": _GROQ, "together.Together": _TOGETHER, "together.AsyncTogether": _TOGETHER,
    "huggingface_hub.InferenceClient": _HF, "huggingface_hub.AsyncInferenceClient": _HF,
    "ollama.Client": _OLLAMA, "ollama.AsyncClient": _OLLAMA, "ollama.chat": _OLLAMA, "ollama.generate": _OLLAMA,
    "ollama.embed": _OLLAMA, "replicate.run": _REPLICATE, "replicate.Client": _REPLICATE,
    "fireworks.client.*Fireworks": _FIREWORKS,
    "agents.OpenAIChatCompletionsModel": _OPENAI, "agents.OpenAIResponsesModel": _OPENAI,
    "vllm.LLM": Client(SELF, "vllm"), "vllm.AsyncLLMEngine": Client(SELF, "vllm"), "llama_cpp.Llama": Client(SELF, "llama.cpp"),
    "langchain_openai.*ChatOpenAI": _OPENAI, "langchain_openai.*OpenAI": _OPENAI,
    "langchain_openai.*OpenAIEmbeddings": _OPENAI, "langchain_openai.*AzureChatOpenAI": _AZURE,
    "langchain_openai.*AzureOpenAI": _AZURE, "langchain_openai.*AzureOpenAIEmbeddings": _AZURE,
    "langchain_anthropic.*ChatAnthropic": _ANTHROPIC, "langchain_anthropic.*AnthropicLLM": _ANTHROPIC,
    "langchain_aws.*ChatBedrock": _BEDROCK, "langchain_aws.*ChatBedrockConverse": _BEDROCK,
    "langchain_aws.*BedrockEmbeddings": _BEDROCK, "langchain_aws.*BedrockLLM": _BEDROCK,
    "langchain_google_vertexai.*ChatVertexAI": _VERTEX, "langchain_google_vertexai.*VertexAI": _VERTEX,
    "langchain_google_vertexai.*VertexAIEmbeddings": _VERTEX,
    "langchain_google_genai.*ChatGoogleGenerativeAI": _GEMINI,
    "langchain_google_genai.*GoogleGenerativeAIEmbeddings": _GEMINI,
    "langchain_mistralai.*ChatMistralAI": _MISTRAL, "langchain_groq.*ChatGroq": _GROQ,
    "langchain_ollama.*ChatOllama": _OLLAMA, "langchain_ollama.*OllamaLLM": _OLLAMA,
    "langchain_ollama.*OllamaEmbeddings": _OLLAMA, "langchain_cohere.*ChatCohere": _COHERE,
    "langchain_cohere.*CohereEmbeddings": _COHERE, "langchain_together.*ChatTogether": _TOGETHER,
    "langchain_xai.*ChatXAI": _XAI, "langchain_fireworks.*ChatFireworks": _FIREWORKS,
    "langchain_deepseek.*ChatDeepSeek": _DEEPSEEK, "langchain_nvidia_ai_endpoints.*ChatNVIDIA": _NVIDIA,
    "langchain_huggingface.*HuggingFaceEndpoint": _HF,
    "langchain_community.*ChatOpenAI": _OPENAI, "langchain_community.*BedrockChat": _BEDROCK,
    "langchain_community.*Bedrock": _BEDROCK, "langchain_community.*ChatOllama": _OLLAMA,
    "langchain_community.*ChatAnthropic": _ANTHROPIC, "langchain_community.*ChatVertexAI": _VERTEX,
    "langchain_community.*AzureChatOpenAI": _AZURE,
    "langchain.chat_models.ChatOpenAI": _OPENAI, "langchain.llms.OpenAI": _OPENAI,
    "llama_index.llms.openai.*OpenAI": _OPENAI, "llama_index.llms.openai_like.*OpenAILike": _OPENAI,
    "llama_index.llms.anthropic.*Anthropic": _ANTHROPIC, "llama_index.llms.azure_openai.*AzureOpenAI": _AZURE,
    "llama_index.llms.bedrock.*Bedrock": _BEDROCK, "llama_index.llms.bedrock_converse.*BedrockConverse": _BEDROCK,
    "llama_index.llms.vertex.*Vertex": _VERTEX, "llama_index.llms.gemini.*Gemini": _GEMINI,
    "llama_index.llms.google_genai.*GoogleGenAI": _GEMINI, "llama_index.llms.ollama.*Ollama": _OLLAMA,
    "llama_index.llms.mistralai.*MistralAI": _MISTRAL, "llama_index.llms.groq.*Groq": _GROQ,
    "llama_index.embeddings.openai.*OpenAIEmbedding": _OPENAI,
    "llama_index.embeddings.azure_openai.*AzureOpenAIEmbedding": _AZURE,
    "llama_index.embeddings.bedrock.*BedrockEmbedding": _BEDROCK,
    "pydantic_ai.models.bedrock.*BedrockConverseModel": _BEDROCK,
    "pydantic_ai.providers.openai.*OpenAIProvider": _OPENAI,
    "pydantic_ai.models.anthropic.*AnthropicModel": _ANTHROPIC,
    "pydantic_ai.models.openai.*OpenAIModel": _OPENAI, "pydantic_ai.models.openai.*OpenAIChatModel": _OPENAI,
    "pydantic_ai.models.openai.*OpenAIResponsesModel": _OPENAI,
    "pydantic_ai.models.google.*GoogleModel": _GEMINI, "pydantic_ai.models.gemini.*GeminiModel": _GEMINI,
    "pydantic_ai.models.groq.*GroqModel": _GROQ, "pydantic_ai.models.mistral.*MistralModel": _MISTRAL,
    "pydantic_ai.models.cohere.*CohereModel": _COHERE,
}  # fmt: skip

# Functions and constructors whose model argument names the vendor too ("openai:gpt-4o", "bedrock/...").
PYTHON_BY_MODEL: frozenset[str] = frozenset({
    "litellm.completion", "litellm.acompletion", "litellm.embedding", "litellm.aembedding", "litellm.text_completion",
    "litellm.responses", "litellm.aresponses",
    "langchain.chat_models.init_chat_model", "langchain.embeddings.init_embeddings",
    "langchain.chat_models.base.init_chat_model",
    "pydantic_ai.Agent", "agents.Agent", "dspy.LM", "crewai.LLM", "smolagents.LiteLLMModel", "instructor.from_provider",
    "langchain.agents.create_agent", "google.adk.models.lite_llm.LiteLlm", "agents.extensions.models.litellm_model.LitellmModel",
    "llm.get_model", "aisuite.Client", "camel.models.ModelFactory.create",
})  # fmt: skip
# ... and who answers when they are given no model.
PYTHON_BY_MODEL_DEFAULT: dict[str, Client] = {"agents.Agent": _OPENAI}
LITELLM_ROUTER = "litellm.Router"

# JavaScript: (module, exported name or "default") -> client.
JS_CLIENTS: dict[tuple[str, str], Client] = {
    ("openai", "default"): _OPENAI, ("openai", "OpenAI"): _OPENAI, ("openai", "AzureOpenAI"): _AZURE,
    ("@azure/openai", "OpenAIClient"): _AZURE, ("@anthropic-ai/sdk", "default"): _ANTHROPIC,
    ("@anthropic-ai/sdk", "Anthropic"): _ANTHROPIC, ("@anthropic-ai/bedrock-sdk", "default"): _BEDROCK,
    ("@anthropic-ai/bedrock-sdk", "AnthropicBedrock"): _BEDROCK, ("@anthropic-ai/vertex-sdk", "default"): _VERTEX,
    ("@anthropic-ai/vertex-sdk", "AnthropicVertex"): _VERTEX,
    ("@aws-sdk/client-bedrock-runtime", "BedrockRuntimeClient"): _BEDROCK,
    ("@aws-sdk/client-bedrock-runtime", "BedrockRuntime"): _BEDROCK,
    ("@aws-sdk/client-bedrock-agent-runtime", "BedrockAgentRuntimeClient"): _BEDROCK,
    ("@aws-sdk/client-sagemaker-runtime", "SageMakerRuntimeClient"): Client("aws", "sagemaker"),
    ("@google/genai", "GoogleGenAI"): _GEMINI, ("@google/generative-ai", "GoogleGenerativeAI"): _GEMINI,
    ("@google-cloud/vertexai", "VertexAI"): _VERTEX,
    ("@huggingface/inference", "HfInference"): _HF, ("@huggingface/inference", "InferenceClient"): _HF,
    ("@mistralai/mistralai", "Mistral"): _MISTRAL, ("cohere-ai", "CohereClient"): _COHERE,
    ("cohere-ai", "CohereClientV2"): _COHERE, ("groq-sdk", "default"): _GROQ, ("groq-sdk", "Groq"): _GROQ,
    ("together-ai", "default"): _TOGETHER, ("replicate", "default"): _REPLICATE, ("ollama", "default"): _OLLAMA,
    ("ollama", "Ollama"): _OLLAMA,
    ("@langchain/openai", "ChatOpenAI"): _OPENAI, ("@langchain/openai", "OpenAI"): _OPENAI,
    ("@langchain/openai", "OpenAIEmbeddings"): _OPENAI, ("@langchain/openai", "AzureChatOpenAI"): _AZURE,
    ("@langchain/openai", "AzureOpenAIEmbeddings"): _AZURE, ("@langchain/anthropic", "ChatAnthropic"): _ANTHROPIC,
    ("@langchain/aws", "ChatBedrockConverse"): _BEDROCK, ("@langchain/aws", "BedrockEmbeddings"): _BEDROCK,
    ("@langchain/google-vertexai", "ChatVertexAI"): _VERTEX, ("@langchain/google-genai", "ChatGoogleGenerativeAI"): _GEMINI,
    ("@langchain/mistralai", "ChatMistralAI"): _MISTRAL, ("@langchain/groq", "ChatGroq"): _GROQ,
    ("@langchain/ollama", "ChatOllama"): _OLLAMA, ("@langchain/cohere", "ChatCohere"): _COHERE,
}  # fmt: skip

# Vercel AI SDK: provider instances (called with a model) and factories (called with settings).
AI_SDK: dict[str, Client] = {
    "@ai-sdk/openai": _OPENAI, "@ai-sdk/azure": _AZURE, "@ai-sdk/anthropic": _ANTHROPIC,
    "@ai-sdk/amazon-bedrock": _BEDROCK, "@ai-sdk/google-vertex": _VERTEX, "@ai-sdk/google": _GEMINI,
    "@ai-sdk/google-vertex/anthropic": _VERTEX, "@ai-sdk/mistral": _MISTRAL, "@ai-sdk/cohere": _COHERE,
    "@ai-sdk/groq": _GROQ, "@ai-sdk/xai": _XAI, "@ai-sdk/togetherai": _TOGETHER, "@ai-sdk/fireworks": _FIREWORKS,
    "@ai-sdk/deepseek": _DEEPSEEK, "@ai-sdk/openai-compatible": Client(UNKNOWN, "openai"),
    "@openrouter/ai-sdk-provider": Client("openrouter", "openai"), "ollama-ai-provider": _OLLAMA,
}  # fmt: skip

# A model named by a plain string goes through Vercel's gateway, which chooses who answers.
AI_SDK_STRING = Client(UNKNOWN, "gateway")

AWS_RUNTIMES: dict[str, Client] = {
    "bedrock-runtime": _BEDROCK, "bedrock-agent-runtime": _BEDROCK,
    "sagemaker-runtime": Client("aws", "sagemaker"), "runtime.sagemaker": Client("aws", "sagemaker"),
}  # fmt: skip

# Calls that send work to a model, by the tail of the dotted method; value: the vendor if it alone tells.
CALL_TAILS: dict[str, Client | None] = {
    "ChatCompletion.create": None, "Completion.create": None, "Embedding.create": None,
    "chat.completions.create": None, "chat.completions.parse": None, "chat.completions.stream": None,
    "beta.chat.completions.parse": None, "completions.create": None,
    "responses.create": None, "responses.parse": None, "responses.stream": None, "embeddings.create": None,
    "images.generate": None, "audio.transcriptions.create": None, "moderations.create": None,
    "messages.create": None, "messages.stream": None, "messages.parse": None, "messages.count_tokens": None,
    "beta.messages.create": None, "models.generate_content": None, "models.generate_content_stream": None,
    "models.embed_content": None, "models.generateContent": None, "models.generateContentStream": None,
    "getGenerativeModel": None, "textGeneration": None, "chatCompletion": None, "chat_completion": None, "text_generation": None,
    "completion": None, "acompletion": None, "aembedding": None, "generate_content": None,
    "converse": _BEDROCK, "converse_stream": _BEDROCK, "invoke_model": _BEDROCK,
    "invoke_model_with_response_stream": _BEDROCK, "invoke_endpoint": Client("aws", "sagemaker"),
    "retrieve_and_generate": _BEDROCK, "invoke_agent": _BEDROCK,
}  # fmt: skip
# Commands of AWS' JavaScript SDK, made with `new`.
JS_COMMANDS = frozenset({
    "ConverseCommand", "ConverseStreamCommand", "InvokeModelCommand", "InvokeModelWithResponseStreamCommand",
    "InvokeAgentCommand", "RetrieveAndGenerateCommand",
})  # fmt: skip

# Arguments that hand over a client made elsewhere.
CLIENT_ARGUMENTS = ("provider", "openai_client", "anthropic_client", "async_client")
URL_ARGUMENTS = ("base_url", "baseURL", "baseUrl", "api_base", "openai_api_base", "azure_endpoint", "endpoint_url",
                 "endpoint", "host", "azureOpenAIEndpoint", "url", "api_endpoint", "configuration.baseURL", "clientOptions.baseURL")  # fmt: skip
REGION_ARGUMENTS = ("region_name", "aws_region", "aws_region_name", "region", "location", "vertex_location")
MODEL_ARGUMENTS = ("model", "model_id", "modelId", "model_name", "modelName", "azure_deployment", "engine", "deployment_name",
                   "azureOpenAIApiDeploymentName")  # fmt: skip

_HOSTS: tuple[tuple[re.Pattern[str], Client], ...] = tuple(
    (re.compile(pattern), client)
    for pattern, client in (
        (r"api\.openai\.com|(eu|us)\.api\.openai\.com", _OPENAI),
        (r"[^/]*\.openai\.azure\.(com|us)|[^/]*\.cognitiveservices\.azure\.com", _AZURE),
        (r"[^/]*\.services\.ai\.azure\.com|models\.inference\.ai\.azure\.com|models\.github\.ai|[^/]*\.models\.ai\.azure\.com", _FOUNDRY),
        (r"api\.anthropic\.com", _ANTHROPIC),
        (r"[^/]*bedrock(-agent)?-runtime(-fips)?[^/]*\.amazonaws\.com|bedrock-mantle[^/]*", _BEDROCK),
        (r"[^/]*runtime\.sagemaker[^/]*\.amazonaws\.com", Client("aws", "sagemaker")),
        (r"([^/]*-)?aiplatform\.googleapis\.com|aiplatform\.[^/]*\.googleapis\.com", _VERTEX),
        (r"generativelanguage\.googleapis\.com", _GEMINI),
        (r"api\.groq\.com", _GROQ), (r"api\.mistral\.ai|codestral\.mistral\.ai", _MISTRAL),
        (r"api\.together\.(xyz|ai)", _TOGETHER), (r"api\.cohere\.(com|ai)", _COHERE),
        (r"api\.deepseek\.com", _DEEPSEEK), (r"api\.x\.ai", _XAI), (r"api\.fireworks\.ai", _FIREWORKS),
        (r"openrouter\.ai", Client("openrouter", "openai")),
        (r"integrate\.api\.nvidia\.com", _NVIDIA),
        (r"router\.huggingface\.co|api-inference\.huggingface\.co|[^/]*\.endpoints\.huggingface\.cloud", _HF),
        (r"gateway\.ai\.cloudflare\.com", Client("cloudflare", "gateway")),
        (r"api\.perplexity\.ai", Client(UNKNOWN, "openai")),
        (r"api\.replicate\.com", _REPLICATE),
    )
)  # fmt: skip
_URL = re.compile(r"(?:https?|wss?)://([^/\s\"'<>?#]*)([^\s\"'<>]*)")
_LLM_PATH = re.compile(r"/(v1|v1beta|api/v1|openai)(/|$)|/chat/completions|/v1/messages|/generate")


def client_of_url(url: str) -> Client | None:
    """Whose home a URL is; None for a URL that is not one of a model."""
    match = _URL.match(url)
    if match is None:
        return None
    host, path = match[1].rpartition("@")[2].lower(), match[2]
    name = host.partition(":")[0]
    if "api.cloudflare.com" in name:
        return Client("cloudflare", "workers-ai") if "/ai" in path else None
    for pattern, client in _HOSTS:
        if pattern.fullmatch(name):
            return client
    return None


def client_of_base_url(url: str) -> Client:
    """Whose home a client's base URL is: known, on your own machines, or unknown."""
    known = client_of_url(url)
    if known is not None:
        return known
    match = _URL.match(url)
    name = match[1].rpartition("@")[2].partition(":")[0].lower() if match else ""
    return Client(SELF if is_own_host(name) else UNKNOWN, "openai")


def is_own_host(name: str) -> bool:
    """Loopback, private addresses, names without a dot, and names inside a cluster are your own machines."""
    if not name:
        return False
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith((".local", ".svc", ".internal")) or ".svc." in name
    return address.is_private or address.is_loopback


# Model ids, strict: the whole string must be one.
_BEDROCK_MODEL = re.compile(
    r"(?:(?:us|eu|apac|jp|au|ca|global|us-gov)\.)?"
    r"(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|stability|openai|qwen|writer|twelvelabs|luma)\."
    r"[a-z0-9][a-z0-9.-]*(?::\d+)?(?::\d+k)?"
)
_MODELS: tuple[tuple[re.Pattern[str], Client], ...] = tuple(
    (re.compile(pattern), client)
    for pattern, client in (
        (r"claude-[a-z0-9.-]+@(\d{8}|default|latest)", _VERTEX),
        (r"claude-(instant|v?\d|opus|sonnet|haiku|fable)[a-z0-9.-]*", _ANTHROPIC),
        (r"gpt-\d[a-z0-9.-]*|gpt-4o[a-z0-9.-]*|gpt-35-turbo[a-z0-9.-]*|chatgpt-[a-z0-9.-]+|o[134](-[a-z0-9-]+)?"
         r"|text-embedding-(3-(small|large)|ada-002)|text-davinci-\d+|dall-e-\d|whisper-1|tts-1(-hd)?|gpt-image-\d", _OPENAI),
        (r"gemini-(\d|pro|ultra|flash)[a-z0-9.-]*|text-embedding-00\d|text-bison[@a-z0-9]*|imagen-[a-z0-9.-]+", _GEMINI),
        (r"command-[ra][a-z0-9-]*|embed-(english|multilingual)-[a-z0-9.-]+|rerank-[a-z0-9.-]+", _COHERE),
        (r"(mistral-(large|medium|small|tiny|embed)|codestral|ministral|pixtral|open-mi[sx]tral)[a-z0-9.-]*", _MISTRAL),
        (r"deepseek-(chat|reasoner|coder)", _DEEPSEEK), (r"grok-[a-z0-9.-]+", _XAI),
        (r"voyage-[a-z0-9.-]+", Client(UNKNOWN, "voyage")),
    )
)  # fmt: skip
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:([a-z0-9*-]*):[0-9*]*:"
                  r"(?:foundation-model|inference-profile|provisioned-model|application-inference-profile|"
                  r"custom-model|imported-model)/?(.*)")  # fmt: skip

# "provider:model" and "provider/model", as litellm, pydantic-ai, langchain and others write it.
PROVIDERS: dict[str, Client] = {
    "openai": _OPENAI, "openai-chat": _OPENAI, "openai-responses": _OPENAI, "text-completion-openai": _OPENAI,
    "azure": _AZURE, "azure_openai": _AZURE, "azure-openai": _AZURE, "azure_ai": _FOUNDRY, "azureopenai": _AZURE,
    "anthropic": _ANTHROPIC, "claude": _ANTHROPIC,
    "bedrock": _BEDROCK, "bedrock_converse": _BEDROCK, "amazon-bedrock": _BEDROCK, "amazon_bedrock": _BEDROCK,
    "aws-bedrock": _BEDROCK, "aws_bedrock": _BEDROCK, "sagemaker": Client("aws", "sagemaker"),
    "vertex_ai": _VERTEX, "vertex-ai": _VERTEX, "vertex": _VERTEX, "vertexai": _VERTEX, "google-vertex": _VERTEX,
    "google_vertexai": _VERTEX, "google_anthropic_vertex": _VERTEX, "vertex_ai_beta": _VERTEX,
    "gemini": _GEMINI, "google": _GEMINI, "google-gla": _GEMINI, "google_genai": _GEMINI, "googleai": _GEMINI,
    "mistral": _MISTRAL, "mistralai": _MISTRAL, "codestral": _MISTRAL,
    "cohere": _COHERE, "cohere_chat": _COHERE, "groq": _GROQ, "together": _TOGETHER, "together_ai": _TOGETHER,
    "togetherai": _TOGETHER, "deepseek": _DEEPSEEK, "xai": _XAI, "fireworks": _FIREWORKS, "fireworks_ai": _FIREWORKS,
    "openrouter": Client("openrouter", "openai"), "huggingface": _HF, "nvidia_nim": _NVIDIA, "nvidia": _NVIDIA,
    "ollama": _OLLAMA, "ollama_chat": _OLLAMA, "hosted_vllm": Client(SELF, "openai"), "vllm": Client(SELF, "openai"),
    "lm_studio": Client(SELF, "openai"), "cloudflare": Client("cloudflare", "workers-ai"), "replicate": _REPLICATE,
}  # fmt: skip
_PREFIXED = re.compile(r"([a-z][a-z0-9_-]*)[:/]([A-Za-z0-9][\w.:@/-]*)")


def client_of_model(model: str) -> Client | None:
    """Who operates a model of exactly this id, when nothing else is said."""
    if _ARN.fullmatch(model) or _BEDROCK_MODEL.fullmatch(model):
        return _BEDROCK
    for pattern, client in _MODELS:
        if pattern.fullmatch(model):
            return client
    return None


def client_of_prefixed(text: str) -> Client | None:
    """ "openai:gpt-4o", "bedrock/anthropic.claude...", "azure/my-deployment"."""
    match = _PREFIXED.fullmatch(text)
    return PROVIDERS.get(match[1]) if match else None


def bare_model(text: str) -> str:
    """The model's own id: without the ARN or the provider it was written with."""
    arn = _ARN.fullmatch(text)
    if arn is not None:
        return arn[2] or text
    match = _PREFIXED.fullmatch(text)
    return match[2] if match is not None and match[1] in PROVIDERS else text


def region_of_arn(arn: str) -> str | None:
    match = _ARN.fullmatch(arn)
    return (match[1] or None) if match else None


def is_bedrock_arn(text: str) -> bool:
    return _ARN.fullmatch(text) is not None


def geography(model: str) -> str | None:
    """The inference profile of a Bedrock model id: us, eu, global..."""
    head, dot, _ = model.partition(".")
    return head if dot and head in PROFILES else None


PROFILES = frozenset({"us", "eu", "apac", "jp", "au", "ca", "global", "us-gov", "datazone"})
_REGION = re.compile(
    r"(?:us|eu|ap|ca|sa|me|af|il|mx|cn|us-gov|eusc)"
    r"-(?:north|south|east|west|central|northeast|northwest|southeast|southwest)-\d"
    r"|(?:us|europe|asia|australia|northamerica|southamerica|me|africa)"
    r"-(?:north|south|east|west|central|northeast|southeast|southwest)\d"
)
_AZURE_REGIONS = frozenset({
    "eastus", "eastus2", "westus", "westus2", "westus3", "centralus", "northcentralus", "southcentralus",
    "westcentralus", "canadaeast", "canadacentral", "brazilsouth", "northeurope", "westeurope", "uksouth", "ukwest",
    "francecentral", "francesouth", "germanywestcentral", "germanynorth", "norwayeast", "norwaywest",
    "swedencentral", "swedensouth", "switzerlandnorth", "switzerlandwest", "italynorth", "polandcentral",
    "spaincentral", "eastasia", "southeastasia", "japaneast", "japanwest", "koreacentral", "koreasouth",
    "australiaeast", "australiasoutheast", "centralindia", "southindia", "westindia", "uaenorth", "southafricanorth",
    "qatarcentral", "israelcentral",
})  # fmt: skip


# Deployment types of Azure that answer from more than the resource's own region.
AZURE_REACH: dict[str, str] = {
    "GlobalStandard": "global", "GlobalProvisionedManaged": "global", "GlobalBatch": "global",
    "DataZoneStandard": "datazone", "DataZoneProvisionedManaged": "datazone", "DataZoneBatch": "datazone",
}  # fmt: skip


def is_region(text: str) -> bool:
    return text in _AZURE_REGIONS or _REGION.fullmatch(text) is not None


# Environment variables that belong to a vendor by their name alone. The value of a URL one decides instead.
_ENV: tuple[tuple[re.Pattern[str], Client], ...] = tuple(
    (re.compile(pattern), client)
    for pattern, client in (
        (r"(\w+_)?AZURE_OPENAI_\w+|AZURE_API_(KEY|BASE)|AZURE_AI_\w+|AZURE_INFERENCE_\w+|FOUNDRY_KEY", _AZURE),
        (r"OPENAI_(API_KEY|BASE_URL|API_BASE|API_HOST|MODEL|MODEL_NAME|ORG_ID|ORGANIZATION|PROJECT_ID|EMBEDDING_MODEL|CHAT_MODEL)", _OPENAI),
        (r"ANTHROPIC_(API_KEY|BASE_URL|AUTH_TOKEN|MODEL|SMALL_FAST_MODEL)|CLAUDE_(API_KEY|MODEL)|ANTHROPIC_API_URL", _ANTHROPIC),
        (r"AWS_BEARER_TOKEN_BEDROCK|(\w+_)?BEDROCK_(\w*)(REGIONS?|MODEL|MODEL_ID|ENDPOINT|ENDPOINT_URL|PROFILE|INFERENCE_PROFILE\w*)"
         r"|CLAUDE_CODE_USE_BEDROCK", _BEDROCK),
        (r"AWS_REGION_NAME", _BEDROCK),
        (r"GEMINI_(API_KEY|MODEL)|GOOGLE_(GENAI_\w+|AI_API_KEY|GENERATIVE_AI_API_KEY)", _GEMINI),
        (r"VERTEX(AI|_AI)?_(PROJECT|LOCATION|MODEL)|CLAUDE_CODE_USE_VERTEX|ANTHROPIC_VERTEX_\w+", _VERTEX),
        (r"MISTRAL_API_KEY|MISTRAL_MODEL", _MISTRAL), (r"COHERE_API_KEY|CO_API_KEY", _COHERE),
        (r"GROQ_(API_KEY|MODEL)", _GROQ), (r"TOGETHER(_AI)?_API_KEY|TOGETHERAI_API_KEY", _TOGETHER),
        (r"DEEPSEEK_(API_KEY|BASE_URL)", _DEEPSEEK), (r"OPENROUTER_(API_KEY|BASE_URL|MODEL)", Client("openrouter", "openai")),
        (r"XAI_API_KEY|GROK_API_KEY", _XAI), (r"FIREWORKS_API_KEY", _FIREWORKS), (r"REPLICATE_API_TOKEN", _REPLICATE),
        (r"OLLAMA_(HOST|BASE_URL|MODEL)", _OLLAMA),
    )
)  # fmt: skip
ENV_IS_URL = re.compile(r"\w*(BASE_URL|API_BASE|API_HOST|ENDPOINT|ENDPOINT_URL|_URL|_HOST)")


def client_of_env(name: str) -> Client | None:
    for pattern, client in _ENV:
        if pattern.fullmatch(name):
            return client
    return None


# What a client reads from the environment when its constructor does not say.
IMPLIED_ENV: dict[tuple[str, str], tuple[str, ...]] = {
    ("openai", "openai"): ("OPENAI_BASE_URL",),
    ("anthropic", "anthropic"): ("ANTHROPIC_BASE_URL",),
}
IMPLIED_REGION_ENV: dict[str, tuple[str, ...]] = {
    "bedrock": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "sagemaker": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "vertex": ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"),
}

# Infrastructure: resource type -> client. A trailing * matches any ending.
RESOURCES: dict[str, Client] = {
    "aws_bedrock*": _BEDROCK, "aws_bedrockagent*": _BEDROCK, "aws_sagemaker_endpoint": Client("aws", "sagemaker"),
    "azurerm_cognitive_deployment": _AZURE, "azurerm_ai_services": _FOUNDRY,
    "google_vertex_ai_endpoint*": _VERTEX, "cloudflare_ai_gateway": Client("cloudflare", "gateway"),
    "AWS::Bedrock::*": _BEDROCK, "AWS::SageMaker::Endpoint": Client("aws", "sagemaker"),
    "Microsoft.CognitiveServices/accounts": _AZURE, "Microsoft.CognitiveServices/accounts/deployments": _AZURE,
}  # fmt: skip
NOT_MODELS = frozenset(
    {"SpeechServices", "ComputerVision", "TextTranslation", "FormRecognizer", "Face", "TextAnalytics"}
)

ALLOW_ACTION = re.compile(
    r"bedrock:(\*|Invoke\w*\*?|Converse\w*\*?|RetrieveAndGenerate)|sagemaker:InvokeEndpoint\w*"
)
ROLES: dict[str, Client] = {
    "roles/aiplatform.user": _VERTEX, "roles/aiplatform.admin": _VERTEX,
    "Cognitive Services OpenAI User": _AZURE, "Cognitive Services OpenAI Contributor": _AZURE,
}  # fmt: skip
IMAGES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        r"(docker\.io/)?vllm/vllm-openai(:.*)?", r"(docker\.io/)?ollama/ollama(:.*)?", r"nvcr\.io/nim/.*",
        r"ghcr\.io/huggingface/text-generation-inference(:.*)?", r"(docker\.io/)?lmsysorg/sglang(:.*)?",
        r"ghcr\.io/(ggml-org|ggerganov)/llama\.cpp(:.*)?", r".*/tritonserver(:.*)?",
    )
)  # fmt: skip
ACTIONS: dict[str, Client] = {
    "anthropics/claude-code-action": _ANTHROPIC, "anthropics/claude-code-base-action": _ANTHROPIC,
    "google-github-actions/run-gemini-cli": _GEMINI, "openai/codex-action": _OPENAI,
    "actions/ai-inference": _FOUNDRY,
}  # fmt: skip

# Packages: declared in a manifest, used if any of their modules is imported.
PACKAGES: dict[str, tuple[Client, tuple[str, ...]]] = {
    "openai": (_OPENAI, ("openai",)), "anthropic": (_ANTHROPIC, ("anthropic",)), "cohere": (_COHERE, ("cohere",)),
    "mistralai": (_MISTRAL, ("mistralai",)), "groq": (_GROQ, ("groq",)), "together": (_TOGETHER, ("together",)),
    "google-genai": (_GEMINI, ("google.genai",)), "google-generativeai": (_GEMINI, ("google.generativeai",)),
    "google-cloud-aiplatform": (_VERTEX, ("vertexai", "google.cloud.aiplatform")),
    "azure-ai-inference": (_FOUNDRY, ("azure.ai.inference",)), "replicate": (_REPLICATE, ("replicate",)),
    "ollama": (_OLLAMA, ("ollama",)), "langchain-openai": (_OPENAI, ("langchain_openai",)),
    "langchain-anthropic": (_ANTHROPIC, ("langchain_anthropic",)), "langchain-aws": (_BEDROCK, ("langchain_aws",)),
    "langchain-google-vertexai": (_VERTEX, ("langchain_google_vertexai",)),
    "langchain-google-genai": (_GEMINI, ("langchain_google_genai",)), "langchain-cohere": (_COHERE, ("langchain_cohere",)),
    "langchain-mistralai": (_MISTRAL, ("langchain_mistralai",)), "langchain-groq": (_GROQ, ("langchain_groq",)),
    "llama-index-llms-openai": (_OPENAI, ("llama_index.llms.openai",)),
    "llama-index-llms-anthropic": (_ANTHROPIC, ("llama_index.llms.anthropic",)),
    "llama-index-llms-bedrock-converse": (_BEDROCK, ("llama_index.llms.bedrock_converse",)),
}  # fmt: skip
JS_PACKAGES: dict[str, Client] = {
    **{module: client for (module, name), client in JS_CLIENTS.items()},
    **AI_SDK,
    "@langchain/openai": _OPENAI, "@langchain/aws": _BEDROCK,
}  # fmt: skip

# A file without any of these says nothing about models, unless another file asks for a name it sets.
_INTEREST: tuple[bytes, ...] = (
    b"openai", b"anthropic", b"claude", b"bedrock", b"sagemaker", b"vertex", b"genai", b"generativeai", b"gemini",
    b"generativelanguage", b"gpt-", b"mistral", b"cohere", b"groq", b"together", b"deepseek", b"ollama", b"vllm",
    b"openrouter", b"huggingface", b"fireworks", b"replicate", b"litellm", b"langchain", b"llama", b"pydantic_ai",
    b"@ai-sdk", b"perplexity", b"api.x.ai", b"nvcr.io", b"text-generation-inference", b"aiplatform", b"cognitive",
    b"dspy", b"crewai", b"cloudflare", b"amazon.nova", b"amazon.titan", b"text-embedding", b"ai.azure.com",
    b"integrate.api.nvidia", b"ai-inference", b"voyage", b"[profile ",
)  # fmt: skip
_LLM_WORD = re.compile(rb"\bllm\b")


def of_interest(data: bytes) -> bool:
    """Plain substring tests: an order of magnitude faster than one expression of all the words."""
    small = data.lower()
    return any(word in small for word in _INTEREST) or (
        b"llm" in small and _LLM_WORD.search(small) is not None
    )
