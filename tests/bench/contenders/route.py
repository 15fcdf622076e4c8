"""The least that FastAPI can do for a webhook."""

from fastapi import FastAPI, Request


def application() -> FastAPI:
    """Make it."""
    app = FastAPI()

    @app.post("/webhooks/stripe")
    async def receive(request: Request) -> dict[str, bool]:
        await request.body()
        return {"received": True}

    return app
