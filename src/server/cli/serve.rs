//! `darkroom serve`: opens the data directory, starts everything, and ends in order when told to. Machines outlive it by design.

use super::host::{Host, Wanted, data_directory};
use super::socket::AdminSocket;
use super::terminal::{Progress, say, warn};
use super::{Code, DataArgs, Failure, seed, start_log};
use crate::server::settings::{LogFormat, LogLevel};
use crate::server::web::{self, WebSettings};
use crate::server::workers::Workers;
use clap::Args;
use darkroom_core::ops::seeding;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

const EXAMPLES: &str = "\
On SIGTERM or SIGINT (Ctrl-C) darkroom stops accepting, finishes open requests and running steps within
server.shutdown_timeout_ms, and ends with exit code 0. A second signal ends it at once. Machines keep running.

Examples:
  darkroom serve --data ./data
  darkroom serve --data /var/lib/darkroom --config /etc/darkroom.toml --log json
  darkroom serve --data ./data --seed-demo debian.qcow2     a small provider to try things out";

/// How long threads of the runtime may take to end after everything else has.
const RUNTIME_TIMEOUT: Duration = Duration::from_secs(1);
/// The exit code after a second signal.
const IMPATIENT: i32 = 1;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Where to listen, instead of server.listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Fill an empty data directory with a small provider whose public image is made from this file
    #[arg(long, value_name = "IMAGE.qcow2")]
    seed_demo: Option<PathBuf>,
    /// How the log looks, instead of log.format
    #[arg(long, value_enum)]
    log: Option<LogFormat>,
    /// The least important level in the log, instead of log.level
    #[arg(long, value_enum)]
    log_level: Option<LogLevel>,
}

/// Serves until told to end.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let mut settings = args.data.settings()?;
    settings.listen = args.listen.unwrap_or(settings.listen);
    settings.log.format = args.log.unwrap_or(settings.log.format);
    settings.log.level = args.log_level.unwrap_or(settings.log.level);
    start_log(settings.log);
    let data = data_directory(&args.data.data, Wanted::MayCreate)?;
    let host = Arc::new(Host::open(&data, settings)?);
    if !web::assets::complete() {
        tracing::warn!(
            "the portal's styles and scripts are not in this executable; build it with `make build`"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| {
        Failure::new(
            Code::Refused,
            format!("The threads of the server could not be started: {e}. Free memory and try again."),
        )
    })?;
    let result = runtime.block_on(Box::pin(serve(host, args.seed_demo.clone())));
    runtime.shutdown_timeout(RUNTIME_TIMEOUT);
    result
}

async fn serve(host: Arc<Host>, seed_demo: Option<PathBuf>) -> Result<(), Failure> {
    // Listening comes before anything is changed, so that a second start by mistake changes nothing.
    let listener = bind(host.settings.listen).await?;
    let address = listener.local_addr().map_err(|e| no_address(host.settings.listen, &e))?;
    let mut signals = Signals::listen()?;
    let looking = {
        let hypervisor = host.open.app.hypervisor.clone();
        // Asking programs for their versions takes longer than everything else at the start.
        tokio::task::spawn_blocking(move || {
            if let Some(missing) = hypervisor.facts().missing {
                tracing::warn!("machines cannot run here, images are served all the same: {missing}");
            }
        })
    };
    seed_if_empty(&host, seed_demo)?;
    let app = host.open.app.clone();
    let workers = Workers::start(&app, host.settings.workers)
        .map_err(|e| Failure::new(Code::Data, format!("Tasks cannot be worked on: {e}")))?;
    let socket = AdminSocket::start(&host).map_err(|e| {
        Failure::new(
            Code::Data,
            format!("The administrator's socket in {} cannot be made: {e}.", host.data.display()),
        )
    })?;
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        // A sender that is gone means the same.
        let _ = stopped.await;
    };
    let web_settings = WebSettings { secure_cookies: host.settings.secure_cookies };
    let mut serving = tokio::spawn(web::serve(app, web_settings, listener, shutdown));
    announce(&host, address);
    let outcome = tokio::select! {
        ended = &mut serving => Err(Failure::new(Code::Port, format!("The web server ended by itself: {ended:?}. See the log and start it again."))),
        name = signals.next() => {
            tracing::info!(signal = name, "told to end");
            Ok(())
        }
    };
    tokio::spawn(async move {
        signals.next().await;
        warn("darkroom: ended at once by a second signal; tasks go on at the next start");
        std::process::exit(IMPATIENT);
    });
    let deadline = Instant::now() + Duration::from_millis(host.settings.shutdown_timeout_ms);
    drop(stop);
    if outcome.is_ok() && tokio::time::timeout_at(deadline.into(), &mut serving).await.is_err() {
        tracing::warn!("requests were still open at the end of server.shutdown_timeout_ms and were cut off");
        serving.abort();
    }
    if let Ok(Err(e)) = tokio::time::timeout_at(deadline.into(), looking).await {
        tracing::error!("looking for QEMU ended by a defect: {e}");
    }
    stop_workers(workers, socket, deadline).await;
    tracing::info!("ended; machines keep running");
    outcome
}

/// Workers stop at the end of their step; one that takes longer is left, which is as safe as a crash: its task goes on at the next start.
async fn stop_workers(workers: Workers, socket: AdminSocket, deadline: Instant) {
    let stopping = tokio::task::spawn_blocking(move || {
        workers.stop();
        socket.stop(deadline);
    });
    if tokio::time::timeout_at(deadline.into(), stopping).await.is_err() {
        tracing::warn!(
            "a step was still running at the end of server.shutdown_timeout_ms; its task goes on at the next start"
        );
    }
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|e| no_address(listen, &e))
}

fn no_address(listen: SocketAddr, error: &std::io::Error) -> Failure {
    let what = match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "{listen} is in use by another program. Stop it, or choose another address with --listen."
        ),
        std::io::ErrorKind::PermissionDenied => {
            format!(
                "This user may not listen on {listen}. Choose a port from 1024 up with --listen, and let a proxy listen on the low one."
            )
        }
        std::io::ErrorKind::AddrNotAvailable => {
            format!("{listen} is no address of this machine. Choose another with --listen.")
        }
        _ => format!("Listening on {listen} failed: {error}. Choose another address with --listen."),
    };
    Failure::new(Code::Port, what)
}

fn announce(host: &Host, address: SocketAddr) {
    tracing::info!(%address, data = %host.data.display(), workers = host.settings.workers, "serving");
    say(&format!("darkroom is ready on http://{address}"));
    if let Some(url) = &host.settings.public_url {
        say(&format!("People reach it at {url}"));
    }
}

fn seed_if_empty(host: &Host, image: Option<PathBuf>) -> Result<(), Failure> {
    let image = match (seeding::state(&host.open.app.system())?, image) {
        (seeding::State::Used, _) | (seeding::State::Empty, None) => return Ok(()),
        (seeding::State::Half, None) => {
            return Err(Failure::new(
                Code::Refused,
                format!(
                    "Filling {} for trying things out was broken off, so it is half filled and nothing in it is of use. Start again with --seed-demo, or choose another directory.",
                    host.data.display()
                ),
            ));
        }
        (seeding::State::Empty | seeding::State::Half, Some(image)) => image,
    };
    // Refused before anything is written, so that the next try starts with an empty directory again.
    let image = image.canonicalize().map_err(|e| {
        Failure::new(
            Code::Usage,
            format!(
                "The image of the demonstration, {}, cannot be read: {e}. Check the path.",
                image.display()
            ),
        )
    })?;
    // From here to the end of this function a crash leaves a mark, and the next start begins again from nothing.
    seeding::begin(&host.open.app.system())?;
    let sign_ins = seed::provider(host)?;
    say("A small provider for trying things out was set up. These sign-ins are shown only now:");
    for seed::SignIn { label, email, password } in sign_ins {
        say(&format!("sign-in: {label} {email} {}", password.0));
    }
    let progress = Progress::new("Storing the public image");
    let stored = seed::image(host, &image, &progress);
    progress.finish();
    if let Err(error) = stored {
        // The provider is there and works; only its image is missing, and it can be added at any time.
        let advice = format!("add it later with `darkroom admin --data {} image add`", host.data.display());
        tracing::warn!(code = error.code, "the public image was not registered, {advice}: {}", error.message);
    }
    Ok(seeding::end(&host.open.app.system())?)
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|e| Failure::new(Code::Refused, format!("Signals cannot be received: {e}.")))
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
