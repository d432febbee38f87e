"""The least that can answer with a row: one FastAPI route and one SQLAlchemy statement, without keys, limits or a log.

python -m benchmarks.peers.bare_route DATABASE_FILE PORT

`/hello` reads nothing, `/async/{id}` reads a job's row in the event loop, `/sync/{id}` in a thread.
"""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, bindparam, create_engine, select

from gatelab.store.tables import jobs

ROW = select(jobs.c.id, jobs.c.name, jobs.c.spec, jobs.c.created_at).where(jobs.c.id == bindparam("id"))


def app_of(engine: Engine) -> FastAPI:
    app = FastAPI()

    def row(id: str) -> dict[str, Any]:
        with engine.connect() as connection:
            return dict(connection.execute(ROW, {"id": id}).mappings().one())

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/async/{id}")
    async def in_the_loop(id: str) -> dict[str, Any]:
        return row(id)

    @app.get("/sync/{id}")
    def in_a_thread(id: str) -> dict[str, Any]:
        return row(id)

    return app


if __name__ == "__main__":
    uvicorn.run(
        app_of(create_engine(f"sqlite:///{sys.argv[1]}")), port=int(sys.argv[2]), log_level="error", access_log=False
    )
