"""From a dataset folder to the Hub: what may go, and how it goes.

    spatialmosaic/  -- release, publishable --> Release     an allow-list, and the reasons to refuse
    Release         -- push, commit ----------> the Hub     one commit, seen whole or not at all

Models, results and the metric go by `commit` as well; importing this package imports nothing else.
"""

from .commit import HubError, Target, explained, push_files, require_token

__all__ = ["HubError", "Target", "explained", "push_files", "require_token"]
