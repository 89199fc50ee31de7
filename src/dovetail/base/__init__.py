"""The ground floor: what every piece needs and no piece owns.

Errors, settings, identifiers and time, optional extras, the SQL engine, artifact stores, the
hash-chained log and telemetry. It knows no domain and imports only `dovetail.wire` and libraries.
"""
