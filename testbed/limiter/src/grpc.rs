//! `envoy.service.ratelimit.v3.RateLimitService` over gRPC.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
    server::{Grpc, NamedService, UnaryService},
};
use tonic_prost::ProstCodec;

use crate::{
    engine::Engine,
    protocol::{RateLimitRequest, RateLimitResponse},
};

const METHOD: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

#[derive(Clone)]
pub struct RateLimitService {
    engine: Arc<Engine>,
}

impl RateLimitService {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl NamedService for RateLimitService {
    const NAME: &'static str = "envoy.service.ratelimit.v3.RateLimitService";
}

impl Service<http::Request<Body>> for RateLimitService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != METHOD {
            let unknown: Ready<_> = ready(Ok(Status::unimplemented("unknown method").into_http()));
            return Box::pin(unknown);
        }
        let method = ShouldRateLimit(Arc::clone(&self.engine));
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::default())
                .unary(method, request)
                .await)
        })
    }
}

struct ShouldRateLimit(Arc<Engine>);

impl UnaryService<RateLimitRequest> for ShouldRateLimit {
    type Response = RateLimitResponse;
    type Future = Answer<Response<RateLimitResponse>, Status>;

    fn call(&mut self, request: Request<RateLimitRequest>) -> Self::Future {
        let engine = Arc::clone(&self.0);
        Box::pin(async move {
            let decided = engine.decide(request.get_ref()).await;
            // Envoy then does what `failure_mode_deny` says.
            let decided = decided.map_err(|error| Status::unavailable(error.to_string()))?;
            Ok(Response::new(decided))
        })
    }
}
