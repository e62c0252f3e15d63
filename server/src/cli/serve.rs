//! `countersign serve`: opens the port and all that the server needs, answers requests, sends mails and removes what ran out, until it
//! is asked to stop.

use super::{StartError, asked_to_stop, prepare, say};
use crate::{
    config::{Config, Mail, Settings},
    http::{
        self, Stopping,
        listener::{self, Room},
    },
    mail::{
        smtp::Smtp,
        transport::{LocalMailbox, Transport},
        worker,
    },
    metrics::Metrics,
    service::{Services, sweep},
};
use std::{fmt::Write, future::pending, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{Instrument, info_span};

/// Mails that are delivered at the same time: one that a mail server keeps waiting mustn't hold up the others.
const MAIL_WORKERS: usize = 4;

/// How long may be waited for connections to the database in the end: nothing that was acknowledged depends on them.
const FAREWELL: Duration = Duration::from_secs(5);
/// Whoever asks for metrics comes alone.
const METRICS_ROOM: usize = 16;

/// Runs the server until it is asked to stop.
pub(super) async fn serve(settings: Settings) -> Result<(), StartError> {
    let config = Config::check(settings)?;
    // First the ports: whoever starts it twice should hear that, not of a locked database.
    let listener = listen(config.listen, "COUNTERSIGN_LISTEN (and COUNTERSIGN_ORIGIN)").await?;
    let for_metrics = match config.metrics_listen {
        Some(address) => Some(listen(address, "COUNTERSIGN_METRICS_LISTEN").await?),
        None => None,
    };
    let services = Arc::new(prepare(&config).await?);
    let transport = transport(&config)?;
    // They end with this function.
    let mut untold = JoinSet::new();
    if let Some(listener) = for_metrics {
        let metrics = Metrics::install(services.ambient.now())?;
        untold.spawn(listener::serve(listener, metrics.router(Arc::clone(&services)), Room::of(METRICS_ROOM), pending()));
        untold.spawn(metrics.keep_up());
    }
    let is_stopping = Stopping::default();
    let router = http::router(Arc::clone(&services), is_stopping.clone());
    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for number in 1..=MAIL_WORKERS {
        let worker = worker::run(services.storage.clone(), services.outbox.clone(), Arc::clone(&transport), stopping.clone());
        tasks.spawn(worker.instrument(info_span!("mail", worker = number)));
    }
    tasks.spawn(sweep_hourly(Arc::clone(&services), stopping).instrument(info_span!("sweep")));
    say(&welcome(&config), &mut io::stdout());
    let asked_to_stop = async {
        asked_to_stop().await;
        is_stopping.begin();
        tracing::info!("asked to stop");
        tokio::spawn(end_at_once_when_asked_again());
        sleep(config.stop_delay).await;
    };
    listener::serve(listener, router, Room::shared(listener::room(), &config.trusted_proxies), asked_to_stop).await;
    // Whoever holds the other end may be gone already; then there is nobody to tell.
    let _ = stop.send(true);
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the server broke off");
        }
    }
    if timeout(FAREWELL, services.storage.close()).await.is_err() {
        tracing::warn!("the database's connections didn't end in time");
    }
    Ok(())
}

/// Whoever presses Ctrl-C once more doesn't want to wait for anybody. What was acknowledged is on the disk.
async fn end_at_once_when_asked_again() {
    if tokio::signal::ctrl_c().await.is_ok() {
        tracing::warn!("asked to stop at once: whoever wasn't answered yet is cut off");
        std::process::exit(130);
    }
}

fn transport(config: &Config) -> Result<Arc<dyn Transport>, StartError> {
    Ok(match &config.mail {
        Mail::Smtp { url, from } => Arc::new(Smtp::new(url, from.clone(), &config.origin)?),
        Mail::LocalMailbox => Arc::new(LocalMailbox::new(&config.origin_text())),
    })
}

/// `setting` is what chooses another port.
async fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { address, setting },
        _ => StartError::Listen { address, source },
    })
}

async fn sweep_hourly(services: Arc<Services>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            // Each of its steps is done or not.
            swept = sweep(&services) => if let Err(error) = swept {
                tracing::warn!(error = &error as &dyn std::error::Error, "what ran out couldn't be removed; it will be tried again");
            },
            _ = stopping.changed() => return,
        }
        tokio::select! {
            () = sleep(Duration::from_hours(1)) => {}
            _ = stopping.changed() => return,
        }
    }
}

fn welcome(config: &Config) -> String {
    let origin = config.origin_text();
    let mut text = format!("\nCountersign is ready.\n\n  Open    {origin}\n");
    if matches!(config.mail, Mail::LocalMailbox) {
        // A String takes whatever is written to it.
        let _ = writeln!(text, "  Mails   {origin}/dev/mail   (no mail server is set up: they stay on this machine)");
    }
    let _ = writeln!(text, "  Data    {}", config.database);
    text
}
