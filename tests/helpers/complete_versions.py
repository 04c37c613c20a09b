"""Complete versions of a push destination, the newest first."""

from tfx_lm.exported.damage import is_complete
from tfx_lm.exported.versions import numbered_folders


def complete_versions(path: str) -> list[str]:
    return list(filter(is_complete, numbered_folders(path)))
