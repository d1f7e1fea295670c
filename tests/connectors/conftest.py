"""Assertions of the shared suite are told in full, as those of test modules are."""

import pytest

pytest.register_assert_rewrite("tests.connectors.contract_suite")
