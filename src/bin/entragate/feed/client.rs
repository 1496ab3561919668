//! Makes the library's calls over HTTP.

use entragate::fetch::callout::{Answer, Callout, CalloutError};
use std::cell::RefCell;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// The maximum size of an answer, as in the filter.
const MAX_BYTES: u64 = 1024 * 1024;

pub struct Client {
    agent: Agent,
    /// The reason why the last call got no response.
    failure: RefCell<Option<String>>,
}

impl Client {
    /// `ca` is a file with the certificates (PEM) to trust instead of the built-in ones.
    ///
    /// # Errors
    /// A text for the user, if the file cannot be used.
    pub fn new(ca: Option<&Path>) -> Result<Self, String> {
        let roots = match ca {
            None => RootCerts::WebPki,
            Some(file) => RootCerts::Specific(Arc::new(certificates(file)?)),
        };
        let tls = TlsConfig::builder().root_certs(roots).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // Calls go only to the configured host, so redirects are not followed.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Ok(Self {
            agent: config.new_agent(),
            failure: RefCell::default(),
        })
    }

    /// Returns the text of the last call's error for the operator. The library does not report why a call got no
    /// response.
    pub fn explain(&self, error: &CalloutError) -> String {
        match (error, &*self.failure.borrow()) {
            (CalloutError::Interrupted, Some(cause)) => format!("{error} ({cause})"),
            _ => error.to_string(),
        }
    }

    fn interrupted(&self, cause: &dyn Display) -> Answer {
        self.failure.replace(Some(cause.to_string()));
        Answer::Failed(CalloutError::Interrupted)
    }

    /// Makes a call and waits for its answer.
    pub fn call(&self, callout: &Callout) -> Answer {
        let target = &callout.target;
        let uri = format!("{}://{}{}", target.scheme, target.authority, target.path);
        let mut request = ureq::http::Request::builder()
            .method(callout.method)
            .uri(uri);
        for (name, value) in &callout.headers {
            request = request.header(name, value);
        }
        let Ok(request) = request.body(callout.body.clone()) else {
            return Answer::Failed(CalloutError::NoHost);
        };
        let request = self.agent.configure_request(request);
        let request = request.timeout_global(Some(callout.timeout)).build();
        let response = match self.agent.run(request) {
            Ok(response) => response,
            Err(error) => return self.interrupted(&error),
        };
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").cloned();
        let mut body = Vec::new();
        let mut reader = response.into_body().into_reader().take(MAX_BYTES + 1);
        if let Err(error) = reader.read_to_end(&mut body) {
            return self.interrupted(&error);
        }
        if body.len() as u64 > MAX_BYTES {
            let (size, limit) = (body.len(), MAX_BYTES as usize);
            return Answer::Failed(CalloutError::TooLarge { size, limit });
        }
        Answer::of(
            status,
            retry_after.as_ref().map(|value| value.as_bytes()),
            body,
        )
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let name = file.display();
    let text = std::fs::read(file).map_err(|error| format!("{name}: {error}"))?;
    let certificates: Result<Vec<_>, _> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect();
    match certificates {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(format!("{name}: contains no certificate in PEM form")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
