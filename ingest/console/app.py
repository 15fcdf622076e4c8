"""The composition root of the console. Its list of routes is its table of contents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from config.loading import load_settings
from config.logging import configure_logging
from config.settings import Settings
from ingest.console.desk import make_desk
from ingest.console.operators import Role
from ingest.console.page import Door, trouble
from ingest.console.pages.actions import actions
from ingest.console.pages.commands import command, commands
from ingest.console.pages.events import confirm_replay, events, replay_chosen, search
from ingest.console.pages.login import HOME, log_in, login_form, logout
from ingest.console.pages.parked import link, parked
from ingest.console.pages.status import status
from ingest.console.pages.story import event, replay_event
from ingest.console.pages.users import user
from ingest.console.protection import Protected

_STATIC = Path(__file__).parent / "static"


def create_console(settings: Settings | None = None) -> Starlette:
    """Build the application; without settings they come from the environment.

    Raises:
        config.settings.SettingsError: a setting is missing or does not fit.
    """
    settings = settings or load_settings()
    configure_logging(settings.log_level)
    desk = make_desk(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        desk.close()

    return Starlette(
        routes=[
            Route("/livez", _alive),
            Route("/console", _home),
            Mount("/console/static", StaticFiles(directory=_STATIC)),
            Mount("/console", routes=_routes(Door(desk))),
        ],
        middleware=[Middleware(Protected, secure=desk.secure)],
        exception_handlers={HTTPException: _nothing_there},
        lifespan=lifespan,
    )


def _routes(door: Door) -> list[BaseRoute]:
    return [
        door.open("/login", login_form, "GET"),
        door.open("/login", log_in, "POST"),
        door.post("/logout", logout, Role.READ),
        door.get("/", status),
        door.get("/search", search),
        door.get("/events", events),
        door.get("/events/replay", confirm_replay),
        door.post("/events/replay", replay_chosen),
        door.get("/events/{event_id}", event),
        door.post("/events/{event_id}/replay", replay_event),
        door.get("/parked", parked),
        door.post("/customers/{customer}/link", link),
        door.get("/users/{user_id:int}", user),
        door.get("/commands", commands),
        door.get("/commands/{command_id}", command),
        door.get("/actions", actions),
    ]


async def _alive(_: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


async def _home(_: Request) -> Response:
    return RedirectResponse(HOME)


async def _nothing_there(request: Request, error: Exception) -> Response:
    return trouble(request, error)
