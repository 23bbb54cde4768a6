# The programs: main() of each, and the list of built-in plugins.
