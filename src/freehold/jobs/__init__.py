"""Placed work on real engines.

It knows how to start, watch, checkpoint and resume a job on an engine, and records where it really ran.
It must not decide where work goes: that is a plan, handed to it.
Start reading at `settings`.
"""
