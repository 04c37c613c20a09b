"""Artifact type of the report's page."""

from __future__ import annotations

from tfx.types import artifact

PAGE = "index.html"


class HTML(artifact.Artifact):
    """A self-contained HTML page.

    The name of the type is Kubeflow's, which shows artifacts of this name as pages. README.md has the other conditions.
    """

    TYPE_NAME = "system.HTML"


def page_path(uri: str) -> str:
    """Returns the path of the page's file.

    An artifact of TFX is a folder; Kubeflow's page is the file itself.

        page_path("out/Report/report/12")            ->  "out/Report/report/12/index.html"
        page_path("gs://b/run/report/index.html")    ->  "gs://b/run/report/index.html"

    Args:
        uri: The artifact's uri.
    """
    return uri if uri.endswith(".html") else f"{uri}/{PAGE}"


def warnings_path(folder: str) -> str:
    """The file of the warnings about the text, templates of `SettingError` as a JSON list, beside the page.

    Args:
        folder: The folder of the page.
    """
    return f"{folder}/warnings.json"
