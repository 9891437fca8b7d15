"""A classifier in a folder, and no debugging."""

import pytest

from .small import classifier


@pytest.fixture(autouse=True)
def _one_line_errors(monkeypatch):
    monkeypatch.delenv("MINIBERT_DEBUG", raising=False)


@pytest.fixture
def model(tmp_path):
    """(the folder, the model)."""
    folder = tmp_path / "model"
    return folder, classifier(folder)
