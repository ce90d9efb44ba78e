"""Storage drivers of ours. Neither components nor clients: whoever uses one speaks CSI with it, over a socket."""
