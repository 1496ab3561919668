#!/usr/bin/env bash
# expected: when a server answers 404 to a session's id, MCP clients open a new session, as the specification requires.
# actual: the Python SDK's client raises an error for this call and for every later one; the program must create a new client.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0
"$folder/venv/bin/python" - <<'PY'
import asyncio
import socket
from importlib.metadata import version

import httpx2
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

server = MCPServer("tools", log_level="ERROR")


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    running = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error"))
    task = asyncio.create_task(running.serve(sockets=[listener]))
    sessions = set()

    async def keep(response):
        sessions.add(response.headers.get("mcp-session-id"))

    http = httpx2.AsyncClient(event_hooks={"response": [keep]})
    async with http, Client(streamable_http_client(url, http_client=http), mode="legacy") as client:
        await client.list_tools()
        # The session ends at the server, as it does when the server restarts.
        async with httpx2.AsyncClient() as other:
            for session in sessions - {None}:
                await other.delete(url, headers={"mcp-session-id": session})
        errors = []
        for _ in range(2):
            try:
                await client.list_tools()
            except MCPError as error:
                errors.append(error.error.message)
    running.should_exit = True
    await task
    print(f"mcp {version('mcp')}: errors after the session ended: {errors}")
    assert len(errors) == 2, errors


asyncio.run(main())
PY
