"""The JSON API: what the pages and the command line do, over HTTP. One file a noun, as in `core/commands`."""
