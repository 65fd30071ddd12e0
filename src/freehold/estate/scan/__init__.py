"""Find the AI dependencies of a code base: which models it calls, whose silicon they run on, and where it
says so.

Knows: how people construct clients, name models and spread regions over code and deployment files.
Must not know: how to run or import any of it. Files are read as bytes and parsed; nothing is executed,
nothing is fetched, nothing is followed out of the tree.
Start with `scan` (the whole pass), then `knowledge` (what each library, host, variable and model id means),
then `resolve` (how a value is followed through names, files and languages). Every finding has a file and a
line, and what could not be resolved is said.
"""

from freehold.estate.scan.report import Finding, Report, Skipped, Unresolved
from freehold.estate.scan.scan import scan

__all__ = ["Finding", "Report", "Skipped", "Unresolved", "scan"]
