"""An MCP server with three tools, made with the Python SDK. Prints its port when it listens.

Usage: mcp_server.py json|events
"""

import asyncio
import socket
import sys

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.transport_security import TransportSecuritySettings


class Events(EventStore):
    """Keeps all events, so that a client can resume a stream."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id, send_callback):
        first = int(last_event_id)
        stream_id = self.events[first - 1][0]
        for index, (stream, message) in enumerate(self.events[first:], first + 1):
            if stream == stream_id and message is not None:
                await send_callback(EventMessage(message, str(index)))
        return stream_id


server = MCPServer("tools", log_level="WARNING")


@server.tool()
def model_search(query: str) -> str:
    """Searches models."""
    return f"found {query}"


@server.tool()
async def model_watch(context: Context) -> str:
    """Tells the client that the list of tools has changed, and reports progress."""
    await context.report_progress(1, 2, "half")
    await context.session.send_tool_list_changed()
    return "watched"


@server.tool()
def delete_repo(name: str) -> str:
    """Deletes a repository."""
    return f"deleted {name}"


async def main(form):
    listener = socket.create_server(("127.0.0.1", 0))
    app = server.streamable_http_app(
        json_response=form == "json",
        event_store=Events(),
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="warning")
    await uvicorn.Server(config).serve(sockets=[listener])


asyncio.run(main(sys.argv[1]))
