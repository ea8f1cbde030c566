"""Work that outlives a browser tab: the jobs table, the supervisor, a process per job."""
