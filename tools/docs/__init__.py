"""Writes what documentation can take from the code: .env.example and the tables of the README."""
