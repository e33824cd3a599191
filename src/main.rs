//! The `gander` command: arguments in, exit code out.

fn main() {}
