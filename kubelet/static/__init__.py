"""Static pods: pods a node runs because of files of its own, and their mirrors in the API server."""
