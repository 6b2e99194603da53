"""Write the Dockerfile that makes the plan's images with BuildKit.

The file stands alone: any BuildKit makes good images from it, without gomab.
The backend `buildkit` uses the very same file and still makes the file tree
that the backend `native` makes, by one trick: all but the programs comes from
a stage of its own, `root`, and `--build-context root=…` replaces a stage. Alone,
`root` takes certificates and time zones from the Go image; under gomab it is an
image with gomab's own layers, whose owners and modes reach the result as they
are (a plain folder as context would lose them).

Nothing but the native Go image runs anything, so no emulation is needed, and
what depends on platform or commit comes after the download of modules.
"""
