"""Settings: freehold.toml read, checked against each room's structs, every problem reported at once.

Knows TOML, msgspec structs and how to say what is wrong; knows no room: cli passes the structs in.
Start with `load.py`; `walk.py` is the check, `lines.py` finds lines, `secrets.py` keeps secrets out.
"""

from freehold.config.explain import Setting, about, settings
from freehold.config.load import Loaded, MissingRoom, SectionType, defaults, load
from freehold.config.read import MAX_CONFIG_BYTES
from freehold.config.schema import json_schema
from freehold.config.secrets import Secret, SecretValue, looks_like_secret, resolve_secret
from freehold.config.values import Duration, Size, Url, Usd, is_loopback

__all__ = [
    "MAX_CONFIG_BYTES",
    "Duration",
    "Loaded",
    "MissingRoom",
    "Secret",
    "SecretValue",
    "SectionType",
    "Setting",
    "Size",
    "Url",
    "Usd",
    "about",
    "defaults",
    "is_loopback",
    "json_schema",
    "load",
    "looks_like_secret",
    "resolve_secret",
    "settings",
]
