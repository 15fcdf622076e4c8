from collections.abc import Iterator

import pytest

from tests.docs.stand import Stand, stand


@pytest.fixture(scope="package")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The service as `make run` leaves it, once for all pages."""
    with stand(tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("clone")) as one:
        yield one
