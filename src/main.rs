//! The `gander` command: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    gander::cli::main(std::env::args_os()).code().into()
}
