"""An output folder for the clients of others: a folder, perhaps an inbox and a budget, come in; an MCP server goes out. `server` leads."""
