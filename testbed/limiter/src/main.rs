//! A rate limit service for Envoy with its counters in Redis, in place of envoyproxy/ratelimit: it reads the same file of limits and
//! counts in the same way. The counters and their storage are the crate `limitador`.

mod budgets;
mod engine;
mod grpc;
mod protocol;

use std::{
    error::Error, fs, io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc,
};

use budgets::Budgets;
use clap::Parser;
use engine::Engine;
use grpc::RateLimitService;
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

#[derive(Parser)]
#[command(about = "A rate limit service for Envoy with its counters in Redis")]
struct Arguments {
    /// The limits: a file in the format of envoyproxy/ratelimit
    #[arg(long)]
    limits: PathBuf,
    /// The address of Redis, such as redis://127.0.0.1:6379
    #[arg(long)]
    redis: String,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let limits = arguments.limits.display();
    let text =
        fs::read_to_string(&arguments.limits).map_err(|error| format!("{limits}: {error}"))?;
    let budgets = Budgets::parse(&text).map_err(|error| format!("{limits}: {error}"))?;
    let engine = Engine::connect(budgets, &arguments.redis).await?;
    let listener = TcpListener::bind(arguments.listen).await?;
    // The runner reads the address from this line.
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let service = RateLimitService::new(Arc::new(engine));
    Server::builder()
        .add_service(service)
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
