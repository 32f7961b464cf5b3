"""DBOS: workflows of steps on the same PostgreSQL as ours, with its defaults but for a pool of 24 connections."""

import asyncio
import json
import sys
import time
from importlib.metadata import version

from dbos import DBOS, DBOSConfig

BODY = "x" * 2_000
RUNS = 128
SPAN = 6.0
STARTS = 100
EVERY = 0.02

heard: dict[str, asyncio.Future[float]] = {}
loop: asyncio.AbstractEventLoop


@DBOS.step()
async def step() -> str:
    return BODY


@DBOS.workflow()
async def steps(until: float) -> int:
    # Ends by the clock: nothing is replayed here.
    done = 0
    while time.monotonic() < until:
        await step()
        done += 1
    return done


@DBOS.workflow()
async def start(mark: str) -> None:
    begun = time.monotonic()
    loop.call_soon_threadsafe(heard[mark].set_result, begun)


async def measure() -> dict[str, object]:
    global loop
    loop = asyncio.get_running_loop()
    begun = time.monotonic()
    runs = [await DBOS.start_workflow_async(steps, begun + SPAN) for _ in range(RUNS)]
    done = sum(await asyncio.gather(*(run.get_result() for run in runs)))
    rate = done / (time.monotonic() - begun)

    queue = await DBOS.register_queue_async("starts")
    took = []
    for index in range(STARTS):
        mark = f"start-{index}"
        heard[mark] = loop.create_future()
        asked = time.monotonic()
        await queue.enqueue_async(start, mark)
        took.append((await heard[mark] - asked) * 1_000)
        await asyncio.sleep(EVERY)
    took.sort()
    return {"peer": "DBOS", "version": version("dbos"), "steps": rate, "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]}


def main() -> None:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": sys.argv[1],
        "sys_db_pool_size": 24,
        "log_level": "ERROR",
        "run_admin_server": False,
    }
    DBOS(config=config)
    DBOS.launch()
    measured = asyncio.run(measure())
    print(json.dumps(measured), flush=True)
    DBOS.destroy()


main()
