"""Checks the MCP client of the Python SDK through the gateway. The caller may call model_* and not delete_repo.

Environment: GATEWAY_URL, TOKEN, OTHER_TOKEN (another caller with the same permissions), FORM (json or events: how the server answers).
"""

import asyncio
import json
import os

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

URL = os.environ["GATEWAY_URL"] + "/mcp"
TOKEN, OTHER_TOKEN = os.environ["TOKEN"], os.environ["OTHER_TOKEN"]
ALLOWED = ["model_search", "model_watch"]
passed = failed = 0


def check(name, is_right, found=None):
    global passed, failed
    if is_right:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {found}")


def http(token):
    """A client that keeps the ids of sessions and events in the responses."""
    seen = {"sessions": set(), "events": []}

    async def keep(response):
        if session := response.headers.get("mcp-session-id"):
            seen["sessions"].add(session)

    client = httpx2.AsyncClient(
        headers={"authorization": f"Bearer {token}"}, timeout=20, event_hooks={"response": [keep]}
    )
    return client, seen


async def use(client, mode):
    """Lists and calls tools."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    check(f"{mode}: list", names == ALLOWED, names)
    result = await client.call_tool("model_search", {"query": "llama"})
    check(f"{mode}: call", result.content[0].text == "found llama", result)
    try:
        result = await client.call_tool("delete_repo", {"name": "x"})
        check(f"{mode}: refused call", False, result)
    except MCPError as error:
        is_ours = error.error.code == -32001 and error.error.message.endswith("(no_rule)")
        check(f"{mode}: refused call", is_ours, error)


async def modern():
    """MCP 2026-07-28, which has no sessions. The client asks with server/discover."""
    transport, seen = http(TOKEN)
    async with transport, Client(streamable_http_client(URL, http_client=transport)) as client:
        check("modern: version", client.protocol_version == "2026-07-28", client.protocol_version)
        await use(client, "modern")
    check("modern: no session", not seen["sessions"], seen)


async def with_session():
    """Revisions up to MCP 2025-11-25: initialize, and a stream of the server's messages (GET)."""
    transport, seen = http(TOKEN)
    changed = asyncio.Event()

    async def on_message(message):
        if "ToolListChanged" in repr(message):
            changed.set()

    streams = streamable_http_client(URL, http_client=transport)
    async with transport:
        async with Client(streams, mode="legacy", message_handler=on_message) as client:
            await use(client, "session")
            # The stream is open once the server's message arrives.
            for _ in range(50):
                await client.call_tool("model_watch", {})
                try:
                    await asyncio.wait_for(changed.wait(), 0.2)
                    break
                except TimeoutError:
                    pass
            check("session: message in the GET stream", changed.is_set())
            check("session: one id", len(seen["sessions"]) == 1, seen)
            await other_callers(next(iter(seen["sessions"])))
        # The client has ended the session (DELETE).
        ended = await post(TOKEN, next(iter(seen["sessions"])))
        is_servers = ended.status_code == 404 and "x-error-code" not in ended.headers
        check("session: ended by DELETE", is_servers, ended.text)


async def post(token, session, method="tools/list", **headers):
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
        **headers,
    }
    if session:
        headers["mcp-session-id"] = session
    async with httpx2.AsyncClient(timeout=20) as client:
        return await client.post(URL, headers=headers, json={"jsonrpc": "2.0", "id": 9, "method": method})


async def other_callers(session):
    """A session is unknown to other callers, and to its own caller if the gateway's part of the id is missing or forged."""
    for name, token, id in [
        ("another caller", OTHER_TOKEN, session),
        ("bare id", TOKEN, session.rsplit(".", 1)[0]),
        ("forged id", TOKEN, session[:-2] + "AA"),
    ]:
        response = await post(token, id)
        error = response.json()
        is_ours = error["id"] == 9 and error["error"]["message"].endswith("(mcp_session_unknown)")
        check(f"{name}: POST", response.status_code == 404 and is_ours, response.text)
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream", "mcp-session-id": id}
        async with httpx2.AsyncClient(timeout=20, headers=headers) as client:
            for method in ["GET", "DELETE"]:
                response = await client.request(method, URL)
                code = response.headers.get("x-error-code")
                check(f"{name}: {method}", (response.status_code, code) == (404, "mcp_session_unknown"), response.text)
    own = await post(TOKEN, session)
    check("own session", own.status_code == 200 and "delete_repo" not in own.text, own.text)
    if os.environ["FORM"] == "events":
        await resume(session, own.text)


async def resume(session, stream):
    """A stream that is resumed contains the same list."""
    first = stream.split("id: ", 1)[1].split()[0]
    headers = {
        "authorization": f"Bearer {TOKEN}",
        "accept": "text/event-stream",
        "mcp-session-id": session,
        "mcp-protocol-version": "2025-11-25",
        "last-event-id": first,
    }
    async with httpx2.AsyncClient(timeout=20, headers=headers) as client:
        async with client.stream("GET", URL) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    names = [tool["name"] for tool in json.loads(line[6:])["result"]["tools"]]
                    check("resumed stream", names == ALLOWED, names)
                    break


asyncio.run(modern())
asyncio.run(with_session())
print(f"{passed} passed, {failed} failed")
raise SystemExit(failed > 0)
