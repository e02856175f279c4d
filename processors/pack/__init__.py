"""Pages in, windows out. `windows` leads. Pure: no disk, no network, no clock."""
