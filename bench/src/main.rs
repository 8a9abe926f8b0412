//! The `vestibule-bench` command.

fn main() {}
