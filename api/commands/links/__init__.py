"""`omnibis links`: the links between the systems, from the command line.

Each command opens the systems as a user (`access.py`), calls `resolvers/links`, and tells the
result as a table or as JSON. Commands that write have `--dry-run`. They end with 0 when all is well
or done, with 1 when something was found or refused, and with 2 when they could not do their work.
"""

from api.commands.links import decisions, files, upkeep
from api.commands.links.group import app

__all__ = ["app", "decisions", "files", "upkeep"]
