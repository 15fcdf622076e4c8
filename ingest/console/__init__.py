"""The operators' console, a process of its own: `python -m ingest.console`. docs/console.md"""
