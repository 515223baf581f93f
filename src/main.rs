//! The executable: everything is in `darkroom::server::cli`.

fn main() -> std::process::ExitCode {
    darkroom::server::cli::main()
}
