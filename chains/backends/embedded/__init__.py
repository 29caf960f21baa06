"""llama.cpp on this machine: a model that needs no GPU and no other server."""
