"""The HUD service: a built day as columns, over HTTP and WebSocket, and in this process."""
