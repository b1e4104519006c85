"""A script as an embedding user would write it: everything from the environment. Does one turn, prints what it saw."""

import asyncio
import json
import sys

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from nango_graph import Context, build_graph
from nango_graph.cli.autopilot import authorize


async def main(request: str) -> None:
    graph = build_graph().compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "traced"}}
    given = {"messages": [("user", request)]}
    asked, links = [], []
    while True:
        result = await graph.ainvoke(given, config, context=Context(user_id="ada"))
        if "__interrupt__" not in result:
            break
        (action,) = result["__interrupt__"][0].value["action_requests"]
        asked.append(action["name"])
        if "connect_link" in action["args"]:
            links.append(action["args"]["connect_link"])
            await authorize(links[-1])
        given = Command(resume={"decisions": [{"type": "approve"}]})
    sys.stdout.write(json.dumps({"asked": asked, "links": links, "answer": result["messages"][-1].text}))


asyncio.run(main(sys.argv[1]))
