"""Serve a contender: `python -m tests.bench.contenders raw --port 9000`."""

import argparse

import uvicorn

from tests.bench.contenders import constant

# Imported by uvicorn, so that each has in memory what it needs and no more.
APPLICATIONS = {
    "raw": "asgi:raw",
    "hmac": "asgi:verifying",
    "script": "asgi:scripted",
    "pipeline": "asgi:sharing",
    "batch": "asgi:batching",
    "fastapi": "route:application",
    "ordinary": "ordinary:application",
}


def main() -> None:
    """Serve it as `python -m ingest` serves ours."""
    parser = argparse.ArgumentParser(prog="tests.bench.contenders", description=__doc__)
    parser.add_argument("name", choices=["constant", *APPLICATIONS])
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    if options.name == "constant":
        constant.serve(options.port)
    else:
        uvicorn.run(
            f"tests.bench.contenders.{APPLICATIONS[options.name]}",
            factory=True,
            port=options.port,
            loop="uvloop",
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
        )


if __name__ == "__main__":
    main()
