"""Small worlds for tests, built by the same actions as real ones."""

from tests.factories.grids import Town, township
from tests.factories.members import client_for, fresh, login

__all__ = ["Town", "client_for", "fresh", "login", "township"]
