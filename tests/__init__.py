"""Tests and measurements that need no site; those that do lie beside the code they test."""
