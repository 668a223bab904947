"""What the schemas of tools promise is what the operations take."""

import pytest

from AgentBridgeLib.dispatch.arguments import validate
from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.operations.index import make_catalog
from json_samples import required, sample


@pytest.mark.parametrize("operation", list(make_catalog()), ids=lambda operation: operation.name)
def test_every_argument_takes_the_kind_of_value_that_its_schema_says(operation):
    """issue:#5 an agent writes JSON; an array of JSON is no tuple of Python, and must do."""
    full = operation.schemas["arguments"]
    definitions = full.get("$defs", {})
    for name, entry in full.get("properties", {}).items():
        given = {**required(full, definitions), name: sample(entry, definitions)}
        try:
            validate(operation, given, is_lax=False)
        except ArgumentInvalidError as error:
            wrong = [problem for problem in error.errors if problem.pointer == f"/{name}"]
            assert not any("should be a valid" in problem.problem for problem in wrong), (given[name], wrong)
