"""Signing in and out, sessions, people and the audit log."""
