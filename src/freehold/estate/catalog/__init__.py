"""The catalog: what is publicly known about vendors, services, models, silicon, prices and incidents.

Data files in `data/`, each figure with source, date and status; a user's own file extends or corrects them.
Start with `shapes.py` for what it holds, then `load()`. It knows nothing of an estate: `build.py` puts the
two together.
"""

from freehold.estate.catalog.load import Catalog, load
from freehold.estate.catalog.shapes import (
    Commitment,
    DrillClass,
    Effect,
    Figure,
    Incident,
    ModelFacts,
    Offer,
    Profile,
    Region,
    Silicon,
    Surface,
    TokenPrice,
    Vendor,
)

__all__ = [
    "Catalog",
    "Commitment",
    "DrillClass",
    "Effect",
    "Figure",
    "Incident",
    "ModelFacts",
    "Offer",
    "Profile",
    "Region",
    "Silicon",
    "Surface",
    "TokenPrice",
    "Vendor",
    "load",
]
