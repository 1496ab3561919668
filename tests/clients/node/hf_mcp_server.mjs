// Hugging Face's MCP server on an ephemeral port, which it prints on stderr.
process.env.NODE_ENV ??= "production";
const { Application } = await import("@llmindset/hf-mcp-server/dist/server/application.js");
const { WebServer } = await import("@llmindset/hf-mcp-server/dist/server/web-server.js");

const webServerInstance = new WebServer();
await new Application({ transportType: "streamableHttpJson", webAppPort: 0, webServerInstance }).start();
console.error(webServerInstance.server.address().port);
