"""A cell of Ray Serve on this machine alone, from the files of deploy/ray."""
