"""Looking: the web pages and their JSON twins.

It knows the read side of the rooms below it, and is handed live state of calls and jobs as objects.
It must not act: a page never sends a call, starts a job or changes a setting.
Start reading at `settings`.
"""
