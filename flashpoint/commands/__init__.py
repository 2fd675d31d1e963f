"""The groups of commands that ``flashpoint <group> ...`` has, one module a group."""
