"""The version of the bridge: of routes, operation names, schemas, error codes and settings keys."""

VERSION = "0.1.0"
