"""Small worlds for tests, built by the same actions as real ones."""

from tests.factories.grids import Town, township
from tests.factories.incidents import act, doer, incident
from tests.factories.members import client_for, fresh, login

__all__ = ["Town", "act", "client_for", "doer", "fresh", "incident", "login", "township"]
