"""Use the engines of this machine: Docker, Podman and kind."""
